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
_ANEW = "write it with numpy.savez(file, images=images, labels=labels)"
_LARGEST_LABEL = np.iinfo(np.int32).max - 1  # num_classes is one more.


def load(config: Any, report: Callable[[str], None]) -> Dataset:
  """Returns the images of a .npz file.

  One of these sets of arrays is read, the first that is there:

  - `images`, and `labels` if they are there;
  - `arr_0` in place of `images`;
  - `x_train`, `y_train`, `x_test` and `y_test`, the layout of Keras.

  Where there is no test split the first of every ten examples make it, those whose
  index is 0 modulo 10, whatever the seed.

  Images are uint8 [N, H, W, C] with C = 1 or 3, or [N, H, W]. Labels are integers >= 0,
  [N] or [N, 1]; the classes are 0 to the largest label. Without labels all examples are
  of class 0. Nothing is unpickled, so that a file from anywhere can be read safely.

  Args:
    config: the ConfigDict `config.data`: path (the file) and image_size (0: `x_train`
      and `x_test` must be of one size).
    report: shows one plain line to the user; called where all labels are the same.

  Returns:
    The data set, named like the file; images as stored, in their order.

  Raises:
    UserError: the file is missing, damaged or needs pickle, or its arrays do not suit.
  """
  path = local.absolute(config.path)
  file = local.shown(path)
  arrays = _read(path, file)
  if "x_train" in arrays:
    train = _split(file, arrays, "x_train", "y_train")
    test = _split(file, arrays, "x_test", "y_test")
    _check_alike(file, train.images, test.images, config.image_size)
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
  """Returns the arrays of one layout; `file` is the path as it is shown."""
  try:
    # Not numpy.load, which takes all but zip files and .npy for pickles.
    with open(path, "rb") as handle, NpzFile(handle, allow_pickle=False) as stored:
      keys = _layout(file, stored.files)
      _check_size(file, stored)
      return {key: _array(file, stored, key) for key in keys}
  except UserError:
    raise
  except OSError as error:
    raise UserError(
      f"{file} cannot be read ({error.strerror or error}); name a .npz file with "
      "--config.data.path=..."
    ) from error
  except Exception as error:  # A damaged list of what is in a zip file has many kinds.
    raise UserError(
      f"{file} is no .npz file, or is damaged or cut off ({one_line(error)}); {_ANEW}"
    ) from error


def _layout(file: str, keys: list[str]) -> tuple[str, ...]:
  for images in _IMAGES:
    if images in keys:
      return (images, "labels") if "labels" in keys else (images,)
  if set(_KERAS) <= set(keys):
    return _KERAS
  raise UserError(
    f"{file} holds {', '.join(map(repr, keys)) or 'no arrays'}; allowed are 'images' "
    f"or 'arr_0', with 'labels' or without, or else {', '.join(map(repr, _KERAS))}; "
    f"{_ANEW}"
  )


def _check_size(file: str, stored: Any) -> None:
  """Refuses a file that unpacks to more than fits, before anything is unpacked."""
  # Honest or not: no more than is declared is ever read.
  declared = sum(info.file_size for info in stored.zip.infolist())
  memory = machine.memory()
  if declared > memory:
    raise UserError(
      f"{file} unpacks to {declared / 2**30:,.2f} GiB, more than the "
      f"{memory / 2**30:,.2f} GiB of memory here; store less"
    )


def _array(file: str, stored: Any, key: str) -> np.ndarray:
  try:
    array = stored[key]
  except MemoryError as error:
    raise UserError(f"{file}: {key!r} does not fit into memory; store less") from error
  except Exception as error:  # Zip, its compressions and NumPy have their own kinds.
    raise UserError(
      f"{file}: {key!r} cannot be read ({one_line(error)}); allowed are undamaged "
      f"arrays of numbers, none that need pickle; {_ANEW}"
    ) from error
  if not isinstance(array, np.ndarray):  # NumPy gives any other file as bytes.
    raise UserError(f"{file}: {key!r} is no array; {_ANEW}")
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
      "one label for each: give as many of both"
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


def _check_alike(
  file: str, train: np.ndarray, test: np.ndarray, image_size: int
) -> None:
  # Of another size they are made alike afterwards, of another number of channels never.
  first = 3 if image_size else 1
  if train.shape[first:] != test.shape[first:]:
    raise UserError(
      f"{file}: 'x_train' has the shape {train.shape} and 'x_test' {test.shape}; "
      "allowed is one number of channels and, unless --config.data.image_size=... is "
      "set, one size"
    )
