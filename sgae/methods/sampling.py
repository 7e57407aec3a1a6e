"""Images of a program that generates, on all devices of a mesh."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from sgae import randomness
from sgae.devices.batched_apply import batched_apply
from sgae.methods.method import Program
from sgae.reporting import pictures

ROWS, COLUMNS = 4, 10  # of the grids that are drawn
ROWS_PER_CALL = 2048  # of samples, where these are small
STREAM = "samples"  # of random numbers


def make_sampler(program: Program, mesh: Any) -> Callable[[Any, int], np.ndarray]:
  """Returns `sample(state, count)`: generated images, [count, H, W, C] as stored.

  Sample i depends on the run's seed and on i alone, so a longer set begins with the
  shorter one.

  Raises:
    ValueError: the program generates nothing.
  """
  sample = program.sample
  if sample is None:
    raise ValueError("this program has no `sample`")

  def sample_rows(state, positions_b):
    key = randomness.stream_key(state.key, STREAM)
    return as_stored(sample(state, key, positions_b))

  run = batched_apply(sample_rows, mesh, ROWS_PER_CALL)
  return lambda state, count: run(state, np.arange(count, dtype=np.int32))


def as_stored(images: jax.Array) -> jax.Array:
  """Returns generated images as uint8, points of the plane unchanged as float32.

  Args:
    images: float32 [N, H, W, C].
  """
  points = pictures.are_points(images.shape[1:])
  return images if points else pictures.to_bytes(images)
