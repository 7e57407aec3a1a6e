"""Images from IDX files, the format of MNIST's own files, compressed or not.

http://yann.lecun.com/exdb/mnist describes it: two zero bytes, the type of the values (8
is uint8), the number of axes, the length of each axis (big-endian uint32), the values.
"""

import gzip
import math
import os
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sgae.data import assemble, local, splits
from sgae.data.dataset import Dataset, Reading
from sgae.data.labels import Classes, number_classes, unlabelled
from sgae.devices import machine
from sgae.errors import UserError

_UINT8 = b"\x00\x00\x08"
_WHAT = "an IDX file of uint8"
_NAMED = 4


def load(config: Any, report: Callable[[str], None]) -> Dataset:
  """Returns the images of IDX files.

  In a folder the files of images are those with 'images' or 'idx3' in their names, and
  the first word names the split: train-images-idx3-ubyte and t10k-images-idx3-ubyte,
  with or without .gz. The path may also be one file of images. Labels lie beside, in a
  file of the same name with 'labels' and 'idx1'; without them all examples have class
  0. Without a test split, `holdout.py` makes it.

  Args:
    config: the ConfigDict `config.data`: path.
    report: unused: nothing is slow.

  Returns:
    The data set, named like the folder or file; images uint8 [N, H, W, 1], or [N, H, W,
    C] of files with four axes, in the order of the files.

  Raises:
    UserError: a file is missing or damaged, or its sizes do not fit.
  """
  del report
  path = local.absolute(config.path)
  what = local.shown(path)
  parts, left_out = _parts(path)
  images = [_images(file) for file in parts]
  if len({each.shape[1:] for each in images}) > 1:
    raise UserError(
      f"{what}: the training images are {images[0].shape[1:]} and the test images "
      f"{images[1].shape[1:]}; both must have one size: choose one of the files"
    )
  return assemble.from_arrays(
    local.shown(os.path.basename(path)),
    what,
    images,
    _classes(what, parts, [len(each) for each in images]),
    Reading(
      f"IDX files of {what}",
      local.shown(os.path.basename(parts[-1])),
      left_out=left_out,
    ),
  )


def _parts(path: str) -> tuple[list[str], tuple[str, ...]]:
  """Returns the files of images, training first, and what is not read."""
  with local.explained(path, "a folder of IDX files"):
    if not os.path.isdir(path):
      os.stat(path)
      return [path], ()
    names = sorted(name for name in os.listdir(path) if not name.startswith("."))
  images: dict[str, str] = {}
  for name in names:
    word = name.replace(".", "-").split("-")[0].split("_")[0]
    if "images" in name or "idx3" in name:
      images.setdefault(word if splits.split_of(word) else "", name)
  if not images:
    held = local.shortened(names, _NAMED) or "nothing"
    raise UserError(
      f"{local.shown(path)} holds {held}; allowed are files such as "
      "train-images-idx3-ubyte and t10k-images-idx3-ubyte, with or without .gz: choose "
      "their folder with --config.data.path=..."
    )
  chosen = [""]
  if images.keys() - {""}:
    train, test, _ = splits.choose(local.shown(path), images.keys() - {""})
    chosen = [train, *([test] if test else [])]
  read = [os.path.join(path, images[word]) for word in chosen]
  used = {*read, *(labels for file in read if (labels := _labels_of(file)))}
  unread = [name for name in names if os.path.join(path, name) not in used]
  return read, tuple(f"file {local.shown(name)}" for name in unread)


def _labels_of(file: str) -> str | None:
  """Returns the file of labels beside one of images, if it exists."""
  folder, name = os.path.split(file)
  name = name.replace("images", "labels").replace("idx3", "idx1")
  stem = name.removesuffix(".gz")
  for candidate in (name, stem, f"{stem}.gz"):
    path = os.path.join(folder, candidate)
    if path != file and os.path.exists(path):
      return path
  return None


def _images(file: str) -> np.ndarray:
  array = _read(file)
  if array.size == 0 or array.ndim not in (3, 4) or array.shape[3:] not in (
    (), (1,), (3,)
  ):  # fmt: skip
    raise UserError(
      f"{local.shown(file)} has the shape {array.shape}; allowed are [images, height, "
      "width] and [images, height, width, channels] with 1 or 3 channels, none of them "
      "0: choose a file of images"
    )
  return array.reshape(*array.shape[:3], -1)


def _classes(what: str, parts: Sequence[str], counts: Sequence[int]) -> Classes:
  """Returns the classes of the images of all parts in a row."""
  files = [_labels_of(file) for file in parts]
  found = [file for file in files if file]
  if not found:
    return unlabelled(sum(counts))
  if len(found) < len(files):
    raise UserError(
      f"{what} has labels in {local.shown(os.path.basename(found[0]))}, but none for "
      "the other split: add or remove a file of labels"
    )
  arrays = [_read(file) for file in found]
  for file, array, count in zip(found, arrays, counts, strict=True):
    if array.shape != (count,):
      raise UserError(
        f"{local.shown(file)} has the shape {array.shape}, but there are {count:,} "
        "images; allowed is one label for each image: choose files that belong together"
      )
  return number_classes(f"{what}: labels", np.concatenate(arrays))


def _read(file: str) -> np.ndarray:
  """Returns the array of a file; takes no more memory than the file has values."""
  with local.explained(file, _WHAT), _opened(file) as stream:
    head = stream.read(4)
    if len(head) < 4 or head[:3] != _UINT8 or not 1 <= head[3] <= 4:
      raise ValueError(f"it begins with {head.hex(' ') or 'nothing'}")
    shape = struct.unpack(f">{head[3]}I", stream.read(4 * head[3]))
    size, memory = math.prod(shape), machine.memory()
    if size > memory:
      raise UserError(
        f"{local.shown(file)} declares {size / 2**30:,.2f} GiB, more than the "
        f"{memory / 2**30:,.2f} GiB of memory here; choose a smaller or undamaged file"
      )
    values = stream.read(size)
    if len(values) < size:
      raise ValueError(f"it ends after {len(values):,} of {size:,} values")
    if stream.read(1):
      raise ValueError(f"it goes on after its {size:,} values")
  return np.frombuffer(values, np.uint8).reshape(shape)


def _opened(file: str) -> Any:
  with open(file, "rb") as stream:
    compressed = stream.read(2) == b"\x1f\x8b"
  return gzip.open(file) if compressed else open(file, "rb")
