"""Images from TensorFlow Datasets: prepared and decoded once, then read from the cache.

TensorFlow is never imported here. Downloading, preparing and reading TFRecords need it
and run in a separate process, see prepare.py.
"""

import hashlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

from sgae.data import cache, decode
from sgae.data.dataset import Dataset
from sgae.errors import UserError

_RECORDS_PER_READ = 1_000  # All at once would hold the file in memory twice.


def load(config: Any, report: Callable[[str], None]) -> Dataset:
  """Returns a TFDS data set of images with labels, all of one size.

  It comes from the cache if its decoded images are there. Otherwise the prepared folder
  <directory>/<name>/<version> is decoded, after preparing it there if it is missing.

  Args:
    config: the ConfigDict `config.data`: name (a TFDS name: 'mnist', or with its
      configuration 'emnist/letters'), directory ('' = $TFDS_DATA_DIR, else
      ~/tensorflow_datasets) and cache_directory (see `cache.cache_root`).
    report: shows one plain line to the user.

  Returns:
    The data set, images uint8 [N, H, W, C] as stored, in the order of its files.

  Raises:
    UserError: the data set cannot be obtained, stored or read, or is unsuitable.
  """
  name, directory, folder = _find(config)
  if folder is None:
    _require_there(name, directory)
    report(f"Preparing {name} (first use) in {directory} ...")
    folder = _prepare(name, directory)
  fingerprint, has_array_record = _inspect(folder)
  root = cache.cache_root(config.cache_directory)
  entry = root / "data" / f"{name.replace('/', '-')}-{folder.name}-{fingerprint}"
  dataset = cache.read(entry)
  if dataset is None and has_array_record:
    dataset = decode.decode(name, folder, "array_record", _read_array_record, report)
    cache.write(entry, dataset)
  if dataset is None:
    report(f"Decoding {name} from TFRecords (first use) ...")
    dataset = _decode_tfrecords(name, directory, entry)
  return dataset


def train_shape(config: Any) -> tuple[int, int, int, int]:
  """Returns the shape (N, H, W, C) of the training images of prepared data.

  Args:
    config: as for `load`.

  Raises:
    UserError: the data are not prepared, or their metadata lack the shape.
  """
  name, directory, folder = _find(config)
  if folder is None:
    raise UserError(
      f"data set {name!r} is not prepared in {directory}: give the shape of its "
      "training images, such as --images=60000x28x28x1, or --config.data.directory=..."
    )
  import tensorflow_datasets as tfds  # Slow to import.

  try:
    info: Any = tfds.builder_from_directory(folder).info
    height, width, channels = map(int, info.features["image"].shape)
    return info.splits["train"].num_examples, height, width, channels
  except Exception as error:  # JSON, protobuf and the disk raise their own kinds.
    raise UserError(
      f"{folder} lacks the shape of its training images ({decode.one_line(error)}): "
      "give it, such as --images=60000x28x28x1"
    ) from error


def _find(config: Any) -> tuple[str, pathlib.Path, pathlib.Path | None]:
  """Returns the name, TFDS's data directory and the prepared folder, if it exists."""
  name = config.name
  if not re.fullmatch(r"\w+(/[\w.+-]+)?", name):
    raise UserError(
      f"config.data.name={name!r} is not a TFDS name; choose one such as 'mnist' or, "
      "with a configuration, 'emnist/letters'"
    )
  setting = config.directory or os.environ.get("TFDS_DATA_DIR")
  try:
    directory = pathlib.Path(setting or "~/tensorflow_datasets").expanduser()
  except RuntimeError as error:  # no HOME, and a user that the system does not know
    raise UserError(
      f"there is no home directory to look for {name!r} in: point "
      "--config.data.directory=... or TFDS_DATA_DIR at prepared data"
    ) from error
  directory = directory.absolute()
  return name, directory, find_folder(directory, name)


