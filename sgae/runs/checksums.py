"""Checksums of checkpoints, which show if a checkpoint is damaged.

Orbax and its store notice a truncated or missing file, but not a changed bit in an
array. So the SHA-256 of each file is written into the checkpoint's folder before orbax
gives the folder its final name, and checked before the checkpoint is used.
"""

import hashlib
import re
from pathlib import Path

from sgae.reporting.files import write_atomically

SUMS = "SHA256SUMS"  # in the format of the command `sha256sum`
# Orbax writes these after all other files. They hold no part of the state.
_LATE = ("_CHECKPOINT_METADATA", "commit_success.txt")
_LINE = re.compile(r"([0-9a-f]{64})  (.+)\n")


def write_checksums(folder: Path) -> None:
  """Writes the checksums of all files that orbax has written so far.

  Args:
    folder: of one checkpoint, under its temporary or final name.

  Raises:
    UserError: the file cannot be written.
  """
  _write(folder, {name: _sha256(folder / name) for name in _nested(folder)})


def add_late_checksums(folder: Path) -> None:
  """Adds the checksums of the files that orbax writes last, if they are missing.

  Raises:
    UserError: the file cannot be written.
  """
  if (folder / SUMS).exists():
    sums = _read(folder)
    late = [name for name in _LATE if name not in sums and (folder / name).exists()]
    if late:
      _write(folder, sums | {name: _sha256(folder / name) for name in late})


def has_checksums(folder: Path) -> bool:
  """Returns whether a checkpoint has checksums; those of older versions have none."""
  return (folder / SUMS).exists()


def find_damage(folder: Path) -> str | None:
  """Returns how a checkpoint is damaged, in a few words; None if it is not.

  Args:
    folder: of one checkpoint. Files added at its top level do not count as damage.
  """
  if not has_checksums(folder):
    return f"{SUMS} is missing"
  name = SUMS
  try:
    sums = _read(folder)
    for name in sorted(sums.keys() | _nested(folder)):
      if not (folder / name).is_file():
        return f"{name} is missing"
      if name not in sums:
        return f"{SUMS} does not name {name}"
      if _sha256(folder / name) != sums[name]:
        return f"{name} has changed"
  except OSError as error:
    return f"{name} cannot be read: {error.strerror or error}"
  except ValueError:
    return f"{SUMS} has changed"
  return None


def _nested(folder: Path) -> set[str]:
  paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
  return {path.as_posix() for path in paths if len(path.parts) > 1}


def _sha256(path: Path) -> str:
  with open(path, "rb") as file:
    return hashlib.file_digest(file, "sha256").hexdigest()


def _read(folder: Path) -> dict[str, str]:
  lines = (folder / SUMS).read_text().splitlines(keepends=True)
  matches = [_LINE.fullmatch(line) for line in lines]
  if not all(matches):
    raise ValueError(f"{SUMS} has changed")
  return {match[2]: match[1] for match in matches if match}


def _write(folder: Path, sums: dict[str, str]) -> None:
  text = "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))
  write_atomically(folder / SUMS, text.encode())
