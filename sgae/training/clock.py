"""Measures the time of a phase and the speed of its steps."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter


class Clock:
  """Seconds of a phase, and the speed of its steps without interruptions."""

  def __init__(self, seconds: float):
    """Starts the clock; `seconds` is what the phase took before this process."""
    self.seconds = seconds  # up to the newest record of a call
    self.interrupted = 0.0  # seconds of pictures, measures and checkpoints
    self._start = self._newest = perf_counter()  # `_newest`: the time of that record
    # The end of the last interruption, and the steps since then.
    self._begin, self._steps = self._newest, 0
    self._compiled_at = 0.0  # when the first call returned, which compiles

  def note_call(self) -> None:
    """Notes that a call was dispatched; only the first counts, for its compilation."""
    self._compiled_at = self._compiled_at or perf_counter()

  def record(self, steps: int) -> tuple[float, float]:
    """Ends the time of one call and starts that of the next.

    Args:
      steps: of the call; 0: there was no call, and the time continues.

    Returns:
      (seconds of the phase, steps per second since the last interruption). The speed
      covers several calls: on a GPU a call may return before it is done, so that the
      time of a single record is inexact; over all calls since an interruption the error
      is negligible.
    """
    now = perf_counter()
    seconds = self.seconds + now - self._newest
    if not steps:
      return seconds, 0.0
    self.seconds, self._newest = seconds, now
    self._steps += steps
    busy = now - self._begin
    speed = self._steps / busy if busy else 0.0
    if self._begin < self._compiled_at:
      self._begin, self._steps = self._compiled_at, 0
    return seconds, speed

  @contextmanager
  def interruption(self) -> Iterator[None]:
    """Counts the time of the block as an interruption."""
    stopped_at = perf_counter()
    yield
    self._begin, self._steps = perf_counter(), 0
    self.interrupted += self._begin - stopped_at

  def total(self) -> float:
    """Returns the seconds since this clock started."""
    return perf_counter() - self._start
