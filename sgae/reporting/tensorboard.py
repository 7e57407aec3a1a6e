"""TensorBoard event files, written by the calling thread.

tensorboardX gives the message classes and the checksum. Its `SummaryWriter` is not
used: it writes from a thread of its own, and when the disk is full that thread dies and
the next calls wait for it for ever. It also reuses a file name within one second.
"""

import struct
import time
from collections.abc import Mapping
from pathlib import Path

# The generated modules make their classes at import, where pyright cannot see them.
from tensorboardX.proto.event_pb2 import (
  Event,  # pyright: ignore[reportAttributeAccessIssue]
  SessionLog,  # pyright: ignore[reportAttributeAccessIssue]
)
from tensorboardX.proto.summary_pb2 import (
  Summary,  # pyright: ignore[reportAttributeAccessIssue]
)
from tensorboardX.record_writer import masked_crc32c

from sgae.reporting.files import explained

_NAME = "events.out.tfevents."  # and nanoseconds since 1970


class EventFile:
  """One new event file in the folder of one phase (one "run" in TensorBoard)."""

  def __init__(self, folder: Path, purge_step: int):
    """Opens the file and hides what earlier files say of `purge_step` and later.

    Args:
      folder: where the phase's event files lie; made when missing.
      purge_step: the first step that this process will write again.

    Raises:
      UserError: the folder cannot be written.
    """
    self._folder = folder
    with explained(folder):
      folder.mkdir(parents=True, exist_ok=True)
      # TensorBoard reads the files of a folder in the order of their names, which a
      # clock that was set back must not change.
      newest = max(
        (int(path.suffix[1:]) for path in folder.glob(f"{_NAME}*")), default=0
      )
      path = folder / f"{_NAME}{max(time.time_ns(), newest + 1):019d}"
      self._file = open(path, "xb")  # noqa: SIM115 (closed by `close`)
    self._append(Event(wall_time=time.time(), file_version="brain.Event:2"))
    start = SessionLog(status=SessionLog.START)
    self._append(Event(wall_time=time.time(), step=purge_step, session_log=start))

  def write(self, step: int, scalars: Mapping[str, float]) -> None:
    """Appends the scalars of one step, and hands them to the operating system.

    Args:
      step: the step they belong to.
      scalars: finite value of each tag.

    Raises:
      UserError: the disk refuses.
    """
    values = [Summary.Value(tag=tag, simple_value=x) for tag, x in scalars.items()]
    summary = Summary(value=values)
    self._append(Event(wall_time=time.time(), step=step, summary=summary))

  def close(self) -> None:
    """Closes the file; raises UserError if the disk refuses what is left to write."""
    with explained(self._folder):
      self._file.close()

  def _append(self, event) -> None:
    data = event.SerializeToString()
    length = struct.pack("<Q", len(data))
    # The framing of a TFRecord: length, checksum, data, checksum.
    with explained(self._folder):
      self._file.write(length + struct.pack("<I", masked_crc32c(length)))
      self._file.write(data + struct.pack("<I", masked_crc32c(data)))
      self._file.flush()
