"""The discriminator that starts from the autoencoder, or from its encoder."""

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp

from sgae.methods.inheritance import replace_branches
from sgae.networks.autoencoder import BRANCHES
from sgae.networks.network import HIDDEN_GAIN, Params


def from_autoencoder(params: Params, inherited: Mapping[str, Params]) -> Params:
  """Returns a discriminator that is the trained autoencoder.

  Args:
    params: of a fresh one, by `build_energy`.
    inherited: `BRANCHES` of the autoencoder, and perhaps others.

  Raises:
    ValueError: they differ in shape, which checks.py refuses before.
  """
  return replace_branches(params, {name: inherited[name] for name in BRANCHES})


def from_encoder(params: Params, encoder: Params) -> Params:
  """Returns a discriminator whose first layers are the encoder's.

  Each unit keeps its direction; its norm becomes that which a fresh layer has on
  average, and its bias subtracts the mean image, so that it begins as quick to train as
  a fresh one. A fully connected discriminator takes one layer, of a wider encoder the
  first units; a convolutional one takes all layers that both have in the same shapes.

  Args:
    params: of a fresh discriminator; a dense one has its first layer at `Dense_0`.
    encoder: of the autoencoder, the branch `encoder`.

  Raises:
    ValueError: the first layers differ in shape, which checks.py refuses before.
  """
  if "rows" in encoder:  # of `mlp_encoder` or `lista_encoder`
    layers = encoder.get("layers")  # LISTA has none
    kernel = layers["Dense_0"]["kernel"] if layers else encoder["rows"].T
    kernels = {"Dense_0": kernel[:, : params["Dense_0"]["kernel"].shape[1]]}
    mean = encoder["mean"].ravel()
  else:
    kernels = {name: layer["kernel"] for name, layer in encoder["layers"].items()}
    mean = encoder["mean"].mean(axis=(0, 1))
  taken: dict[str, Any] = {}
  for name, kernel in kernels.items():
    if name not in params or params[name]["kernel"].shape != kernel.shape:
      break
    inputs = tuple(range(kernel.ndim - 1))
    norms = jnp.sqrt(jnp.sum(kernel**2, axis=inputs, keepdims=True))
    scaled = kernel * (HIDDEN_GAIN**0.5 / jnp.maximum(norms, 1e-12))
    bias = params[name]["bias"]
    if not taken:  # later layers see no image
      bias = -jnp.einsum("...io,i->o", scaled, mean)
    taken[name] = params[name] | {"kernel": scaled, "bias": bias}
  if not taken:
    raise ValueError("the encoder's first layer does not fit the discriminator's")
  return params | taken


# (fresh params, inherited) -> params
STARTS: dict[str, Callable[[Params, Mapping[str, Params]], Params]] = {
  "encoder": lambda params, inherited: from_encoder(params, inherited["encoder"]),
  "autoencoder": from_autoencoder,
}
