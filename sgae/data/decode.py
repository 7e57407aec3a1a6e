"""Decodes a prepared TFDS folder into arrays, with any reader of its data files."""

import io
import itertools
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from PIL import Image

from sgae.data.dataset import Dataset, Reading, Split
from sgae.errors import UserError

Example = tuple[np.ndarray, int]  # uint8 [H, W, C] and its label.

_SPLITS = ("train", "test")
_REPORT_EVERY = 10_000  # Images.
_PILLOW_MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # By number of channels.


def decode(
  name: str,
  folder: pathlib.Path,
  file_format: str | None,
  read_records: Callable[[pathlib.Path], Iterator[bytes]],
  report: Callable[[str], None],
) -> Dataset:
  """Returns the splits 'train' and 'test' of a prepared TFDS folder.

  Args:
    name: name of the data set, for messages and for the result.
    folder: the folder that holds dataset_info.json.
    file_format: the file format to read, by its TFDS name; None means the first one
      that the folder declares.
    read_records: yields the serialized examples of one data file, in order.
    report: shows one plain line to the user.

  Returns:
    The data set in the order of its files, images uint8 [N, H, W, C].

  Raises:
    UserError: the data set is unsuitable, or one of its files is missing, unreadable or
      holds a different number of examples than dataset_info.json declares.
  """
  import tensorflow_datasets as tfds  # Slow to import; reading the cache does without.

  try:
    info = tfds.builder_from_directory(folder).info
    # As an argument above it fails unless it is the first format (TFDS 4.9.10).
    info.set_file_format(file_format, override=True, override_if_initialized=True)
  except Exception as error:  # JSON, protobuf and the disk raise their own kinds.
    raise UserError(
      f"{folder} is not a readable TFDS data set ({one_line(error)}); {_redo(folder)}"
    ) from error
  splits = {split: info.splits[split] for split in _SPLITS if split in info.splits}
  if len(splits) < len(_SPLITS) or not all(s.num_examples for s in splits.values()):
    raise UserError(
      f"data set {name!r} has the splits {', '.join(info.splits) or 'none'}; choose "
      "one that has examples in 'train' and in 'test'"
    )
  features: Any = info.features
  parse = _parser(name, dict(features.items()), tfds)
  shards = [
    (pathlib.Path(path), length)
    for split in splits.values()
    for path, length in zip(split.filepaths, split.shard_lengths, strict=True)
  ]
  for path, _ in shards:  # Before decoding, which takes minutes and would then fail.
    if not path.is_file():
      raise UserError(
        f"{path} is missing, though dataset_info.json names it; {_redo(folder)}"
      )
  total = sum(length for _, length in shards)
  examples = itertools.chain.from_iterable(
    _read_shard(path, length, read_records, parse) for path, length in shards
  )
  examples = _check_sizes(name, _with_progress(name, examples, total, report))
  train, test = (_stack(examples, splits[split].num_examples) for split in _SPLITS)
  for _ in examples:  # Without this the length of the last file is never checked.
    pass
  label, read = features["label"], _reading(f"{name} {folder.name}", info)
  return Dataset(name, train, test, label.num_classes, None, tuple(label.names), read)


def _reading(source: str, info: Any) -> Reading:
  left_out = (
    *(f"split {split!r}" for split in info.splits if split not in _SPLITS),
    *(f"feature {key!r}" for key in info.features if key not in ("image", "label")),
  )
  return Reading(f"{source} of TensorFlow Datasets", "as prepared", left_out=left_out)


def one_line(error: BaseException) -> str:
  """Returns the type of an error and the first line of its message, printable."""
  lines = str(error).strip().splitlines()
  if not lines:
    return type(error).__name__
  line = "".join(letter if letter.isprintable() else "?" for letter in lines[0])
  return f"{type(error).__name__}: {line}"


def _redo(folder: pathlib.Path) -> str:
  return f"delete {folder} and run again to prepare it"


def _parser(
  name: str, features: dict[str, Any], tfds: Any
) -> Callable[[bytes], Example]:
  """Returns a function serialized example -> (image, label), or raises UserError."""
  image: Any = features.get("image")
  label: Any = features.get("label")
  if (
    not isinstance(image, tfds.features.Image)
    or not isinstance(label, tfds.features.ClassLabel)
    or image.np_dtype != np.uint8
    or image.shape[-1] not in _PILLOW_MODES
  ):
    raise UserError(
      f"data set {name!r} has the features {', '.join(features)}; choose one with "
      "'image' (8-bit, 1, 3 or 4 channels) and 'label' (classes)"
    )
  mode = _PILLOW_MODES[image.shape[-1]]
  # Parses only these two features, and decodes the image with Pillow: TFDS would use
  # OpenCV if it is installed, which decodes JPEGs to other bits.
  image_and_label = tfds.features.FeaturesDict({"image": image, "label": label})
  decoders = {"image": tfds.decode.SkipDecoding()}

  def parse(record: bytes) -> Example:
    example = image_and_label.deserialize_example_np(record, decoders=decoders)
    with Image.open(io.BytesIO(example["image"])) as encoded:
      pixels = np.asarray(encoded.convert(mode))
    return pixels.reshape(*pixels.shape[:2], -1), int(example["label"])

  return parse


def _read_shard(
  path: pathlib.Path,
  length: int,
  read_records: Callable[[pathlib.Path], Iterator[bytes]],
  parse: Callable[[bytes], Example],
) -> Iterator[Example]:
  count = 0
  try:
    for record in read_records(path):
      yield parse(record)
      count += 1
  except Exception as error:  # Each reader of records and images has its own kinds.
    raise UserError(
      f"{path} is damaged after {count:,} of its {length:,} examples "
      f"({one_line(error)}); {_redo(path.parent)}"
    ) from error
  if count != length:
    raise UserError(
      f"{path} holds {count:,} examples, but dataset_info.json declares {length:,}; "
      f"{_redo(path.parent)}"
    )


def _with_progress(
  name: str, examples: Iterator[Example], total: int, report: Callable[[str], None]
) -> Iterator[Example]:
  for count, example in enumerate(examples):
    if count % _REPORT_EVERY == 0:
      report(f"Decoding {name}: {count:,} of {total:,} images")
    yield example


def _check_sizes(name: str, examples: Iterator[Example]) -> Iterator[Example]:
  shape = None
  for image, label in examples:
    shape = shape or image.shape
    if image.shape != shape:
      raise UserError(
        f"data set {name!r} has images of different sizes ({_size(shape)} and "
        f"{_size(image.shape)} pixels); choose one whose images all have one size"
      )
    yield image, label


def _size(shape: tuple[int, ...]) -> str:
  return f"{shape[0]}x{shape[1]}"


def _stack(examples: Iterator[Example], count: int) -> Split:
  image, label = next(examples)
  images = np.empty((count, *image.shape), np.uint8)
  labels = np.empty(count, np.int32)
  images[0], labels[0] = image, label
  for index in range(1, count):
    images[index], labels[index] = next(examples)
  return Split(images, labels)
