"""Images of a program that generates, on all devices of a mesh."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
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
# Of the mean that samples move towards: latents in all, and of each class at least.
CENTRE_STREAM, CENTRE_LATENTS, CENTRE_OF_CLASS = "centre", 1024, 128

Generate = Callable[[Any, np.ndarray], np.ndarray]


def grid_cells(classes: int) -> np.ndarray:
  """Returns the numbers of the samples in a grid of `COLUMNS`, row by row.

  With classes each row is of one, of the first ten at most.

  Args:
    classes: see `Sampling.classes`.
  """
  if not classes:
    return np.arange(ROWS * COLUMNS)
  rows = np.arange(min(classes, CLASS_ROWS))
  return (rows[:, None] + classes * np.arange(COLUMNS)[None]).ravel()


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


def numbers_like(labels_n: np.ndarray, count: int, classes: int) -> np.ndarray:
  """Returns numbers of samples whose classes have the shares of labels, int32 [count].

  They are spread evenly, so that the first of them have nearly the same shares.

  >>> numbers_like(np.array([1, 0, 1, 1]), 8, 2)
  array([1, 3, 0, 5, 7, 9, 2, 11], dtype=int32)

  Args:
    labels_n: int [N] in [0, K), at least one.
    count: of the samples.
    classes: see `Sampling.classes`; sample i is of the class i modulo `classes`.
  """
  middles = (2 * np.arange(count) + 1) * len(labels_n) // (2 * count)
  amounts_k = np.bincount(np.sort(labels_n)[middles], minlength=classes)
  class_n = np.repeat(np.arange(classes), amounts_k)
  turn_n = np.concatenate([np.arange(amount) for amount in amounts_k])
  in_order = np.argsort((turn_n + 0.5) / amounts_k[class_n], kind="stable")
  return (class_n + classes * turn_n)[in_order].astype(np.int32)


def make_sampler(program: Program, mesh: Any) -> Generate:
  """Returns `sample(state, numbers)`: the images of sample numbers [N], as stored.

  Sample i depends on the run's seed and on i alone.

  Raises:
    ValueError: the program generates nothing.
  """
  if program.sampling is None:
    raise ValueError("this program has no `sampling`")
  draw, generate = (make(program.sampling, mesh) for make in (make_draw, make_generate))
  return lambda state, numbers: generate(state, draw(state, numbers))


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
  """Returns `generate(state, latents, centres, psi)`: images of codes nearer the mean.

  The code of each latent becomes centre + psi (code - centre), as StyleGAN truncates
  (Karras et al. 2019, arXiv 1812.04948): psi 1 changes nothing, 0 gives the mean alone.
  The centre is that of the latent's class, or of its classes by their weights: the mean
  of all would change the class. Where a code is the latent, its weights stay.
  """

  decode = sampling.decode or sampling.generate

  def generate_rows(tree, latents):
    state, centres, psi = tree
    codes, classes = sampling.code(state, latents), sampling.classes
    weights_bk = latents[:, -classes:] if classes else jnp.ones((len(latents), 1))
    centre = jnp.tensordot(weights_bk, centres, 1, precision="highest")
    nearer = centre + psi * (codes - centre)
    if classes and not sampling.coded:
      nearer = nearer.at[:, -classes:].set(weights_bk)
    return as_stored(decode(state, nearer))

  run = batched_apply(generate_rows, mesh, ROWS_PER_CALL)

  def generate(state, latents, centres, psi):
    return run((state, centres, np.float32(psi)), latents)

  return generate


def centres_of(sampling: Sampling, mesh: Any, state: Any) -> np.ndarray:
  """Returns the mean code of each class, float32 [K, ...]; [1, ...] without classes.

  It is that of 1,024 latents or more, which the state alone determines.
  """
  draw = make_draw(sampling, mesh, CENTRE_STREAM)
  count = max(CENTRE_LATENTS, CENTRE_OF_CLASS * sampling.classes)
  latents = draw(state, np.arange(count))
  codes = batched_apply(sampling.code, mesh)(state, latents)
  classes = sampling.classes
  class_n = latents[:, -classes:].argmax(1) if classes else np.zeros(count, np.int32)
  return np.stack(
    [
      codes[class_n == own].mean(axis=0, dtype=np.float64).astype(np.float32)
      for own in range(max(classes, 1))
    ]
  )


def as_stored(images: jax.Array) -> jax.Array:
  """Returns generated images as uint8, points of the plane unchanged as float32.

  Args:
    images: float32 [N, H, W, C].
  """
  points = pictures.are_points(images.shape[1:])
  return images if points else pictures.to_bytes(images)
