"""From a config to the networks of translation, both directions as one.

What belongs to the two sides, or to the two directions by the side that they come from,
is stacked along a leading axis of 2: one program serves both.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sgae.methods.sparse_autoencoder.networks import build_autoencoder
from sgae.networks import image_to_image, mlp
from sgae.networks.autoencoder import BRANCHES
from sgae.networks.network import BatchNetwork, Params, computed_in, rowwise
from sgae.networks.sparsity import Code

SIDES = ("a", "b")
DIRECTIONS = ("ab", "ba")  # from the side of the first letter to that of the second


class Translators(NamedTuple):
  """The generators of both directions as pure functions of one parameter tree.

  Attributes:
    init: `init(key, inherited) -> params`, with branches of a trained autoencoder.
    translate: `translate(params, images_2bhwc, *, train, axis) -> (images_2bhwc,
      code)`: images of the sides a and b become images of the sides b and a, in this
      order. The code is that of each, or None where there is none.
    one: `one(params, source, images_bhwc) -> (images_bhwc, code)` from the side of the
      number `source` alone, each row a function of its own image.
    after_update: `after_update(params, code, axis) -> params`, with the values of the
      code.
    branches: those of `inherited` that `init` makes use of.
  """

  init: Callable[..., Params]
  translate: Callable[..., tuple[jax.Array, Code | None]]
  one: Callable[..., tuple[jax.Array, Code | None]]
  after_update: Callable[..., Params]
  branches: tuple[str, ...] = ()


def build_translators(config: Any, mean_image_hwc: np.ndarray) -> Translators:
  """Returns the generators that `config.translation` describes.

  Args:
    config: validated.
    mean_image_hwc: float32 [H, W, C] in [-1, 1], mean of the first side's images.
  """
  fields, shape = config.translation, mean_image_hwc.shape
  if fields.generator_architecture == "sparse":
    return _sparse(config, mean_image_hwc)
  if fields.generator_architecture == "mlp":
    network = image_to_image.mlp_translator(shape, fields.generator_hidden)
  else:
    network = image_to_image.residual_translator(
      shape, fields.generator_hidden, fields.blocks, fields.generator_normalization
    )
  return _plain(computed_in(network, config.precision.compute))


def _plain(network: BatchNetwork) -> Translators:
  """Returns two networks, one for each direction."""

  def translate(params, images_2bhwc, *, train, axis=None):
    made, _ = both(network)(params, images_2bhwc, train=train, axis=axis)
    return made, None

  def one(params, source, images_bhwc):
    made, _ = network.apply(taken(params, source), images_bhwc, train=False)
    return made, None

  return Translators(
    lambda key, inherited: initial(network.init, key),
    translate,
    one,
    lambda params, code, axis: params,
  )


def _sparse(config: Any, mean_image_hwc: np.ndarray) -> Translators:
  """Returns encoders and decoders of both sides with one sparsity map between them."""
  autoencoder = build_autoencoder(config, mean_image_hwc)

  def init(key, inherited):
    params = initial(autoencoder.init, key)
    # both sides start from one autoencoder
    params |= {
      name: jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), branch)
      for name, branch in inherited.items()
    }
    return params | {"sparsity": taken(params["sparsity"], 0)}

  def encode(params, images_2bhwc, *, train, axis):
    def encode_side(encoder, images_bhwc):
      own = params | {"encoder": encoder}
      return autoencoder.encode(own, images_bhwc, train=train, axis=axis)[0]

    return jax.vmap(encode_side)(params["encoder"], images_2bhwc)

  def translate(params, images_2bhwc, *, train, axis=None):
    code = encode(params, images_2bhwc, train=train, axis=axis)
    crossed = jax.tree.map(lambda leaf: leaf[::-1], params["decoder"])
    made_2bhwc = jax.vmap(
      lambda decoder, own: autoencoder.decode({"decoder": decoder}, own)
    )(crossed, code)
    return made_2bhwc, code

  def one(params, source, images_bhwc):
    whole = {
      "encoder": taken(params["encoder"], source),
      "decoder": taken(params["decoder"], 1 - source),
      "sparsity": params["sparsity"],
    }
    code, _ = autoencoder.encode(whole, images_bhwc, train=False)
    return autoencoder.decode(whole, code), code

  def after_update(params, code, axis):
    for values in code:
      params |= autoencoder.after_update({"sparsity": params["sparsity"]}, values, axis)
    return params

  return Translators(init, translate, one, after_update, BRANCHES)


def build_discriminators(config: Any, image_shape: tuple[int, ...]) -> BatchNetwork:
  """Returns the network of either side, images_bhwc -> logits [B, ...].

  Args:
    config: validated.
    image_shape: (H, W, C) of the images; with pairs it sees the input in as many
      channels before them.
  """
  fields = config.translation
  height, width, channels = image_shape
  channels *= 2 if fields.pair_weight else 1
  if fields.discriminator_architecture == "mlp":
    network = rowwise(
      mlp.mlp_discriminator(
        (height, width, channels), fields.discriminator_hidden, "leaky_relu"
      )
    )
  else:
    network = image_to_image.patch_discriminator(
      channels, fields.discriminator_hidden, fields.discriminator_normalization
    )
  return computed_in(network, config.precision.compute)


def initial(init: Callable[[jax.Array], Params], key: jax.Array) -> Params:
  """Returns the parameters of two networks, stacked."""
  return jax.vmap(init)(jax.random.split(key))


def both(network: BatchNetwork) -> Callable[..., tuple[jax.Array, Any]]:
  """Returns the `apply` of two networks that are stacked, as are its results."""

  def apply(params, x_2b, *, train, axis=None):
    def of_one(params, x_b):
      return network.apply(params, x_b, train=train, axis=axis)

    return jax.vmap(of_one)(params, x_2b)

  return apply


def taken(tree: Any, number: int) -> Any:
  """Returns one of the two that are stacked."""
  return jax.tree.map(lambda leaf: leaf[number], tree)
