"""Which examples a step takes: a pure function of the seed and the step."""

import functools
import math
import zlib
from collections.abc import Sequence

import numpy as np

from sgae.data.dataset import Split, by_class

# The size of endless data: every position has an example of its own.
ENDLESS = 2**63 - 1


def batch_indices(
  seed: int,
  stream: str,
  first_step: int,
  num_steps: int,
  batch_shape: tuple[int, ...],
  num_examples: int,
) -> np.ndarray:
  """Returns the examples of the steps [first_step, first_step + num_steps).

  The order is an endless sequence of epochs, each a permutation of all `num_examples`:
  position p holds permutation[p // N][p % N]. A step takes the next prod(batch_shape)
  positions. So a batch may span two epochs and no example is dropped, and the result
  does not depend on how a range of steps is split into calls.

  `ENDLESS` examples have no epochs: position p holds a random number of 63 bits that is
  a function of (seed, stream, p), so that no two are equal in practice.

  Args:
    seed: seed of the run, in [0, 2**64).
    stream: name of the use, such as a method's; each name has its own order.
    first_step: the first step, counted from 0 (steps).
    num_steps: number of steps (steps).
    batch_shape: shape of the batch of one step (examples).
    num_examples: size N of the data set, in [1, 2**31), or ENDLESS (examples).

  Returns:
    [num_steps, *batch_shape], each in [0, num_examples), int32; int64 for ENDLESS.

  Raises:
    ValueError: num_examples is below 1.
  """
  if num_examples < 1:
    raise ValueError(f"num_examples={num_examples} must be at least 1")
  per_step = math.prod(batch_shape)
  start, stop = first_step * per_step, (first_step + num_steps) * per_step
  if num_examples == ENDLESS:
    return _numbers(seed, stream, start, stop).reshape(num_steps, *batch_shape)
  pieces = [np.empty(0, np.int32)]
  for epoch in range(start // num_examples, -(-stop // num_examples)):
    offset = epoch * num_examples
    order = _permutation(seed, stream, epoch, num_examples)
    pieces.append(order[max(start - offset, 0) : stop - offset])
  return np.concatenate(pieces).reshape(num_steps, *batch_shape)


def pooled_indices(
  seed: int,
  stream: str,
  first_step: int,
  num_steps: int,
  batch_shape: tuple[int, ...],
  pools: Sequence[np.ndarray],
) -> np.ndarray:
  """Returns the examples of steps whose batches are drawn from parts of the data.

  Each pool has an order of its own, as `batch_indices` gives one.

  Args:
    seed, stream, first_step, num_steps: as for `batch_indices`.
    batch_shape: shape of the batch of one step; (U, B) for U pools, any for a single
      one (examples).
    pools: the examples that each batch is drawn from, each int [P], P >= 1.

  Returns:
    int32 [num_steps, *batch_shape], each a member of its pool.
  """
  if len(pools) == 1:
    size = len(pools[0])
    drawn = batch_indices(seed, stream, first_step, num_steps, batch_shape, size)
    return pools[0][drawn].astype(np.int32)
  batches = [
    pool[
      batch_indices(
        seed, f"{stream}/{number}", first_step, num_steps, batch_shape[1:], len(pool)
      )
    ]
    for number, pool in enumerate(pools)
  ]
  return np.stack(batches, axis=1).astype(np.int32)


def balanced_indices(
  seed: int,
  stream: str,
  first_step: int,
  num_steps: int,
  batch_shape: tuple[int, ...],
  labels: np.ndarray,
) -> np.ndarray:
  """Returns the examples of steps whose batches have classes as equal as possible.

  Position p holds class p % K, so that the counts of two classes in a batch differ by
  at most 1; the places within a batch are then shuffled. The examples of each class
  come in an endless sequence of epochs of their own: those of a small class are seen
  more often. An example of a label below 0 is never drawn.

  Args:
    seed, stream, first_step, num_steps: as for `batch_indices`.
    batch_shape: shape of the batches of one step; the last axis is a batch (examples).
    labels: int [N] of all examples.

  Returns:
    int32 [num_steps, *batch_shape], each in [0, N).
  """
  per_step, size = math.prod(batch_shape), batch_shape[-1]
  start, stop = first_step * per_step, (first_step + num_steps) * per_step
  classes = np.unique(labels[labels >= 0])
  positions = np.arange(start, stop)
  drawn = np.empty(stop - start, np.int32)
  for number, label in enumerate(classes):
    members = np.flatnonzero(labels == label)
    mine = positions % len(classes) == number
    turns = positions[mine] // len(classes)
    if not len(turns):
      continue
    order = batch_indices(
      seed, f"{stream}/class {label}", int(turns[0]), len(turns), (), len(members)
    )
    drawn[mine] = members[order]
  words = _numbers(seed, f"{stream}/places", start, stop).reshape(-1, size)
  places = np.argsort(words, axis=1, kind="stable")
  shuffled = np.take_along_axis(drawn.reshape(-1, size), places, axis=1)
  return shuffled.reshape(num_steps, *batch_shape)


def drawn(split: Split, stream: str, count: int) -> Split:
  """Returns examples of a split, drawn without replacement: always the same.

  Data may be stored by class, so that the first are of a few.

  Args:
    split: the examples.
    stream: name of the use, as for `batch_indices`.
    count: how many, at most as many as there are.
  """
  rows = _drawn_rows(stream, count, len(split.images))
  return Split(split.images[rows], split.labels[rows])


def at_most(split: Split, stream: str, count: int) -> Split:
  """Returns a split as it is, or so many of its examples as `drawn` takes of more."""
  return split if count >= len(split.images) else drawn(split, stream, count)


def shown_rows(labels: np.ndarray, count: int) -> np.ndarray:
  """Returns which examples to show: the first, or drawn ones where classes are sorted.

  Args:
    labels: int [N] of the examples, in their order.
    count: how many, at most.

  Returns:
    integers [min(count, N)], always the same.
  """
  count = min(count, len(labels))
  if not by_class(labels):
    return np.arange(count)
  return _drawn_rows("shown", count, len(labels))


def _drawn_rows(stream: str, count: int, num_examples: int) -> np.ndarray:
  return batch_indices(0, stream, 0, 1, (count,), num_examples)[0]


def draw_of_classes(labels: np.ndarray, per_class: int, draw: int) -> np.ndarray:
  """Returns as many examples of each class, chosen by a seed, in ascending order.

  A draw of fewer is part of the draw of more with the same seed.

  Args:
    labels: int [N]; those below 0 are of no class.
    per_class: examples of each class, at most all of it; 0: all that have a label.
    draw: the seed, in [0, 2**64).

  Returns:
    int64 [per_class * K] for the K classes that occur.
  """
  if not per_class:
    return np.flatnonzero(labels >= 0)
  chosen = []
  for label in np.unique(labels[labels >= 0]):
    members = np.flatnonzero(labels == label)
    order = _permutation(draw, f"labels of class {label}", 0, len(members))
    chosen.append(members[order[:per_class]])
  return np.sort(np.concatenate(chosen))


def stack_indices(numbers: np.ndarray, digits: int, num_examples: int) -> np.ndarray:
  """Returns which base examples make up the stacked examples of the given numbers.

  Each number is the state of a SplitMix64 generator (Steele, Lea and Flood 2014, "Fast
  splittable pseudorandom number generators"). The upper halves of its first D outputs
  are scaled to [0, N), so that the probabilities of two base examples differ by a
  factor of at most 1 + N / 2**32.

  Args:
    numbers: integers of any shape, each in [0, 2**63).
    digits: base examples per stacked example, D.
    num_examples: size N of the base, in [1, 2**31) (examples).

  Returns:
    int32 [*numbers.shape, D], each in [0, num_examples), independent and uniform.
  """
  words = _splitmix(numbers, digits)
  return ((words >> 32) * num_examples >> 32).astype(np.int32)


def hashes(numbers: np.ndarray) -> np.ndarray:
  """Returns the first SplitMix64 output of each number, uint64 of the same shape.

  Args:
    numbers: integers of any shape, each in [0, 2**63).
  """
  return _splitmix(numbers, 1)[..., 0]


def _splitmix(numbers: np.ndarray, outputs: int) -> np.ndarray:
  state = np.asarray(numbers).astype(np.uint64)[..., None]
  words = state + 0x9E3779B97F4A7C15 * np.arange(1, outputs + 1, dtype=np.uint64)
  words = (words ^ (words >> 30)) * 0xBF58476D1CE4E5B9
  words = (words ^ (words >> 27)) * 0x94D049BB133111EB
  return words ^ (words >> 31)


@functools.lru_cache(maxsize=4)
def _permutation(seed: int, stream: str, epoch: int, num_examples: int) -> np.ndarray:
  words = _philox(seed, stream, epoch, counter=0).random_raw(num_examples)
  order = np.argsort(words, kind="stable").astype(np.int32)
  order.flags.writeable = False  # Cached: a caller that writes would change all others.
  return order


def _numbers(seed: int, stream: str, start: int, stop: int) -> np.ndarray:
  # Philox gives four words for each value of its counter.
  skipped = start % 4
  bits = _philox(seed, stream, epoch=0, counter=start // 4)
  words = bits.random_raw(skipped + stop - start)[skipped:]
  return (words >> 1).astype(np.int64)


def _philox(seed: int, stream: str, epoch: int, counter: int) -> np.random.Philox:
  # Philox is a counter-based generator: every key has its own stream. Its raw words are
  # the same in all NumPy versions; those of np.random.Generator's methods may change.
  key = np.array([seed, zlib.crc32(stream.encode()) << 32 | epoch], np.uint64)
  return np.random.Philox(key=key, counter=counter)
