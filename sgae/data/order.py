"""Which examples a step sees: a pure function of the seed and the step."""

import functools
import math
import zlib

import numpy as np


def batch_indices(
  seed: int,
  stream: str,
  first_step: int,
  num_steps: int,
  batch_shape: tuple[int, ...],
  num_examples: int,
) -> np.ndarray:
  """Returns the examples of the steps [first_step, first_step + num_steps).

  The examples are laid out as one endless row of epochs, each a permutation of all
  `num_examples`, so that position p holds permutation[p // N][p % N]. A step takes the
  next prod(batch_shape) positions: nothing is dropped where an epoch ends inside a
  batch, and how a range of steps is cut into calls does not change a bit of it.

  Args:
    seed: seed of the run, in [0, 2**64).
    stream: name of the use, such as 'sae'; each name has an order of its own.
    first_step: the first step, counted from 0 (steps).
    num_steps: how many steps (steps).
    batch_shape: shape of what one step takes (examples).
    num_examples: size N of the data set, in [1, 2**31) (examples).

  Returns:
    int32 [num_steps, *batch_shape], each in [0, num_examples).

  Raises:
    ValueError: there are no examples to take.
  """
  if num_examples < 1:
    raise ValueError(f"num_examples={num_examples} must be at least 1")
  per_step = math.prod(batch_shape)
  start, stop = first_step * per_step, (first_step + num_steps) * per_step
  pieces = [np.empty(0, np.int32)]
  for epoch in range(start // num_examples, -(-stop // num_examples)):
    offset = epoch * num_examples
    order = _permutation(seed, stream, epoch, num_examples)
    pieces.append(order[max(start - offset, 0) : stop - offset])
  return np.concatenate(pieces).reshape(num_steps, *batch_shape)


@functools.lru_cache(maxsize=4)
def _permutation(seed: int, stream: str, epoch: int, num_examples: int) -> np.ndarray:
  # Philox is a counter-based generator: every key is a stream of its own. Its raw words
  # are fixed for all NumPy versions, which the methods of np.random.Generator are not.
  key = np.array([seed, zlib.crc32(stream.encode()) << 32 | epoch], np.uint64)
  words = np.random.Philox(key=key).random_raw(num_examples)
  order = np.argsort(words, kind="stable").astype(np.int32)
  order.flags.writeable = False  # It is shared by all callers.
  return order
