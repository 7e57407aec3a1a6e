"""Images from TensorFlow Datasets: prepared once, decoded once, then read at once.

TensorFlow is never imported here. What needs it (to download and prepare, to read
TFRecords) runs in a process of its own, see prepare.py.
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

_READ_AT_ONCE = 1_000  # Records; a whole file would stand in memory twice.


def load(config: Any, report: Callable[[str], None]) -> Dataset:
  """Returns a TFDS data set of images with labels, all of one size.

  The decoded cache is taken where it holds this very data; else the prepared folder
  <directory>/<name>/<version> is decoded; else the data set is prepared there first.

  Args:
    config: the ConfigDict `config.data`: name (a TFDS name: 'mnist', or with its
      configuration 'emnist/letters'), directory ('' = $TFDS_DATA_DIR, else
      ~/tensorflow_datasets) and cache_directory (see `cache.cache_root`).
    report: shows one plain line to the user.

  Returns:
    The data set, images uint8 [N, H, W, C] as stored, in the order of its files.

  Raises:
    UserError: the data set cannot be had, stored or read, or does not suit.
  """
  name, directory, folder = _find(config)
  if folder is None:
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
    UserError: the data are not prepared, or their metadata do not say.
  """
  name, directory, folder = _find(config)
  if folder is None:
    raise UserError(
      f"data set {name!r} is not prepared in {directory}: give the shape of its "
      "training images, such as --images=60000x28x28x1, or --config.data.directory=..."
    )
  import tensorflow_datasets as tfds  # Takes a moment.

  try:
    info: Any = tfds.builder_from_directory(folder).info
    height, width, channels = map(int, info.features["image"].shape)
    return info.splits["train"].num_examples, height, width, channels
  except Exception as error:  # Whatever JSON, protobuf and the disk raise.
    raise UserError(
      f"{folder} does not say the size of its training images "
      f"({decode.one_line(error)}): give it, such as --images=60000x28x28x1"
    ) from error


def _find(config: Any) -> tuple[str, pathlib.Path, pathlib.Path | None]:
  """Returns the name, the data directory of TFDS and the folder of prepared data."""
  name = config.name
  if not re.fullmatch(r"\w+(/[\w.+-]+)?", name):
    raise UserError(
      f"config.data.name={name!r} is no name of a TFDS data set; give one such as "
      "'mnist' or, with a configuration, 'emnist/letters'"
    )
  given = config.directory or os.environ.get("TFDS_DATA_DIR")
  directory = pathlib.Path(given or "~/tensorflow_datasets").expanduser().absolute()
  return name, directory, find_folder(directory, name)


def find_folder(directory: pathlib.Path, name: str) -> pathlib.Path | None:
  """Returns the folder of the newest prepared version of a data set, if there is one.

  Args:
    directory: the data directory of TFDS.
    name: name of the data set.

  Returns:
    <directory>/<name>/<version> that holds a dataset_info.json, or None.
  """
  found = {
    tuple(map(int, path.parent.name.split("."))): path.parent
    for path in (directory / name).glob("*/dataset_info.json")
    if re.fullmatch(r"\d+\.\d+\.\d+", path.parent.name)
  }
  return found[max(found)] if found else None


def _inspect(folder: pathlib.Path) -> tuple[str, bool]:
  """Returns the fingerprint of prepared data, and whether array_record is in it.

  The fingerprint covers dataset_info.json and the names and sizes of the files, so that
  data that was prepared anew is not mistaken for what the cache holds.
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
      f"{folder} and run again to prepare it anew"
    ) from error
  if "array_record" not in formats and formats[0] != "tfrecord":
    raise UserError(
      f"{folder} holds {', '.join(formats)}; sgae reads array_record and tfrecord: "
      "prepare it so, or choose another --config.data.directory"
    )
  digest = hashlib.sha256(declared + json.dumps(files).encode()).hexdigest()
  return digest[:16], "array_record" in formats


def _read_array_record(path: pathlib.Path) -> Iterator[bytes]:
  from array_record.python.array_record_module import ArrayRecordReader

  reader = ArrayRecordReader(str(path))
  try:
    count = reader.num_records()
    for start in range(0, count, _READ_AT_ONCE):
      yield from reader.read(start, min(start + _READ_AT_ONCE, count))
  finally:
    reader.close()


def _prepare(name: str, directory: pathlib.Path) -> pathlib.Path:
  reason = _run_tensorflow(name, directory)
  # Two processes may prepare the same data at once; the slower finds it in place.
  folder = find_folder(directory, name)
  if folder is None:
    raise UserError(
      f"data set {name!r} cannot be prepared in {directory}: {reason}; point "
      "--config.data.directory=... or TFDS_DATA_DIR at prepared data, or run `python "
      "launch.py`, which needs none (configs/digits.py)"
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
  """Runs prepare.py with its progress on the user's terminal; returns what it says."""
  command = [sys.executable, "-m", "sgae.data.prepare", *map(str, arguments)]
  # It starts where this package lies, installed or not; all paths are absolute.
  root = pathlib.Path(__file__).parents[2]
  result = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=root)
  if result.returncode == 128 + signal.SIGINT:
    raise KeyboardInterrupt
  lines = result.stdout.splitlines()
  return lines[-1] if lines else f"`{' '.join(command)}` ended with {result.returncode}"
