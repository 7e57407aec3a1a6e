"""Dropout: an update leaves out some hidden units of each example.

Srivastava et al. 2014 (Journal of Machine Learning Research 15).
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp


class Thinned(NamedTuple):
  """Images with the hidden units that a network keeps for them, as it takes them.

  Attributes:
    images_bhwc: float [B, H, W, C].
    kept_bn: from `kept`; the units of all hidden layers, in their order.
  """

  images_bhwc: jax.Array
  kept_bn: jax.Array


Inputs = jax.Array | Thinned  # what a network takes that can leave out units


def kept(drawn_bn: jax.Array, rate: jax.Array) -> jax.Array:
  """Returns what hidden units are multiplied by.

  Args:
    drawn_bn: uniform in [0, 1), float32 [B, N].
    rate: chance that a unit is left out, scalar in [0, 1).

  Returns:
    float32 [B, N]: 0, or 1 / (1 - rate), which leaves the mean of a unit as it is.
  """
  return jnp.where(drawn_bn < rate, 0.0, 1 / (1 - rate))


def parts(inputs: Inputs) -> tuple[jax.Array, jax.Array | None]:
  """Returns images and, where some units are left out, those that are kept."""
  return inputs if isinstance(inputs, Thinned) else (inputs, None)


def of_layers(
  kept_bn: jax.Array | None, widths: Sequence[int]
) -> Sequence[jax.Array | None]:
  """Returns `kept_bn` in parts of such widths, or None for each of them."""
  if kept_bn is None:
    return [None] * len(widths)
  ends = list(itertools.accumulate(widths))
  return jnp.split(kept_bn, ends[:-1], axis=1)
