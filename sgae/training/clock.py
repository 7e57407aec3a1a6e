"""Where the time of a phase goes."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter


class Clock:
  """Seconds of a phase, and the speed of its steps without what interrupts them."""

  def __init__(self, seconds: float):
    """Starts the clock; `seconds` is what the phase took before this process."""
    self.seconds = seconds  # up to the newest record of a call
    self.interrupted = 0.0  # by pictures, measures and checkpoints
    self._start = self._newest = perf_counter()  # the latter: when that record was
    # When the device last began to run without interruption, and steps since then.
    self._begin, self._steps = self._newest, 0
    self._compiled_at = 0.0  # the return of the first call, which compiles

  def note_call(self) -> None:
    """Notes that a call was begun."""
    self._compiled_at = self._compiled_at or perf_counter()

  def record(self, steps: int) -> tuple[float, float]:
    """Ends the time of a call, and begins that of the next one.

    Args:
      steps: of the call; 0: there was none, and the time runs on.

    Returns:
      (seconds of the phase, steps per second since an interruption). The speed is not
      of one call: a GPU's call returns when most of it is done, so that a record may be
      late; over all calls since a pause that is nothing.
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
    """Counts the time of its block as spent outside steps."""
    stopped_at = perf_counter()
    yield
    self._begin, self._steps = perf_counter(), 0
    self.interrupted += self._begin - stopped_at

  def total(self) -> float:
    """Returns the seconds since this clock was started."""
    return perf_counter() - self._start
