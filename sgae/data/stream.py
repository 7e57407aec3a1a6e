"""Batches read ahead by host threads, for data that do not fit on the devices."""

from collections.abc import Callable, Iterator

import numpy as np

from sgae.data.dataset import Split

THREADS = 2
CALLS_AHEAD = 2  # in host memory, besides the one that is placed already


def stream(
  split: Split,
  indices_of_call: Callable[[int], np.ndarray],
  first_call: int,
  last_call: int,
) -> Iterator[Split]:
  """Yields the examples of one compiled call after another, in order.

  What a call holds is a function of its number alone, so a stream that begins at any
  call gives what one that began before would have given from there.

  Args:
    split: images [N, H, W, C] as stored and labels int32 [N]; may be maps of files,
      or made on the fly.
    indices_of_call: the examples of a call, integers of one shape [...].
    first_call, last_call: from, and up to but not with (calls).

  Yields:
    Images [..., H, W, C] as stored and labels int32 [...].
  """
  import grain  # takes a second, which runs with resident data need not spend

  calls = grain.MapDataset.range(first_call, last_call)

  def examples_of(call):
    indices = indices_of_call(int(call))
    return Split(split.images[indices], split.labels[indices])

  batches = calls.map(examples_of)
  options = grain.ReadOptions(num_threads=THREADS, prefetch_buffer_size=CALLS_AHEAD)
  yield from batches.to_iter_dataset(options)
