"""What the classifier learns: the labels of the data, or how an image was turned.

The second task needs no labels: each image is given one of four rotations, and the
network tells which (Gidaris et al. 2018, "Unsupervised representation learning by
predicting image rotations", arXiv 1803.07728).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

TASKS = ("labels", "rotation")
# Steps along rows and columns of the four turns.
_STEPS = ((1, 1), (-1, 1), (-1, -1), (1, -1))
TURNS = len(_STEPS)


def task_of(fields: Mapping[str, Any], image_shape: Sequence[int]) -> str:
  """Returns what a network learnt: 'labels', 'rotation', or 'flips'.

  Args:
    fields: a section `classifier`; stored ones from before there were tasks lack it.
    image_shape: (H, W, C). Images that are not square are flipped in place of rotated.
  """
  task = fields.get("task", "labels")
  if task == "rotation" and image_shape[0] != image_shape[1]:
    return "flips"
  return task


def turn(images_bhwc: jax.Array, number: int) -> jax.Array:
  """Returns images in one of four turns.

  Args:
    images_bhwc: [B, H, W, C] of any dtype.
    number: how many quarter turns, counterclockwise, in 0..3. Images that are not
      square keep their shape: 1 turns them upside down, 3 mirrors them, 2 does both.
  """
  rows, columns = _STEPS[number]
  if number % 2 and images_bhwc.shape[1] == images_bhwc.shape[2]:
    images_bhwc = images_bhwc.swapaxes(1, 2)
  return images_bhwc[:, ::rows, ::columns]


def turn_each(images_bhwc: jax.Array, numbers_b: jax.Array) -> jax.Array:
  """Returns each image in its own turn; `numbers_b` is int32 [B], each in 0..3."""
  numbers_b111 = numbers_b[:, None, None, None]
  return jnp.select(
    [numbers_b111 == number for number in range(TURNS)],
    [turn(images_bhwc, number) for number in range(TURNS)],
  )


def make_answers(
  task: str, logits: Callable[[jax.Array], jax.Array]
) -> Callable[[jax.Array], jax.Array]:
  """Returns what a network says of images, to compare with `expected`.

  Args:
    task: from `task_of`.
    logits: `logits(images_bhwc) -> float32 [B, K]`.

  Returns:
    `answers(images_bhwc) -> int32 [B, T]`: the class of each image, T = 1, or the turn
    of it in each of the T = 4.
  """
  numbers = range(1 if task == "labels" else TURNS)

  def answers(images_bhwc):
    said = [jnp.argmax(logits(turn(images_bhwc, number)), axis=1) for number in numbers]
    return jnp.stack(said, axis=1)

  return answers


def expected(task: str, labels_n: np.ndarray) -> np.ndarray:
  """Returns the right answers, [N, 1] of labels or [1, 4] of turns, as integers."""
  return labels_n[:, None] if task == "labels" else np.arange(TURNS)[None]
