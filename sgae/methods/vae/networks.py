"""From a config to the networks of the variational autoencoder."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sgae.methods.vae.likelihoods import Likelihood, build_likelihood
from sgae.methods.vae.posteriors import POSTERIORS, Posterior
from sgae.networks import mlp
from sgae.networks.dcgan import dcgan_encoder, dcgan_generator
from sgae.networks.network import (
  BatchNetwork,
  Layers,
  Network,
  Params,
  computed_in,
  rowwise,
)


class Vae(NamedTuple):
  """A variational autoencoder as pure functions of one parameter tree.

  The tree has three branches: `encoder`, `decoder` and `likelihood`. The decoder's has
  the shape of a generator's parameters, which is what lets it be transferred.

  Attributes:
    latent_dim: K.
    init: `init(key) -> params`.
    encode: `encode(params, images_bhwc) -> outputs_bm`, which `posterior` reads.
    decode: `decode(params, latents) -> outputs`, float32 [..., K] -> [..., H, W, C],
      which `likelihood` reads.
    posterior, likelihood: functions of these outputs.
    decoder_layers: of all parameters, what makes images of latents as plain arrays;
      None: it is no chain of such layers.
  """

  latent_dim: int
  init: Callable[[jax.Array], Params]
  encode: Callable[[Params, jax.Array], jax.Array]
  decode: Callable[[Params, jax.Array], jax.Array]
  posterior: Posterior
  likelihood: Likelihood
  decoder_layers: Layers | None


def build_vae(config: Any, mean_image_hwc: np.ndarray) -> Vae:
  """Builds the variational autoencoder that `config.vae` describes.

  Args:
    config: a validated config.
    mean_image_hwc: float32 [H, W, C] in [-1, 1], mean of the training images.
  """
  fields = config.vae
  posterior, likelihood = POSTERIORS[fields.posterior](), build_likelihood(config)
  build_encoder, build_decoder = ARCHITECTURES[fields.architecture]
  numbers = posterior.numbers * fields.latent_dim
  encoder = computed_in(
    build_encoder(fields, mean_image_hwc, numbers), config.precision.compute
  )
  decoder = computed_in(build_decoder(fields, mean_image_hwc), config.precision.compute)

  def init(key):
    encoder_key, decoder_key = jax.random.split(key)
    return {
      "encoder": encoder.init(encoder_key),
      "decoder": decoder.init(decoder_key),
      "likelihood": likelihood.init(),
    }

  def encode(params, images_bhwc):
    return encoder.apply(params["encoder"], images_bhwc)

  def decode(params, latents):
    flat = latents.reshape(-1, fields.latent_dim)
    outputs, _ = decoder.apply(params["decoder"], flat, train=False)
    return outputs.reshape(*latents.shape[:-1], *mean_image_hwc.shape)

  layers = _with_output(decoder.layers, likelihood.output)
  return Vae(fields.latent_dim, init, encode, decode, posterior, likelihood, layers)


def _with_output(layers: Layers | None, output: str) -> Layers | None:
  """Returns a decoder's layers, of all parameters, with a last activation."""
  if layers is None:
    return None

  def images_of(params):
    *hidden, last = layers(params["decoder"])
    return (*hidden, last._replace(activation=output))

  return images_of


def _mlp_encoder(fields, mean_image_hwc, numbers) -> Network:
  network = mlp.mlp_encoder(
    mean_image_hwc, fields.encoder_hidden, numbers, fields.activation
  )

  def apply(params, images_bhwc):
    return network.apply(params, images_bhwc).values

  return Network(network.init, apply)


def _convolutional_encoder(fields, mean_image_hwc, numbers) -> Network:
  """The mean image is kept with the weights and never trained, as in `mlp_encoder`."""
  network = dcgan_encoder(
    mean_image_hwc.shape,
    numbers,
    fields.encoder_hidden,
    fields.kernel_size,
    fields.activation,
    "none",
  )
  mean = np.asarray(mean_image_hwc, np.float32)

  def init(key):
    return {"mean": jnp.array(mean), "layers": network.init(key)}

  def apply(params, images_bhwc):
    centred = images_bhwc - jax.lax.stop_gradient(params["mean"])[None]
    return network.apply(params["layers"], centred, train=False)[0]

  return Network(init, apply)


def _mlp_decoder(fields, mean_image_hwc) -> BatchNetwork:
  """The last bias starts where latents of zero show the mean image."""
  network = mlp.mlp_generator(
    mean_image_hwc.shape,
    fields.latent_dim,
    fields.decoder_hidden,
    fields.activation,
    "linear",
  )
  bias = mlp.start_of_bias(np.asarray(mean_image_hwc, np.float32), fields.output)

  def init(key):
    params = network.init(key)
    *_, last = params
    return params | {last: params[last] | {"bias": jnp.array(bias.ravel())}}

  return rowwise(network)._replace(init=init)


def _convolutional_decoder(fields, mean_image_hwc) -> BatchNetwork:
  return dcgan_generator(
    mean_image_hwc.shape,
    fields.latent_dim,
    fields.decoder_hidden,
    fields.kernel_size,
    fields.activation,
    "linear",
    "none",
  )


# (config.vae, mean_image_hwc, numbers) -> encoder, (config.vae, mean_image_hwc) ->
# decoder.
ARCHITECTURES: dict[str, tuple[Callable[..., Network], Callable[..., BatchNetwork]]] = {
  "mlp": (_mlp_encoder, _mlp_decoder),
  "convolutional": (_convolutional_encoder, _convolutional_decoder),
}
