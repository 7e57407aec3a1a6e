"""What orbax and its store print when a save fails: hundreds of lines from threads.

The failure itself reaches `Checkpoints`, which tells it in one line.
"""

import logging
import sys
from collections.abc import Callable
from typing import Any

_LOOP_CLOSED = "Event loop is closed"  # the store reports to an orbax that has given up


def hush_failing_saves() -> None:
  """Drops the log of orbax, and errors that its store raises to nobody."""
  logging.getLogger("absl").addFilter(_is_not_of_orbax)
  if not isinstance(sys.unraisablehook, _WithoutClosedLoops):
    sys.unraisablehook = _WithoutClosedLoops(sys.unraisablehook)


def _is_not_of_orbax(record: logging.LogRecord) -> bool:
  return "orbax" not in record.pathname


class _WithoutClosedLoops:
  """Hands on what was raised to nobody, but for the store's reports."""

  def __init__(self, otherwise: Callable[[Any], Any]):
    self._otherwise = otherwise

  def __call__(self, unraisable: Any) -> None:
    if str(unraisable.exc_value) != _LOOP_CLOSED:
      self._otherwise(unraisable)
