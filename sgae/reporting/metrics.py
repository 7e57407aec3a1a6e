"""The numbers of a run: `metrics.jsonl`, and the same as TensorBoard events."""

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from sgae.errors import UserError
from sgae.reporting.files import explained, write_atomically
from sgae.reporting.tensorboard import EventFile
from sgae.reporting.trackers import Tracker

FILE_NAME = "metrics.jsonl"


class MetricsWriter:
  """Appends one record per logging step to `metrics.jsonl` and to TensorBoard."""

  def __init__(
    self,
    workdir: Path,
    position: Mapping[str, int],
    trackers: Sequence[Tracker] = (),
  ):
    """Opens both, after taking away what the coming steps will write again.

    Args:
      workdir: the run directory; made when missing.
      position: the last step [steps] that the checkpoint of each phase holds; a phase
        that is not named has none. Records after it are removed, and so are doubled
        records and a torn last line.
      trackers: get the records that are written from now on, and are closed with it.

    Raises:
      UserError: the files cannot be written, or `metrics.jsonl` is damaged.
    """
    self._path = Path(workdir) / FILE_NAME
    self._tensorboard = Path(workdir) / "tensorboard"
    self._position = dict(position)
    self._trackers = tuple(trackers)
    self._events: dict[str, EventFile] = {}
    self._last: dict[str, dict] = {}
    self._written: dict[str, set[tuple]] = {}  # keys of each phase's newest step

    lines, rewound, kept = [], set(), set()
    for record in read_metrics(workdir):
      key = _key(record)
      phase, step, _ = key
      if step > self._position.get(phase, 0):
        rewound.add((phase, record.get("member")))
      elif key not in kept:
        kept.add(key)
        self._note(key, record)
        lines.append(_line(record))
    # TensorBoard first: once the lines are gone, nothing tells what is to be purged.
    for phase, member in sorted(rewound, key=str):
      self._events_of(phase, member)
    write_atomically(self._path, b"".join(lines))
    with explained(self._path):
      self._file = open(self._path, "ab")  # noqa: SIM115 (closed by `close`)

  def write(self, record: Mapping[str, Any]) -> None:
    """Appends one record; one that is there already (same step, same names) is not.

    Args:
      record: `phase` (a string), `step` (an integer), `images_seen`, `seconds`,
        `images_per_second`, and metrics such as `<phase>/loss`: Python, NumPy or JAX
        scalars. NaN and infinities become JSON's null and are left out of TensorBoard.
        Of a population also `member` (an integer), `seed`, and varied fields, whose
        names have dots.

    Raises:
      UserError: the disk refuses (full, read-only).
      ValueError: a value is no scalar, `phase` no string, or `step` no integer.
    """
    plain = {name: _plain(name, value) for name, value in record.items()}
    key = _key(plain)
    phase, step, _ = key
    # A resumed run evaluates again at the step it resumes from.
    if key in self._written.get(phase, ()):
      return
    self.require_there()
    with explained(self._path):
      self._file.write(_line(plain))
      self._file.flush()
    self._note(key, plain)
    scalars = {
      name if "/" in name else f"{phase}/{name}": float(value)
      for name, value in plain.items()
      if isinstance(value, int | float) and name != "step" and not of_member(name)
    }
    member: Any = plain.get("member")
    self._events_of(phase, member).write(step, scalars)
    if member is not None:  # trackers have no folders
      scalars = {f"member_{member}/{name}": value for name, value in scalars.items()}
    for tracker in self._trackers:
      tracker.write(step, scalars)

  def is_there(self) -> bool:
    """Says whether the file still stands in the run directory.

    Writing to a file that was removed, or replaced with its directory, fails nowhere.
    """
    try:
      return os.path.samestat(os.stat(self._path), os.fstat(self._file.fileno()))
    except FileNotFoundError:
      return False

  def require_there(self) -> None:
    """Raises UserError where the file was removed or replaced."""
    with explained(self._path):
      if not self.is_there():
        raise OSError("it was removed or replaced while the run wrote to it")

  def last(self, phase: str) -> dict | None:
    """Returns the last record of `phase`, kept at the opening or written since.

    Args:
      phase: the phase's name.
    """
    return self._last.get(phase)

  def close(self) -> None:
    """Closes all files; raises UserError if the disk refuses what is left to write."""
    for tracker in self._trackers:
      tracker.close()
    for events in self._events.values():
      events.close()
    with explained(self._path):
      self._file.close()

  def __enter__(self) -> Self:
    return self

  def __exit__(self, *_) -> None:
    self.close()

  def _note(self, key: tuple, record: dict) -> None:
    phase, step, _ = key
    last = self._last.get(phase)
    if last is None or last["step"] != step:
      self._written[phase] = set()
    self._written[phase].add(key)
    self._last[phase] = record

  def _events_of(self, phase: str, member: int | None) -> EventFile:
    # One folder per phase: a purge hides all later steps of a folder, whatever their
    # tag, and every phase counts its steps from 0.
    folder = phase if member is None else f"{phase}/member_{member}"
    if folder not in self._events:
      purge_step = int(self._position.get(phase, 0)) + 1
      self._events[folder] = EventFile(self._tensorboard / folder, purge_step)
    return self._events[folder]


