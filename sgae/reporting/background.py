"""Work that nobody waits for until a checkpoint is due."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class Background:
  """Does what it is given in a thread of its own, one thing after the other.

  A disk that hangs then holds up what is written to it, and nothing else.
  """

  def __init__(self):
    self._thread = ThreadPoolExecutor(1)
    self._under_way: deque[Future] = deque()

  def do(self, function: Callable[..., Any], *args: Any) -> None:
    """Begins `function(*args)` after all that was begun before.

    Raises:
      Exception: what something begun earlier raised. Nothing after that was done.
    """
    while self._under_way and self._under_way[0].done():
      self._finish_first()
    self._under_way.append(self._thread.submit(function, *args))

  def settle(self) -> None:
    """Waits until everything is done; raises as `do` does."""
    while self._under_way:
      self._finish_first()

  def close(self) -> None:
    """Settles and ends the thread."""
    try:
      self.settle()
    finally:
      self._thread.shutdown()

  def _finish_first(self):
    try:
      self._under_way.popleft().result()
    except Exception:
      for later in self._under_way:
        later.cancel()
      self._under_way.clear()
      raise
