"""Discriminators that are autoencoders: the energy is the reconstruction error."""

import jax
import jax.numpy as jnp

from sgae.networks import dropout
from sgae.networks.autoencoder import Autoencoder, reconstruct
from sgae.networks.network import BatchNetwork


def energy_network(autoencoder: Autoencoder) -> BatchNetwork:
  """Image -> minus its reconstruction error, and its code.

  The energy of an image is its mean squared error over pixels, and depends on this
  image alone: the autoencoder works as at inference. Zhao et al. 2016 (arXiv
  1609.03126). An error is no piecewise linear function.

  Args:
    autoencoder: dense or with places.

  Returns:
    BatchNetwork with images_bhwc in [-1, 1] -> (logits float32 [B], all <= 0, code
    [B, K] or [B, h, w, K]); its parameters are the autoencoder's. It takes `Thinned`
    images where the autoencoder's encoder does.
  """

  def apply(params, inputs, *, train, axis=None):
    del train, axis
    images_bhwc, _ = dropout.parts(inputs)
    reconstructions_bhwc, code = reconstruct(autoencoder, params, inputs)
    errors_bhwc = (images_bhwc - reconstructions_bhwc) ** 2
    return (-jnp.mean(errors_bhwc, axis=(1, 2, 3)), code.values), {}

  def after_update(params, statistics):
    del statistics
    # bounds stay kept; what a batch fires moves nothing, so none is shown
    return autoencoder.after_update(params, jnp.zeros((1, 1)), None)

  return BatchNetwork(autoencoder.init, apply, after_update)


def only_logits(outputs: tuple[jax.Array, jax.Array]) -> jax.Array:
  """Returns the logits alone of what `energy_network` gives."""
  return outputs[0]
