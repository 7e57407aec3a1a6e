"""Decoded data sets on disk, as plain .npy files that the next start reads at once.

An entry is a folder with four arrays and `dataset.json`, which holds the SHA-256 of
each of them: a half written, truncated or altered entry is never taken for a whole one.
"""

import contextlib
import errno
import hashlib
import json
import os
import pathlib
import tempfile

import numpy as np

from sgae.data.dataset import Dataset, Split
from sgae.errors import UserError

_ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")


def cache_root(cache_directory: str) -> pathlib.Path:
  """Returns the folder under which sgae keeps what it can make again.

  Args:
    cache_directory: the folder; '' takes $SGAE_CACHE_DIR, else $XDG_CACHE_HOME/sgae,
      else ~/.cache/sgae.

  Returns:
    An absolute path. The folder need not exist.
  """
  base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
  chosen = cache_directory or os.environ.get("SGAE_CACHE_DIR") or f"{base}/sgae"
  return pathlib.Path(chosen).expanduser().absolute()


def place_of(root: pathlib.Path, kind: str, *made_of: object) -> pathlib.Path:
  """Returns the JSON file of something that can be made again.

  Args:
    root: from `cache_root`.
    kind: the folder, such as 'features'.
    made_of: all that it depends on, fit for JSON; another value is another file.
  """
  text = json.dumps(made_of, sort_keys=True)
  return root / kind / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"


def read(entry: pathlib.Path) -> Dataset | None:
  """Returns the data set stored in the folder `entry`.

  Returns:
    The data set as it was given to `write`, bit for bit, or None where the entry is
    missing, incomplete or damaged.
  """
  try:
    meta = json.loads((entry / "dataset.json").read_text())
    paths = {key: entry / f"{key}.npy" for key in _ARRAYS}
    if any(_digest(path) != meta["sha256"][key] for key, path in paths.items()):
      return None
    # mapped, so that streamed data need no more memory than their batches do
    arrays = {
      key: np.load(path, mmap_mode="r", allow_pickle=False)
      for key, path in paths.items()
    }
    return Dataset(
      name=meta["name"],
      train=Split(arrays["train_images"], arrays["train_labels"]),
      test=Split(arrays["test_images"], arrays["test_labels"]),
      num_classes=meta["num_classes"],
    )
  except (OSError, ValueError, KeyError, TypeError):
    return None


def write(entry: pathlib.Path, dataset: Dataset) -> None:
  """Stores `dataset` in the folder `entry`, replacing what stands there.

  The entry is written beside and renamed, so a reader sees a whole entry or none, and
  of two processes that write the same entry at once either may win.

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
        "sha256": {key: _digest(new / f"{key}.npy") for key in arrays},
      }
      (new / "dataset.json").write_text(json.dumps(meta, indent=2))
      # A damaged entry is moved out of the way; it goes with the temporary folder.
      with contextlib.suppress(FileNotFoundError):
        os.rename(entry, os.path.join(folder, "old"))
      try:
        os.rename(new, entry)
      except OSError as error:
        # Not empty: another process has just put the same data there.
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
          raise
  except OSError as error:
    raise UserError(
      f"cannot write the decoded data to {entry.parent} ({error.strerror}); choose a "
      "writable folder with --config.data.cache_directory=... or SGAE_CACHE_DIR"
    ) from error


def _digest(path: pathlib.Path) -> str:
  with open(path, "rb") as file:
    return hashlib.file_digest(file, "sha256").hexdigest()