def _require_there(name: str, directory: pathlib.Path) -> None:
  """Refuses to prepare data in a folder that was named and is not there.

  A misspelt one would be created, and filled with a download.
  """
  named = directory != pathlib.Path(os.path.expanduser("~/tensorflow_datasets"))
  if named and not directory.exists():
    raise UserError(
      f"the folder {directory} does not exist: point --config.data.directory=... or "
      f"TFDS_DATA_DIR at prepared data, or make the folder to have {name!r} prepared "
      "in it"
    )


def find_folder(directory: pathlib.Path, name: str) -> pathlib.Path | None:
  """Returns the folder of the newest prepared version of a data set, if any.

  Args:
    directory: the data directory of TFDS.
    name: name of the data set.

  Returns:
    <directory>/<name>/<version> that holds a dataset_info.json, or None.
  """
  versions = {
    tuple(map(int, path.parent.name.split("."))): path.parent
    for path in (directory / name).glob("*/dataset_info.json")
    if re.fullmatch(r"\d+\.\d+\.\d+", path.parent.name)
  }
  return versions[max(versions)] if versions else None


def _inspect(folder: pathlib.Path) -> tuple[str, bool]:
  """Returns the fingerprint of prepared data, and whether it has array_record files.

  The fingerprint covers dataset_info.json and the names and sizes of the files: without
  it, data that are prepared again would be read from an outdated cache entry.
  """
  try:
    declared = (folder / "dataset_info.json").read_bytes()
    info = json.loads(declared)
    formats = [
      info.get("fileFormat", "tfrecord"),
      *info.get("alternativeFileFormats", []),
    ]
    files = sorted((path.name, path.stat().st_size) for path in folder.iterdir())
  except (OSError, ValueError, AttributeError) as error:
    raise UserError(
      f"{folder}/dataset_info.json cannot be read ({decode.one_line(error)}); delete "
      f"{folder} and run again to prepare it"
    ) from error
  if "array_record" not in formats and formats[0] != "tfrecord":
    raise UserError(
      f"{folder} holds {', '.join(formats)}; allowed are array_record and tfrecord: "
      "prepare one of these, or choose another --config.data.directory"
    )
  digest = hashlib.sha256(declared + json.dumps(files).encode()).hexdigest()
  return digest[:16], "array_record" in formats


def _read_array_record(path: pathlib.Path) -> Iterator[bytes]:
  from array_record.python.array_record_module import ArrayRecordReader

  reader = ArrayRecordReader(str(path))
  try:
    count = reader.num_records()
    for start in range(0, count, _RECORDS_PER_READ):
      yield from reader.read(start, min(start + _RECORDS_PER_READ, count))
  finally:
    reader.close()


def _prepare(name: str, directory: pathlib.Path) -> pathlib.Path:
  reason = _run_tensorflow(name, directory)
  # Not the exit code: if another process prepares the same data first, this one fails.
  folder = find_folder(directory, name)
  if folder is None:
    raise UserError(
      f"data set {name!r} cannot be prepared in {directory}: {reason}; point "
      "--config.data.directory=... or TFDS_DATA_DIR at prepared data, or run `python "
      "launch.py`, which needs no download (configs/digits.py)"
    )
  return folder


def _decode_tfrecords(
  name: str, directory: pathlib.Path, entry: pathlib.Path
) -> Dataset:
  reason = _run_tensorflow(name, directory, "--decode", str(entry))
  dataset = cache.read(entry)
  if dataset is None:
    raise UserError(reason)
  return dataset


def _run_tensorflow(*arguments: str | pathlib.Path) -> str:
  """Runs prepare.py with progress on the terminal; returns its last line of output."""
  command = [sys.executable, "-m", "sgae.data.prepare", *map(str, arguments)]
  # From here sgae can be imported even if it is not installed; all paths are absolute.
  root = pathlib.Path(__file__).parents[2]
  result = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=root)
  if result.returncode == 128 + signal.SIGINT:
    raise KeyboardInterrupt
  lines = result.stdout.splitlines()
  return lines[-1] if lines else f"`{' '.join(command)}` ended with {result.returncode}"
