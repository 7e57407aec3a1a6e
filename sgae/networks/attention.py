"""Self-attention between convolutions. Zhang et al. 2019 (arXiv 1805.08318).

Each place of a map looks at all of its places, at half the resolution, and adds what it
finds there.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from sgae.networks import layers, network
from sgae.networks.network import BatchNetwork
from sgae.networks.normalization import Normalization


class Attention(NamedTuple):
  """Where a network attends.

  Attributes:
    resolutions: rows of the maps that are attended.
    heads: of each of them; see `self_attention`.
  """

  resolutions: tuple[int, ...] = ()
  heads: int = 1


NO_ATTENTION = Attention()


def key_width(channels: int) -> int:
  """Returns the length of queries and keys, over all heads."""
  return max(1, channels // 8)


def value_width(channels: int) -> int:
  """Returns the length of values, over all heads."""
  return max(1, channels // 2)


def attention_at(
  name: str,
  attention: Attention,
  size: tuple[int, int],
  channels: int,
  normalization: Normalization,
) -> dict[str, BatchNetwork]:
  """Returns the layer that follows a map in a chain, by its name, or none.

  Args:
    name: of what made the map.
    attention: of the network.
    size: (rows, columns) of the map.
    channels: of the map.
    normalization: as of `self_attention`.
  """
  if size[0] not in attention.resolutions:
    return {}
  block = self_attention(channels, attention.heads, normalization)
  return {f"{name}_attention": block}


def self_attention(
  channels: int, heads: int, normalization: Normalization
) -> BatchNetwork:
  """x + sigma * attention(x), where sigma is learned and starts from zero.

  Queries and keys are 1x1 convolutions to C / 8 channels, values to C / 2; keys and
  values are the largest of each 2x2 places. The logits of the softmax are not scaled,
  as in the paper. It is never piecewise linear.

  It is `jax.nn.dot_product_attention`, by the form that JAX chooses. cuDNN's is not
  asked for: it takes no float32, and has no second derivative, which R1 needs.

  Args:
    channels: C of the map.
    heads: divides `key_width(C)` and `value_width(C)`. Each head attends with its part
      of queries, keys and values.
    normalization: of the kernels alone: `NONE` or that of `make_spectral`.

  Returns:
    BatchNetwork with x_bhwc [B, H, W, C] -> [B, H, W, C].
  """
  narrow, wide = key_width(channels), value_width(channels)

  def convolution(inputs, outputs):
    return layers.convolution(
      inputs, outputs, 1, network.OUTPUT_INIT, normalization, biased=False
    )

  products = {
    "query": convolution(channels, narrow),
    "key": convolution(channels, narrow),
    "value": convolution(channels, wide),
    "output": convolution(wide, channels),
  }
  fresh, updated = layers.init_of(products), layers.after_update_of(products)

  def apply(params, x_bhwc, *, train, axis=None):
    statistics = {}

    def product(name, x):
      y, statistics[name] = products[name].apply(
        params[name], x, train=train, axis=axis
      )
      return y

    query = _split(product("query", x_bhwc), heads)
    key = _split(_largest_of_four(product("key", x_bhwc)), heads)
    value = _split(_largest_of_four(product("value", x_bhwc)), heads)
    found = jax.nn.dot_product_attention(
      _as_long(query, value), _as_long(key, value), value, scale=1.0
    )
    found_bhwc = product("output", found.reshape(*x_bhwc.shape[:3], wide))
    return x_bhwc + params["sigma"] * found_bhwc, statistics

  return BatchNetwork(
    lambda key: fresh(key) | {"sigma": jnp.zeros(())},
    apply,
    lambda params, statistics: params | updated(params, statistics),
  )


def _split(x_bhwc, heads):
  """[B, H, W, C] -> [B, H * W, heads, C / heads]."""
  batch, rows, columns, channels = x_bhwc.shape
  return x_bhwc.reshape(batch, rows * columns, heads, channels // heads)


def _largest_of_four(x_bhwc):
  """[B, H, W, C] -> [B, ceil(H / 2), ceil(W / 2), C], so that none is left out."""
  return nn.max_pool(x_bhwc, (2, 2), (2, 2), "SAME")


def _as_long(x, value):
  """Adds zeros to the vectors of each head until they are as long as its values.

  That is the one length that `jax.nn.dot_product_attention` takes, and zeros change no
  product.
  """
  return jnp.pad(x, [(0, 0)] * 3 + [(0, value.shape[-1] - x.shape[-1])])
