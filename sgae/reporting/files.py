"""Whole files or none: what a run directory holds besides checkpoints and logs."""

import io
import json
import math
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from sgae.data.cache import make_writable
from sgae.errors import UserError

PARTIAL = ".*.[0-9]*.partial"  # what `write_atomically` is writing, or was when killed


@contextmanager
def explained(path: str | os.PathLike) -> Iterator[None]:
  """Turns an operating system's refusal inside the block into one line for the user.

  Args:
    path: the file or directory that the block reads or writes, named in the line.

  Raises:
    UserError: for any OSError (full or read-only disk, a path that is no directory).
  """
  try:
    yield
  except OSError as error:
    in_the_way = FileExistsError | NotADirectoryError | IsADirectoryError
    advice = "" if isinstance(error, in_the_way) else "free some space, or "
    raise UserError(
      f"cannot read or write {path}: {error.strerror or error}; {advice}choose a "
      "writable directory with --workdir, or with --output where a run is only read"
    ) from error


def require_writable(directory: str | os.PathLike) -> None:
  """Makes a directory; called before anything slow whose results go there.

  Raises:
    UserError: it cannot be made, or not be written.
  """
  with explained(directory):
    make_writable(directory)


def member_folder(directory: Path, member: int | None) -> Path:
  """Returns where files of a population's member go; None: of a single run."""
  return directory if member is None else directory / "members" / str(member)


def write_atomically(path: str | os.PathLike, data: bytes) -> None:
  """Writes a file beside `path` and renames it, so `path` is old or new, never half.

  Args:
    path: the file to make or replace; missing parent directories are made.
    data: its whole content.

  Raises:
    UserError: the file cannot be written; `path` is then as it was.
  """
  path = Path(path)
  # Not `tempfile`: its files are readable by their owner alone, also after the rename.
  partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
  with explained(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
      with open(partial, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
      os.replace(partial, path)
    except OSError:
      partial.unlink(missing_ok=True)
      raise


def write_arrays(path: str | os.PathLike, arrays: Mapping[str, np.ndarray]) -> None:
  """Writes a .npz file without pickled objects, whole or not at all.

  Args:
    path: the file to make or replace.
    arrays: by their names, of numbers or text.

  Raises:
    UserError: the file cannot be written.
  """
  data = io.BytesIO()
  np.savez(data, allow_pickle=False, **arrays)
  write_atomically(path, data.getvalue())


def write_json(path: str | os.PathLike, value: Any) -> None:
  """Writes `value` as strict JSON (indent 2, sorted keys), whole or not at all.

  Args:
    path: the file to make or replace.
    value: dictionaries, lists, strings, numbers, booleans and None. A NaN or an
      infinity, which JSON does not have, becomes null.

  Raises:
    UserError: the file cannot be written.
  """
  text = json.dumps(_with_nulls(value), indent=2, sort_keys=True, allow_nan=False)
  write_atomically(path, f"{text}\n".encode())


def _with_nulls(value: Any) -> Any:
  if isinstance(value, Mapping):
    return {key: _with_nulls(part) for key, part in value.items()}
  if isinstance(value, list | tuple):
    return [_with_nulls(part) for part in value]
  return None if isinstance(value, float) and not math.isfinite(value) else value


def read_json(
  path: str | os.PathLike,
  advice: str = "delete it, and the next evaluation makes it again",
) -> dict[str, Any]:
  """Returns the object that `write_json` wrote; an empty one where none was yet.

  Args:
    path: of the file.
    advice: what to do where it is damaged.

  Raises:
    UserError: the file cannot be read, or holds no object.
  """
  with explained(path):
    try:
      data = Path(path).read_bytes()
    except FileNotFoundError:
      return {}
  try:
    # JSON has no NaN; a file from elsewhere may hold one all the same.
    value = json.loads(data, parse_constant=lambda _: None)
    if not isinstance(value, dict):
      raise ValueError("no JSON object")
  except ValueError as error:
    raise UserError(f"{path} is damaged ({error}): {advice}") from error
  return value


def replace_set(
  directory: str | os.PathLike, names: re.Pattern, write: Callable[[Path], None]
) -> None:
  """Replaces a set of files in a directory by a new one, all of it or nothing.

  Args:
    directory: where the set lies; made when missing.
    names: matches the file names of the set; other files in the directory stay.
    write: writes the new set into the empty directory that it is given.

  Raises:
    UserError: the set cannot be written; the older one is then as it was.
  """
  with explained(directory):
    Path(directory).mkdir(parents=True, exist_ok=True)
    place = Path(directory).resolve()  # a link to a larger disk stays a link
    new = place.with_name(f".{place.name}.partial")
    old = place.with_name(f".{place.name}.old")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    try:
      write(new)
    except BaseException:
      shutil.rmtree(new, ignore_errors=True)
      raise
    _retire(old, names, place)
    # Killed between these two, a run leaves both sets beside `place`, each whole.
    place.rename(old)
    new.rename(place)
    _retire(old, names, place)


def _retire(old: Path, names: re.Pattern, place: Path) -> None:
  # Only the older set is deleted; whatever else was there goes on beside the new one.
  if old.exists():
    for path in old.iterdir():
      if names.fullmatch(path.name):
        path.unlink()
      else:
        path.rename(place / path.name)
    old.rmdir()
