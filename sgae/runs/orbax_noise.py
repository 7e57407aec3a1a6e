"""Silences orbax and its store, whose threads print hundreds of lines if a save fails.

The failure itself reaches `Checkpoints`, which reports it in one line.
"""

import logging
import sys
from collections.abc import Callable
from typing import Any

_LOOP_CLOSED = "Event loop is closed"  # raised by the store after orbax has stopped


def silence_failed_saves() -> None:
  """Drops orbax's log messages, and its store's exceptions that nobody can catch."""
  logging.getLogger("absl").addFilter(_is_not_of_orbax)
  if not isinstance(sys.unraisablehook, _WithoutClosedLoops):
    sys.unraisablehook = _WithoutClosedLoops(sys.unraisablehook)


def _is_not_of_orbax(record: logging.LogRecord) -> bool:
  return "orbax" not in record.pathname


class _WithoutClosedLoops:
  """A `sys.unraisablehook` that drops the store's errors and passes on all others."""

  def __init__(self, hook: Callable[[Any], Any]):
    self._hook = hook

  def __call__(self, unraisable: Any) -> None:
    if str(unraisable.exc_value) != _LOOP_CLOSED:
      self._hook(unraisable)
