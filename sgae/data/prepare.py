"""The one-time process with TensorFlow: downloads and prepares, or reads TFRecords.

`python -m sgae.data.prepare NAME DIRECTORY [--decode OUT]`

Nothing else in sgae imports TensorFlow: it takes seconds, and memory on the GPU. The
last line on stdout says what was made or, with exit code 2, what went wrong; progress
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

_READ_AT_ONCE = 1_000  # Records; one by one takes twice as long.
_RETRIES = 1
_TIMEOUT = (10.0, 60.0)  # Seconds to connect, and without a byte.


def main() -> int:
  """Runs the command line; returns the exit code."""
  parser = argparse.ArgumentParser(description="Prepare a TFDS data set for sgae.")
  parser.add_argument("name", help="TFDS name: 'mnist', 'emnist/letters'")
  parser.add_argument("directory", type=pathlib.Path, help="data directory of TFDS")
  parser.add_argument(
    "--decode",
    type=pathlib.Path,
    metavar="OUT",
    help="decode the TFRecords that are there into the cache entry OUT",
  )
  arguments = parser.parse_args()
  try:
    with contextlib.redirect_stdout(sys.stderr):  # TFDS prints there.
      _import_tensorflow()
      if arguments.decode:
        _decode(arguments.name, arguments.directory, arguments.decode)
      else:
        _prepare(arguments.name, arguments.directory)
  except UserError as error:
    sys.stdout.write(f"{error}\n")
    return UserError.exit_code
  except KeyboardInterrupt:  # The caller got it too, or learns of it by the code.
    return 128 + signal.SIGINT
  sys.stdout.write(f"{arguments.decode or arguments.directory} is ready\n")
  return 0


def _import_tensorflow() -> None:
  os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # No work for a GPU, and no memory of it.
  os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
  os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"  # It announces itself at any log level.
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
      raise UserError(f"it has configurations: choose --config.data.name of {choices}")
    builder.download_and_prepare()
  except tfds.core.DatasetNotFoundError as error:
    known = tfds.list_builders(with_community_datasets=False)
    near = " or ".join(difflib.get_close_matches(name, known))
    hint = f" (did you mean {near}?)" if near else ""
    raise UserError(f"TFDS knows no data set of this name{hint}") from error
  except (requests.ConnectionError, requests.Timeout) as error:
    url = error.request.url if error.request else None
    raise UserError(
      f"no network connection to {urlsplit(url).hostname if url else 'its server'}"
    ) from error
  except UserError:
    raise
  except Exception as error:  # Each of the thousand data sets fails in its own way.
    raise UserError(one_line(error)) from error
  if find_folder(directory, name) is None:  # TFDS takes any folder for prepared data.
    raise UserError(f"{builder.data_dir} has no dataset_info.json, delete this folder")


def _bound_waiting() -> None:
  """Lets TFDS give up in seconds where there is no network.

  It retries ten times after ever longer pauses, and never times out: minutes without a
  word. It has no setting for either.
  """
  from requests.adapters import HTTPAdapter
  from tensorflow_datasets.core.download import downloader

  logging.getLogger("urllib3").setLevel(logging.ERROR)  # It warns of each retry.
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

  batches: Any = tf.data.TFRecordDataset(str(path)).batch(_READ_AT_ONCE)
  for records in batches.as_numpy_iterator():
    yield from records


def _report(line: str) -> None:
  sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
  sys.exit(main())