def of_member(name: str) -> bool:
  """Says whether a name in a record tells members apart: number, seed, or a setting."""
  return name in ("member", "seed") or "." in name


def read_metrics(workdir: Path) -> list[dict]:
  """Reads the records of a run, also of one that is running or was killed.

  Args:
    workdir: the run directory.

  Returns:
    The records in the order of writing, without a torn last line; empty when nothing
    was written yet.

  Raises:
    UserError: a line before the last is no record, or the file cannot be read.
  """
  path = Path(workdir) / FILE_NAME
  try:
    with explained(path):
      lines = path.read_bytes().splitlines()
  except UserError as error:
    if isinstance(error.__cause__, FileNotFoundError):
      return []
    raise
  records = []
  for number, line in enumerate(lines, start=1):
    try:
      # JSON has no NaN; a file from elsewhere may hold one all the same.
      record = json.loads(line, parse_constant=lambda _: None)
      _key(record)
    except ValueError as error:
      if number < len(lines):
        raise UserError(
          f"line {number} of {path} is damaged: {line[:40]!r} is no JSON object with"
          " a phase and a step; delete that line and start again"
        ) from error
    else:
      records.append(record)
  return records


def spent(
  records: Sequence[Mapping[str, Any]], phases: Iterable[str]
) -> dict[str, float]:
  """Returns the images and seconds of phases, summed.

  Args:
    records: as `read_metrics` returns them; a counter may be missing or None.
    phases: their names; one without a record took nothing.

  Returns:
    `images_seen` (images) and `seconds`, summed over phases.
  """
  totals: dict[str, float] = {"images_seen": 0, "seconds": 0.0}
  for phase in phases:
    own = [record for record in records if record["phase"] == phase]
    for counter in totals:
      totals[counter] += max((record.get(counter) or 0 for record in own), default=0)
  return totals


def _key(record: Any) -> tuple:
  match record:
    case {"phase": str(phase), "step": int(step)}:
      # The names belong to it: training and evaluation may both report on one step. So
      # does the member of a population, which has records of its own.
      return phase, step, (record.get("member"), *sorted(record))
  raise ValueError(f"a record needs a phase (string) and a step (integer): {record}")


def _line(record: Mapping[str, Any]) -> bytes:
  return f"{json.dumps(record, allow_nan=False)}\n".encode()


def _plain(name: str, value: Any) -> str | int | float | None:
  if value is None or isinstance(value, str | int):
    return value
  array = np.asarray(value)
  if array.ndim:
    raise ValueError(f"metric {name!r} must be a scalar, got shape {array.shape}")
  if array.dtype.kind in "biu":
    return array.item()
  number = float(array)
  return number if math.isfinite(number) else None
