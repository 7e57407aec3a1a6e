"""Digests that tell a whole checkpoint from one that was damaged since.

Orbax and its store notice a file that is cut off or gone, but not a bit that changed
among the numbers. So the SHA-256 of each file is written into the checkpoint's folder
before the folder gets its name, and compared before the checkpoint is used.
"""

import hashlib
import re
from pathlib import Path

from sgae.reporting.files import write_atomically

SUMS = "SHA256SUMS"  # as `sha256sum` writes and checks it
# Orbax writes these when all else is done. They hold nothing of the state.
_LAST = ("_CHECKPOINT_METADATA", "commit_success.txt")
_LINE = re.compile(r"([0-9a-f]{64})  (.+)\n")


def seal(folder: Path) -> None:
  """Writes the digests of all files but those that orbax has still to write.

  Args:
    folder: of one checkpoint, under its temporary name or its own.

  Raises:
    UserError: the disk refuses.
  """
  _write(folder, {name: _sha256(folder / name) for name in _nested(folder)})


def complete(folder: Path) -> None:
  """Adds the files that orbax has written since, if that was not done yet.

  Raises:
    UserError: the disk refuses.
  """
  if (folder / SUMS).exists():
    sums = _read(folder)
    last = [name for name in _LAST if name not in sums and (folder / name).exists()]
    if last:
      _write(folder, sums | {name: _sha256(folder / name) for name in last})


def is_sealed(folder: Path) -> bool:
  """Says whether a checkpoint has digests; those of older versions have none."""
  return (folder / SUMS).exists()


def fault(folder: Path) -> str | None:
  """Returns what is wrong with a checkpoint in a few words, or None.

  Args:
    folder: of one checkpoint. Files that were added to it at its top are no fault.
  """
  if not is_sealed(folder):
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
  found = [_LINE.fullmatch(line) for line in lines]
  if not all(found):
    raise ValueError(f"{SUMS} has changed")
  return {match[2]: match[1] for match in found if match}


def _write(folder: Path, sums: dict[str, str]) -> None:
  text = "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))
  write_atomically(folder / SUMS, text.encode())
