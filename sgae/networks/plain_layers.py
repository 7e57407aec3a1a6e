"""Layers of decoders as plain arrays, for what computes without JAX.

A map [H, W, C] is laid out as a vector, rows first and channels last.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from sgae.kernels.convolution import zeros_around


class DenseLayer(NamedTuple):
  """activation(x @ weights + bias).

  Attributes:
    weights: float [I, O], on the host.
    bias: float [O].
    activation: a name in `FUNCTIONS`.
  """

  weights: np.ndarray
  bias: np.ndarray
  activation: str

  # those of a `TransposedLayer` of one place and one pixel
  kernel = places = size = (1, 1)

  def apply(self, x_bi: np.ndarray) -> np.ndarray:
    """Returns the outputs [B, O] of inputs [B, I]."""
    return FUNCTIONS[self.activation](x_bi @ self.weights + self.bias)


class TransposedLayer(NamedTuple):
  """activation(y + bias), with y the transpose of a convolution of stride 2.

  Attributes:
    weights: float [I, h, w, O], what a channel adds around its place; on the host.
    bias: float [O], or [H, W, O]: one for each pixel.
    activation: a name in `FUNCTIONS`.
    size: (H, W) of what is made.
  """

  weights: np.ndarray
  bias: np.ndarray
  activation: str
  size: tuple[int, int]

  @property
  def kernel(self) -> tuple[int, int]:
    """Its side in rows and in columns."""
    return self.weights.shape[1:3]

  @property
  def places(self) -> tuple[int, int]:
    """(rows, columns) of the map that it reads."""
    height, width = self.size
    return -(-height // 2), -(-width // 2)

  def apply(self, x_bi: np.ndarray) -> np.ndarray:
    """Returns the maps [B, H * W * O] of maps [B, h * w * I]."""
    (rows, columns), (high, wide) = self.places, self.kernel
    x = x_bi.reshape(-1, rows, columns, len(self.weights))
    # place i adds to pixels from 2 i on, before the first ones are cut off
    shape = (len(x), 2 * rows + high, 2 * columns + wide, self.weights.shape[-1])
    whole = np.zeros(shape, np.result_type(x, self.weights))
    for i in range(high):
      for j in range(wide):
        added = x @ self.weights[:, i, j]
        whole[:, i : i + 2 * rows : 2, j : j + 2 * columns : 2] += added
    (top, left), (height, width) = cut_off(self), self.size
    y = whole[:, top : top + height, left : left + width]
    return FUNCTIONS[self.activation](y + self.bias).reshape(len(x), -1)


PlainLayer = DenseLayer | TransposedLayer

# The activations of `network.ACTIVATIONS` and `network.OUTPUT_ACTIVATIONS`.
FUNCTIONS = {
  "leaky_relu": lambda x: np.where(x < 0, 0.2 * x, x),
  "linear": lambda x: x,
  "relu": lambda x: np.maximum(x, 0),
  "silu": lambda x: x / (1 + np.exp(-np.maximum(x, -80))),
  "tanh": np.tanh,
}


def cut_off(layer: PlainLayer) -> tuple[int, ...]:
  """Returns how many rows and columns of the first place's kernel lie outside.

  As many zeros 'SAME' puts before an image.
  """
  sides = zip(layer.size, layer.kernel, strict=True)
  return tuple(zeros_around(size, side, 2) // 2 for size, side in sides)


def apply_layers(layers: Sequence[PlainLayer], inputs_bi: np.ndarray) -> np.ndarray:
  """Returns the outputs [B, O] of a chain of layers for inputs [B, I]."""
  x = inputs_bi
  for layer in layers:
    x = layer.apply(x)
  return x


def code_shape(layers: Sequence[PlainLayer]) -> tuple[int, int, int]:
  """Returns (h, w, K) of what a chain of layers reads; h and w are 1 without places."""
  rows, columns = layers[0].places
  return rows, columns, len(layers[0].weights)


def products(layers: Sequence[PlainLayer], active: float) -> float:
  """Returns the products of numbers in the image of a code.

  Args:
    layers: a chain of them.
    active: how many numbers of the code are not 0.
  """
  total = 0.0
  for layer in layers:
    each = layer.weights[0].size
    total += active * each
    active = math.prod(layer.size) * layer.weights.shape[-1]
  return total


def transposed_layers(
  params: Mapping[str, Any],
  sizes: Sequence[tuple[int, int]],
  activation: str,
  output: str,
) -> tuple[TransposedLayer, ...]:
  """Returns the transposed convolutions of a network as plain layers.

  Args:
    params: of the network, on the host; layer i is `transposed_i`, its kernel
      [h, w, O, I].
    sizes: (H, W) of what each makes.
    activation: behind all but the last.
    output: behind the last.
  """
  activations = [activation] * (len(sizes) - 1) + [output]
  found = [params[f"transposed_{i}"] for i in range(len(sizes))]
  return tuple(
    TransposedLayer(np.moveaxis(layer["kernel"], -1, 0), layer["bias"], name, size)
    for layer, name, size in zip(found, activations, sizes, strict=True)
  )


def rounded(layers: Sequence[Any]) -> tuple[Any, ...]:
  """Returns layers whose float32 weights are the nearest ones of float16."""

  def nearest(values):
    with np.errstate(over="ignore"):  # to infinity, which a caller sees
      return np.asarray(values).astype(np.float16).astype(np.float32)

  return tuple(
    layer._replace(weights=nearest(layer.weights), bias=nearest(layer.bias))
    for layer in layers
  )
