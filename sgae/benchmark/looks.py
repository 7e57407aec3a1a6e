"""What a side of the comparison of time to quality hands to its parent."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from sgae.benchmark import worker


class Look(NamedTuple):
  """Samples of a generator in training, and what they took.

  Attributes:
    rounds: of adversarial training.
    seconds: from the data in memory to these weights. Sampling and measuring at this
      and at earlier looks are left out.
    preparing: of these, pretraining and fitting.
    compiling: of these, building and compiling, as far as known; see `compiling`.
    images: uint8 [N, H, W, C].
  """

  rounds: int
  seconds: float
  preparing: float
  compiling: float
  images: np.ndarray


def compiling(times: Sequence[float]) -> float:
  """Returns the seconds that building and compiling took.

  These are the time until the first call, and what that took beyond the second one,
  once there is a second one.

  Args:
    times: when the start, the first state, the first call and the second were done.
  """
  seconds = times[1] - times[0]
  if len(times) > 3:
    first, second = times[2] - times[1], times[3] - times[2]
    seconds += max(first - second, 0.0)
  return seconds


def serve(looks: Iterator[Look]) -> None:
  """Trains to the next look whenever the parent asks, until it closes the pipe.

  The parent names a file, which the images go to, and receives the rest of the look;
  an empty answer after the last one.
  """

  def respond(path):
    look = next(looks, None)
    if look is None:
      return {}
    np.save(path, look.images)
    numbers = look._asdict()
    del numbers["images"]
    return numbers

  worker.answer(respond)
