"""Images of a program that generates, on all devices of a mesh."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from sgae import randomness
from sgae.devices.batched_apply import batched_apply
from sgae.errors import UserError
from sgae.methods.method import Program, Sampling
from sgae.reporting import pictures

ROWS, COLUMNS = 4, 10  # of the grids that are drawn
CLASS_ROWS = 10  # of grids with a row for each class, at most
ROWS_PER_CALL = 2048  # of samples, where these are small
STREAM = "samples"  # of random numbers
CENTRE_STREAM, CENTRE_LATENTS = "centre", 1024  # of the mean that samples move towards

Generate = Callable[[Any, np.ndarray], np.ndarray]


def grid_cells(classes: int, count: int) -> tuple[np.ndarray, int]:
  """Returns the numbers of the samples in a grid, row by row, and its columns.

  With classes each row is of one, of the first ten at most.

  Args:
    classes: see `Sampling.classes`.
    count: samples that there are.
  """
  if not classes or count < classes:
    return np.arange(min(ROWS * COLUMNS, count)), COLUMNS
  columns = min(COLUMNS, count // classes)
  rows = np.arange(min(classes, CLASS_ROWS))
  cells = rows[:, None] + classes * np.arange(columns)[None]
  return cells.ravel(), columns


def numbers_in_turn(count: int, classes: Sequence[int], drawn: int) -> np.ndarray:
  """Returns the numbers of samples of chosen classes in turn, int32 [count].

  >>> numbers_in_turn(5, (7, 2), 10)
  array([ 7,  2, 17, 12, 27], dtype=int32)

  Args:
    count: of the samples.
    classes: numbers of classes; (): all, or none where there are none.
    drawn: see `Sampling.classes`; sample i is of the class i modulo `drawn`.

  Raises:
    UserError: a class is not drawn, or named twice.
  """
  if len({*classes} & {*range(drawn)}) < len(classes):
    allowed = f"numbers from 0 to {drawn - 1}" if drawn else "none: the run has none"
    raise UserError(f"classes={tuple(classes)} is not allowed: choose {allowed}")
  places = np.arange(count, dtype=np.int32)
  if not classes:
    return places
  turn, place = np.divmod(places, len(classes))
  return np.asarray(classes, np.int32)[place] + drawn * turn


def make_sampler(program: Program, mesh: Any) -> Callable[[Any, int], np.ndarray]:
  """Returns `sample(state, count)`: generated images, [count, H, W, C] as stored.

  Sample i depends on the run's seed and on i alone, so a longer set begins with the
  shorter one.

  Raises:
    ValueError: the program generates nothing.
  """
  if program.sampling is None:
    raise ValueError("this program has no `sampling`")
  draw, generate = (make(program.sampling, mesh) for make in (make_draw, make_generate))
  return lambda state, count: generate(state, draw(state, np.arange(count)))


def make_draw(sampling: Sampling, mesh: Any, stream: str = STREAM) -> Generate:
  """Returns `draw(state, numbers)`: latents float32 [N, ...] of sample numbers [N].

  Each depends on the seed of the state's key and on its own number alone.
  """

  def draw_rows(state, positions_b):
    return sampling.draw(state, randomness.stream_key(state.key, stream), positions_b)

  run = batched_apply(draw_rows, mesh, ROWS_PER_CALL)
  return lambda state, numbers: run(state, np.asarray(numbers, np.int32))


def make_generate(sampling: Sampling, mesh: Any) -> Generate:
  """Returns `generate(state, latents)`: images [N, H, W, C] as stored."""

  def generate_rows(state, latents):
    return as_stored(sampling.generate(state, latents))

  return batched_apply(generate_rows, mesh, ROWS_PER_CALL)


def make_truncated(sampling: Sampling, mesh: Any) -> Callable[..., np.ndarray]:
  """Returns `generate(state, latents, centre, psi)`: images of codes nearer the mean.

  The code of each latent becomes centre + psi (code - centre), as StyleGAN truncates
  (Karras et al. 2019, arXiv 1812.04948): psi 1 changes nothing, 0 gives the mean alone.
  """

  decode = sampling.decode or sampling.generate

  def generate_rows(tree, latents):
    state, centre, psi = tree
    codes = sampling.code(state, latents)
    moved = centre[None] + psi * (codes - centre[None])
    return as_stored(decode(state, moved))

  run = batched_apply(generate_rows, mesh, ROWS_PER_CALL)

  def generate(state, latents, centre, psi):
    return run((state, centre, np.float32(psi)), latents)

  return generate


def centre_of(sampling: Sampling, mesh: Any, state: Any) -> np.ndarray:
  """Returns the mean code of 1,024 latents, which the state alone determines."""
  draw = make_draw(sampling, mesh, CENTRE_STREAM)
  latents = draw(state, np.arange(CENTRE_LATENTS))
  codes = batched_apply(sampling.code, mesh)(state, latents)
  return codes.mean(axis=0, dtype=np.float64).astype(np.float32)


def as_stored(images: jax.Array) -> jax.Array:
  """Returns generated images as uint8, points of the plane unchanged as float32.

  Args:
    images: float32 [N, H, W, C].
  """
  points = pictures.are_points(images.shape[1:])
  return images if points else pictures.to_bytes(images)
