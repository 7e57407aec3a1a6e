"""Fully connected layers as plain arrays, for what runs without JAX."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


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


# The activations of `network.ACTIVATIONS` and `network.OUTPUT_ACTIVATIONS`.
FUNCTIONS = {
  "leaky_relu": lambda x: np.where(x < 0, 0.2 * x, x),
  "linear": lambda x: x,
  "relu": lambda x: np.maximum(x, 0),
  "silu": lambda x: x / (1 + np.exp(-np.maximum(x, -80))),
  "tanh": np.tanh,
}


def apply_layers(layers: Sequence[DenseLayer], inputs_bi: np.ndarray) -> np.ndarray:
  """Returns the outputs [B, O] of a chain of layers for inputs [B, I]."""
  x = inputs_bi
  for weights, bias, activation in layers:
    x = FUNCTIONS[activation](x @ weights + bias)
  return x


def rounded(layers: Sequence[DenseLayer]) -> tuple[DenseLayer, ...]:
  """Returns layers whose float32 weights are the nearest ones of float16."""

  def nearest(values):
    with np.errstate(over="ignore"):  # to infinity, which a caller sees
      return np.asarray(values).astype(np.float16).astype(np.float32)

  return tuple(
    layer._replace(weights=nearest(layer.weights), bias=nearest(layer.bias))
    for layer in layers
  )
