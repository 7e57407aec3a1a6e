"""A cache of decoded data sets on disk, as plain .npy files.

An entry is a folder with four arrays and `dataset.json`, which holds their SHA-256
checksums: an incomplete, truncated or altered entry is never taken for a valid one.
"""

import contextlib
import errno
import hashlib
import json
import os
import pathlib
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np

from sgae.data.dataset import Dataset, Reading, Split
from sgae.errors import UserError

_ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")


def cache_root(cache_directory: str) -> pathlib.Path:
  """Returns the folder of everything that sgae caches.

  Args:
    cache_directory: the folder; '' means $SGAE_CACHE_DIR, else $XDG_CACHE_HOME/sgae,
      else ~/.cache/sgae.

  Returns:
    An absolute path. The folder need not exist.

  Raises:
    UserError: it would be in a home directory, and there is none.
  """
  base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
  root = cache_directory or os.environ.get("SGAE_CACHE_DIR") or f"{base}/sgae"
  try:
    return pathlib.Path(root).expanduser().absolute()
  except RuntimeError as error:  # no HOME, and a user that the system does not know
    raise UserError(
      "there is no home directory to cache data in: name a folder with SGAE_CACHE_DIR "
      "or --config.data.cache_directory=..."
    ) from error


def make_writable(folder: str | os.PathLike) -> None:
  """Makes a folder where it is missing.

  Raises:
    OSError: it cannot be made, or not be written.
  """
  os.makedirs(folder, exist_ok=True)
  if not os.access(folder, os.W_OK):
    raise PermissionError(errno.EACCES, "it cannot be written")


def require_writable(folder: pathlib.Path) -> None:
  """Makes a folder of the cache; called before anything slow that it shall keep.

  Raises:
    UserError: it cannot be made, or not be written.
  """
  try:
    make_writable(folder)
  except OSError as error:
    raise UserError(
      f"cannot write the cache {folder} ({error.strerror}): choose a writable folder "
      "with SGAE_CACHE_DIR or --config.data.cache_directory=..."
    ) from error


def ensure_root(
  cache_directory: str, beside: pathlib.Path, report: Callable[[str], None]
) -> None:
  """Makes sure that there is a cache, before anything slow.

  A folder that was chosen is taken as it is, so that a full one may be read-only. Where
  none was and the home directory cannot be written, as in many containers,
  `sgae_cache` beside the run takes its place for the rest of this process.

  Args:
    cache_directory: as for `cache_root`.
    beside: the directory of the run.
    report: shows one line to the user.

  Raises:
    UserError: there is no place for it.
  """
  if cache_directory or os.environ.get("SGAE_CACHE_DIR"):
    root = cache_root(cache_directory)
    if not root.is_dir():
      require_writable(root)
    return
  try:
    require_writable(cache_root(""))
  except UserError as error:
    root = beside.absolute().parent / "sgae_cache"
    require_writable(root)
    os.environ["SGAE_CACHE_DIR"] = str(root)
    report(f"The cache is in {root}, since {error}")


def place_of(root: pathlib.Path, kind: str, *made_of: object) -> pathlib.Path:
  """Returns the path of a cached JSON file, which need not exist.

  Args:
    root: from `cache_root`.
    kind: the folder, such as 'features'.
    made_of: everything that the content depends on, as JSON values; each combination
      has its own file.
  """
  text = json.dumps(made_of, sort_keys=True)
  return root / kind / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"


def remember(
  config: Any, kind: str, key: object, make: Callable[[], Dataset]
) -> Dataset:
  """Returns a decoded data set from the cache, or makes it and stores it there.

  Args:
    config: the ConfigDict `config.data`: cache_directory, and image_size and
      background, which belong to the key.
    kind: the first part of the entry's name.
    key: everything else that the data depend on, as JSON values.
    make: decodes the data.

  Raises:
    UserError: from `make`, or the cache cannot be written.
  """
  made_of = [key, config.image_size, config.background]
  digest = hashlib.sha256(json.dumps(made_of).encode()).hexdigest()
  entry = cache_root(config.cache_directory) / "data" / f"{kind}-{digest[:16]}"
  dataset = read(entry)
  if dataset is None:
    dataset = make()
    write(entry, dataset)
  return dataset


def read(entry: pathlib.Path) -> Dataset | None:
  """Returns the data set stored in the folder `entry`.

  Returns:
    The data set that was passed to `write`, bit for bit, or None if the entry is
    missing, incomplete or damaged.
  """
  try:
    meta = json.loads((entry / "dataset.json").read_text())
    paths = {key: entry / f"{key}.npy" for key in _ARRAYS}
    if any(_digest(path) != meta["sha256"][key] for key, path in paths.items()):
      return None
    # Memory-mapped: otherwise streamed data would take memory for all their images.
    arrays = {
      key: np.load(path, mmap_mode="r", allow_pickle=False)
      for key, path in paths.items()
    }
    return Dataset(
      name=meta["name"],
      train=Split(arrays["train_images"], arrays["train_labels"]),
      test=Split(arrays["test_images"], arrays["test_labels"]),
      num_classes=meta["num_classes"],
      class_names=tuple(meta["class_names"]),
      read=_reading(meta["read"]),
    )
  except (OSError, ValueError, KeyError, TypeError):
    return None


def write(entry: pathlib.Path, dataset: Dataset) -> None:
  """Stores `dataset` in the folder `entry`, replacing any earlier entry.

  The entry is written to a temporary folder and renamed, so a reader sees a complete
  entry or none. Of two processes that write the same entry at once, either may win.

  Raises:
    UserError: the cache folder cannot be written.
  """
  arrays = dict(zip(_ARRAYS, (*dataset.train, *dataset.test), strict=True))
  try:
    entry.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=entry.parent) as folder:
      new = pathlib.Path(folder, "new")
      new.mkdir()
      for key, array in arrays.items():
        np.save(new / f"{key}.npy", array, allow_pickle=False)
      meta = {
        "name": dataset.name,
        "num_classes": dataset.num_classes,
        "class_names": dataset.class_names,
        "read": dataset.read._asdict(),
        "sha256": {key: _digest(new / f"{key}.npy") for key in arrays},
      }
      (new / "dataset.json").write_text(json.dumps(meta, indent=2))
      # A damaged entry would block the rename: it is deleted with the temporary folder.
      with contextlib.suppress(FileNotFoundError):
        os.rename(entry, os.path.join(folder, "old"))
      try:
        os.rename(new, entry)
      except OSError as error:
        # Not empty: another process has just written the same data.
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
          raise
  except OSError as error:
    raise UserError(
      f"cannot write the decoded data to {entry.parent} ({error.strerror}); choose a "
      "writable folder with --config.data.cache_directory=... or SGAE_CACHE_DIR"
    ) from error


def _reading(stored: dict[str, Any]) -> Reading:
  fields: Any = {
    key: tuple(value) if isinstance(value, list) else value
    for key, value in stored.items()
  }
  return Reading(**fields)


def _digest(path: pathlib.Path) -> str:
  with open(path, "rb") as file:
    return hashlib.file_digest(file, "sha256").hexdigest()
