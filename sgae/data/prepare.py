"""A separate process with TensorFlow: prepares a TFDS data set, or decodes TFRecords.

`python -m sgae.data.prepare NAME DIRECTORY [--decode OUT]`

Nothing else in sgae imports TensorFlow, which takes seconds, and memory on the GPU. The
last line on stdout names what is ready or, with exit code 2, what is wrong; progress
goes to stderr.
"""

import argparse
import contextlib
import difflib
import logging
import os
import pathlib
import signal
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from sgae.data import cache
from sgae.data.decode import decode, one_line
from sgae.data.tfds import find_folder
from sgae.errors import UserError

_RECORDS_PER_READ = 1_000  # One by one takes twice as long.
_RETRIES = 1
_TIMEOUT = (10.0, 60.0)  # Seconds, to connect and between two bytes.


def main() -> int:
  """Runs the command line; returns the exit code."""
  parser = argparse.ArgumentParser(description="Prepare a TFDS data set for sgae.")
  parser.add_argument("name", help="TFDS name: 'mnist', 'emnist/letters'")
  parser.add_argument("directory", type=pathlib.Path, help="data directory of TFDS")
  parser.add_argument(
    "--decode",
    type=pathlib.Path,
    metavar="OUT",
    help="decode existing TFRecords into the cache entry OUT",
  )
  arguments = parser.parse_args()
  try:
    # TFDS prints to stdout, where the caller reads the last line as the result.
    with contextlib.redirect_stdout(sys.stderr):
      _import_tensorflow()
      if arguments.decode:
        _decode(arguments.name, arguments.directory, arguments.decode)
      else:
        _prepare(arguments.name, arguments.directory)
  except UserError as error:
    sys.stdout.write(f"{error}\n")
    return UserError.exit_code
  except KeyboardInterrupt:  # The code tells the caller, if it did not get the signal.
    return 128 + signal.SIGINT
  sys.stdout.write(f"{arguments.decode or arguments.directory} is ready\n")
  return 0


def _import_tensorflow() -> None:
  os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # Else TensorFlow takes all GPU memory.
  os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
  os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"  # Else it prints a line at any log level.
  try:
    import tensorflow  # noqa: F401
  except ImportError as error:
    raise UserError(
      f"TensorFlow cannot be imported ({one_line(error)}); `pip install "
      "tensorflow-cpu` (on macOS and Windows: `pip install tensorflow`)"
    ) from error


def _prepare(name: str, directory: pathlib.Path) -> None:
  import requests
  import tensorflow_datasets as tfds

  _bound_waiting()
  try:
    builder = tfds.builder(name, data_dir=directory, file_format="array_record")
    if builder.builder_config and "/" not in name:
      choices = ", ".join(f"{name}/{key}" for key in builder.builder_configs)
      raise UserError(f"it has configurations: set --config.data.name to {choices}")
    builder.download_and_prepare()
  except tfds.core.DatasetNotFoundError as error:
    known = tfds.list_builders(with_community_datasets=False)
    near = " or ".join(difflib.get_close_matches(name, known))
    hint = f" (did you mean {near}?)" if near else ""
    raise UserError(f"TFDS has no data set of this name{hint}") from error
  except (requests.ConnectionError, requests.Timeout) as error:
    url = error.request.url if error.request else None
    raise UserError(
      f"no network connection to {urlsplit(url).hostname if url else 'its server'}"
    ) from error
  except UserError:
    raise
  except Exception as error:  # Each of the thousand data sets fails in its own way.
    raise UserError(one_line(error)) from error
  if find_folder(directory, name) is None:  # TFDS accepts any folder as prepared data.
    raise UserError(f"{builder.data_dir} has no dataset_info.json: delete this folder")


def _bound_waiting() -> None:
  """Makes TFDS fail within seconds if there is no network.

  Otherwise it retries ten times with growing pauses and no timeout: minutes without
  any output. It has no setting for either.
  """
  from requests.adapters import HTTPAdapter
  from tensorflow_datasets.core.download import downloader

  logging.getLogger("urllib3").setLevel(logging.ERROR)  # It warns about each retry.
  downloader.MAX_RETRIES = _RETRIES
  send = HTTPAdapter.send

  def send_bounded(self, *args, timeout=None, **kwargs):
    return send(self, *args, timeout=timeout or _TIMEOUT, **kwargs)

  HTTPAdapter.send = send_bounded


def _decode(name: str, directory: pathlib.Path, entry: pathlib.Path) -> None:
  folder = find_folder(directory, name)
  if folder is None:
    raise UserError(f"{directory / name} holds no prepared data; drop --decode")
  cache.write(entry, decode(name, folder, None, _read_tfrecord, _report))


def _read_tfrecord(path: pathlib.Path) -> Iterator[bytes]:
  import tensorflow as tf

  batches: Any = tf.data.TFRecordDataset(str(path)).batch(_RECORDS_PER_READ)
  for records in batches.as_numpy_iterator():
    yield from records


def _report(line: str) -> None:
  sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
  sys.exit(main())
