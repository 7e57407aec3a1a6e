"""Batches read ahead by host threads, for data that do not fit on the devices."""

from collections.abc import Callable, Iterator

import numpy as np

from sgae.data.dataset import Split

THREADS = 2
CALLS_AHEAD = 2  # in host memory, in addition to the one on the devices


def stream(
  split: Split,
  indices_of_call: Callable[[int], np.ndarray],
  first_call: int,
  last_call: int,
) -> Iterator[Split]:
  """Yields the examples of one compiled call after another, in order.

  The examples of a call depend on its number alone, so a resumed stream continues with
  the same examples.

  Args:
    split: images [N, H, W, C] as stored and labels int32 [N]; may be memory-mapped or
      made on the fly.
    indices_of_call: the examples of a call, integers of one shape [...].
    first_call, last_call: the range [first_call, last_call) (calls).

  Yields:
    Images [..., H, W, C] as stored and labels int32 [...].
  """
  import grain  # slow to import (a second); runs with resident data do without

  calls = grain.MapDataset.range(first_call, last_call)

  def examples_of(call):
    indices = indices_of_call(int(call))
    return Split(split.images[indices], split.labels[indices])

  batches = calls.map(examples_of)
  options = grain.ReadOptions(num_threads=THREADS, prefetch_buffer_size=CALLS_AHEAD)
  yield from batches.to_iter_dataset(options)
