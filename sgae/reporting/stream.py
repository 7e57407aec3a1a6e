"""A text stream that outlives its reader: a closed pipe or terminal ends no run."""

import contextlib
import io
import os
import sys
from typing import TextIO


class LastingStream:
  """Passes text on; once the reader is gone, text goes nowhere.

  Nothing of a run is on the screen alone, so `launch.py | head -1` and a terminal that
  is closed cost the text and no more.
  """

  def __init__(self, stream: TextIO | None):
    """Takes a stream; None, as Python has for one that is closed: text goes nowhere."""
    self._stream: TextIO = io.StringIO() if stream is None else stream
    self._lost = stream is None

  def write(self, text: str) -> int:
    """Writes text, or drops it; returns its length."""
    if not self._lost:
      try:
        self._stream.write(text)
      except OSError as error:
        self._lose(error)
    return len(text)

  def flush(self) -> None:
    """Passes on what is waiting, or drops it."""
    if not self._lost:
      try:
        self._stream.flush()
      except OSError as error:
        self._lose(error)

  def __getattr__(self, name: str):
    return getattr(self._stream, name)  # `isatty`, `encoding`, ...

  def _lose(self, error: OSError) -> None:
    """Sends all further text nowhere, that which Python writes at its end as well."""
    self._lost = True
    with contextlib.suppress(OSError):
      nowhere = os.open(os.devnull, os.O_WRONLY)
      os.dup2(nowhere, self._stream.fileno())
      os.close(nowhere)
    # not `sys.stderr`, which a live bar leads back to the stream that is lost
    errors = sys.__stderr__
    if errors is not None and self._stream is not errors:
      with contextlib.suppress(OSError):
        errors.write(
          f"Warning: the output is closed ({error.strerror}): the command goes on "
          "without it\n"
        )
        errors.flush()
