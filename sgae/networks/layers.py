"""Layers of convolutional networks: a product, a normalization and a bias.

Each is a `BatchNetwork`, and so is a chain of them.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from sgae.kernels.convolution import convolve, convolve_transposed
from sgae.networks import network
from sgae.networks.network import BatchNetwork, Params
from sgae.networks.normalization import NONE, Normalization

Initializer = Callable[..., jax.Array]


def dense(
  inputs: int,
  shape: tuple[int, ...],
  init: Initializer,
  normalization: Normalization = NONE,
) -> BatchNetwork:
  """[B, ...] with `inputs` numbers each -> [B, *shape], channels last."""

  def product(x, kernel):
    return (x.reshape(x.shape[0], -1) @ kernel).reshape(-1, *shape)

  return _layer(product, (inputs, math.prod(shape)), shape[-1], init, normalization)


def convolution(
  inputs: int,
  outputs: int,
  side: int,
  init: Initializer,
  normalization: Normalization = NONE,
  *,
  stride: int = 1,
  groups: int = 1,
  biased: bool = True,
) -> BatchNetwork:
  """[B, H, W, inputs] -> [B, ceil(H / stride), ceil(W / stride), outputs]."""

  def product(x, kernel):
    return convolve(x, kernel, stride, groups)

  shape = (side, side, inputs // groups, outputs)
  return _layer(product, shape, outputs, init, normalization, biased)


def transposed_convolution(
  inputs: int,
  outputs: int,
  side: int,
  size: tuple[int, int],
  init: Initializer,
  normalization: Normalization = NONE,
) -> BatchNetwork:
  """[B, h, w, inputs] -> [B, *size, outputs], where h, w are half of `size`."""

  def product(x, kernel):
    return convolve_transposed(x, kernel, 2, size)

  shape = (side, side, outputs, inputs)
  return _layer(product, shape, outputs, init, normalization)


def chain(
  layers: Mapping[str, BatchNetwork], activation: Callable[[jax.Array], jax.Array]
) -> BatchNetwork:
  """Composes layers with an activation between them, none after the last.

  The chain is piecewise linear where all of its layers and the activation are.

  Args:
    layers: in order, by the names that they have among the parameters.
    activation: elementwise.
  """
  *_, last = layers

  def apply(params, x, *, train, axis=None):
    statistics: dict[str, Any] = {}
    for name, layer in layers.items():
      x, statistics[name] = layer.apply(params[name], x, train=train, axis=axis)
      x = x if name == last else activation(x)
    return x, statistics

  linear = activation in network.PIECEWISE_LINEAR and all(
    layer.piecewise_linear for layer in layers.values()
  )
  return BatchNetwork(init_of(layers), apply, after_update_of(layers), linear)


def init_of(layers: Mapping[str, BatchNetwork]) -> Callable[[jax.Array], Params]:
  """Returns the `init` of a network that holds others by name."""

  def init(key):
    keys = dict(zip(layers, jax.random.split(key, len(layers)), strict=True))
    return {name: layer.init(keys[name]) for name, layer in layers.items()}

  return init


def after_update_of(
  layers: Mapping[str, BatchNetwork],
) -> Callable[[Params, dict[str, Any]], Params]:
  """Returns the `after_update` of a network that holds others by name."""

  def after_update(params, statistics):
    return {
      name: layer.after_update(params[name], statistics[name])
      for name, layer in layers.items()
    }

  return after_update


def halved(shape: Sequence[int], times: int) -> tuple[int, int]:
  """Returns (H, W) of a shape (H, W, ...) after so many strides of 2, rounded up."""
  height, width = shape[:2]
  return -(-height // 2**times), -(-width // 2**times)


# A pixel that a transposed convolution of stride 2 makes sees a quarter of the kernel,
# whose last axis is the inputs'.
TRANSPOSED_HIDDEN_INIT, TRANSPOSED_OUTPUT_INIT = (
  nn.initializers.variance_scaling(
    4 * gain, "fan_in", "truncated_normal", in_axis=-1, out_axis=-2
  )
  for gain in (network.HIDDEN_GAIN, network.OUTPUT_GAIN)
)


def _layer(
  product, kernel_shape, channels, kernel_init, normalization, biased=True
) -> BatchNetwork:
  def init(key):
    kernel_key, normalization_key = jax.random.split(key)
    kernel = kernel_init(kernel_key, kernel_shape)
    kept = normalization.init(normalization_key, kernel, channels)
    bias = {"bias": jnp.zeros(channels)} if biased else {}
    return {"kernel": kernel} | bias | kept

  def apply(params, x, *, train, axis=None):
    x = product(x, normalization.kernel(params))
    x, statistics = normalization.outputs(params, x, train=train, axis=axis)
    return (x + network.along_last(params["bias"], x) if biased else x), statistics

  linear = normalization.piecewise_linear
  return BatchNetwork(init, apply, normalization.after_update, linear)
