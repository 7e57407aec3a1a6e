"""Images from a NumPy archive (.npz), as numpy.savez and Keras write them."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.npyio import NpzFile

from sgae.data import local
from sgae.data.dataset import Dataset, Split
from sgae.data.decode import one_line
from sgae.devices import machine
from sgae.errors import UserError

_IMAGES = ("images", "arr_0")
_KERAS = ("x_train", "y_train", "x_test", "y_test")
_HOW_TO_WRITE = "write it with numpy.savez(file, images=images, labels=labels)"
_LARGEST_LABEL = np.iinfo(np.int32).max - 1  # num_classes is one more.


def load(config: Any, report: Callable[[str], None]) -> Dataset:
  """Returns the images of a .npz file.

  The first of these layouts that the file has is read:

  - `images`, optionally with `labels`;
  - `arr_0` instead of `images`;
  - `x_train`, `y_train`, `x_test` and `y_test`, the layout of Keras.

  Without a test split, the first of every ten examples (index 0 modulo 10) is for
  testing, whatever the seed.

  Images are uint8 [N, H, W, C] with C = 1 or 3, or [N, H, W]. Labels are integers >= 0,
  [N] or [N, 1]; the classes are 0 to the largest label. Without labels all examples
  have class 0. Nothing is unpickled, so files from untrusted sources are safe.

  Args:
    config: the ConfigDict `config.data`: path (the file) and image_size (0: `x_train`
      and `x_test` must have one size).
    report: shows one plain line to the user; called if all labels are the same.

  Returns:
    The data set, named like the file; images as stored, in the same order.

  Raises:
    UserError: the file is missing, damaged or needs pickle, or its arrays are
      unsuitable.
  """
  path = local.absolute(config.path)
  file = local.shown(path)
  arrays = _read(path, file)
  if "x_train" in arrays:
    train = _split(file, arrays, "x_train", "y_train")
    test = _split(file, arrays, "x_test", "y_test")
    _check_same_shape(file, train.images, test.images, config.image_size)
  else:
    [images] = arrays.keys() - {"labels"}
    whole = _split(file, arrays, images, "labels")
    is_test = local.is_test(file, len(whole.images))
    train = Split(whole.images[~is_test], whole.labels[~is_test])
    test = Split(whole.images[is_test], whole.labels[is_test])
  num_classes = 1 + int(max(train.labels.max(), test.labels.max()))
  dataset = Dataset(local.shown(os.path.basename(path)), train, test, num_classes)
  if len(arrays) > 1:  # There are labels.
    local.warn_of_one_class(dataset, report)
  return dataset


def _read(path: str, file: str) -> dict[str, np.ndarray]:
  """Returns the arrays of one layout; `file` is the path in messages."""
  try:
    # numpy.load would take any file that is not zip or .npy for a pickle.
    with open(path, "rb") as handle, NpzFile(handle, allow_pickle=False) as stored:
      keys = _layout(file, stored.files)
      _check_size(file, stored)
      return {key: _array(file, stored, key) for key in keys}
  except UserError:
    raise
  except OSError as error:
    raise UserError(
      f"{file} cannot be read ({error.strerror or error}); choose a .npz file with "
      "--config.data.path=..."
    ) from error
  except Exception as error:  # A damaged directory of a zip file raises many kinds.
    raise UserError(
      f"{file} is not a .npz file, or is damaged or truncated ({one_line(error)}); "
      f"{_HOW_TO_WRITE}"
    ) from error


def _layout(file: str, keys: list[str]) -> tuple[str, ...]:
  for images in _IMAGES:
    if images in keys:
      return (images, "labels") if "labels" in keys else (images,)
  if set(_KERAS) <= set(keys):
    return _KERAS
  raise UserError(
    f"{file} holds {', '.join(map(repr, keys)) or 'no arrays'}; allowed are 'images' "
    f"or 'arr_0', with or without 'labels', or {', '.join(map(repr, _KERAS))}; "
    f"{_HOW_TO_WRITE}"
  )


def _check_size(file: str, stored: Any) -> None:
  """Raises UserError if the file unpacks to more than the memory, before it does."""
  # These sizes can be trusted: zipfile never reads more than an entry declares.
  declared = sum(info.file_size for info in stored.zip.infolist())
  memory = machine.memory()
  if declared > memory:
    raise UserError(
      f"{file} unpacks to {declared / 2**30:,.2f} GiB, more than the "
      f"{memory / 2**30:,.2f} GiB of memory here; store fewer or smaller images"
    )


def _array(file: str, stored: Any, key: str) -> np.ndarray:
  try:
    array = stored[key]
  except MemoryError as error:
    raise UserError(
      f"{file}: {key!r} does not fit into memory; store fewer or smaller images"
    ) from error
  except Exception as error:  # Zip, its compressions and NumPy have their own kinds.
    raise UserError(
      f"{file}: {key!r} cannot be read ({one_line(error)}); allowed are undamaged "
      f"arrays of numbers that need no pickle; {_HOW_TO_WRITE}"
    ) from error
  if not isinstance(array, np.ndarray):  # NumPy returns any other file as bytes.
    raise UserError(f"{file}: {key!r} is not an array; {_HOW_TO_WRITE}")
  return array


def _split(file: str, arrays: dict[str, np.ndarray], images: str, labels: str) -> Split:
  pixels = _images(f"{file}: {images!r}", arrays[images])
  if labels not in arrays:
    return Split(pixels, np.zeros(len(pixels), np.int32))
  return Split(pixels, _labels(f"{file}: {labels!r}", arrays[labels], len(pixels)))


def _images(what: str, array: np.ndarray) -> np.ndarray:
  """Returns checked images as [N, H, W, C]."""
  shape = array.shape
  if array.size == 0 or len(shape) < 3 or shape[3:] not in ((), (1,), (3,)):
    raise UserError(
      f"{what} has the shape {shape}; allowed are [images, height, width] and [images, "
      "height, width, channels] with 1 or 3 channels, none of them 0: transpose or "
      "reshape it"
    )
  if array.dtype != np.uint8:
    ordered = array.dtype.kind in "iufb"
    values = f", {array.min()} to {array.max()}" if ordered else ""
    raise UserError(
      f"{what} is {array.dtype}{values}; allowed is uint8, 0 (black) to 255: scale it "
      "to that and store it .astype(numpy.uint8)"
    )
  return array.reshape(*shape[:3], -1)


def _labels(what: str, array: np.ndarray, count: int) -> np.ndarray:
  """Returns checked labels as int32 [N]."""
  if array.shape not in ((count,), (count, 1)):
    raise UserError(
      f"{what} has the shape {array.shape}, but there are {count:,} images; allowed is "
      "one label for each image: store as many labels as images"
    )
  if array.dtype.kind not in "iu":
    raise UserError(
      f"{what} is {array.dtype}; allowed are integers, from 0: number the classes"
    )
  if array.min() < 0 or array.max() > _LARGEST_LABEL:
    raise UserError(
      f"{what} has values from {array.min()} to {array.max()}; allowed are 0 to "
      f"{_LARGEST_LABEL}: number the classes from 0"
    )
  return array.reshape(count).astype(np.int32)


def _check_same_shape(
  file: str, train: np.ndarray, test: np.ndarray, image_size: int
) -> None:
  # With an image_size both are resized later, so that only the channels must agree.
  first = 3 if image_size else 1
  if train.shape[first:] != test.shape[first:]:
    raise UserError(
      f"{file}: 'x_train' has the shape {train.shape} and 'x_test' {test.shape}; both "
      "must have the same channels and size: reshape one, or, where only the size "
      "differs, set --config.data.image_size=..."
    )
