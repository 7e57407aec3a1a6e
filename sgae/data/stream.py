"""Batches read ahead by host threads, for data that do not fit on the devices."""

from collections.abc import Callable, Iterator

import numpy as np

THREADS = 2
CALLS_AHEAD = 2  # in host memory, besides the one that is placed already


def stream(
  images_nhwc: np.ndarray,
  indices_of_call: Callable[[int], np.ndarray],
  first_call: int,
  last_call: int,
) -> Iterator[np.ndarray]:
  """Yields the images of one compiled call after another, in order.

  What a call holds is a function of its number alone, so a stream that begins at any
  call gives what one that began before would have given from there.

  Args:
    images_nhwc: uint8 [N, H, W, C]; may be a memory map of a file.
    indices_of_call: the examples of a call, integers of one shape [...].
    first_call, last_call: from, and up to but not with (calls).

  Yields:
    uint8 [..., H, W, C].
  """
  import grain  # takes a second, which runs with resident data need not spend

  calls = grain.MapDataset.range(first_call, last_call)
  batches = calls.map(lambda call: images_nhwc[indices_of_call(int(call))])
  options = grain.ReadOptions(num_threads=THREADS, prefetch_buffer_size=CALLS_AHEAD)
  yield from batches.to_iter_dataset(options)
