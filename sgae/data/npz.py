"""Images from a NumPy archive (.npz), as numpy.savez, Keras and MedMNIST write them."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.npyio import NpzFile

from sgae.data import assemble, local, splits
from sgae.data.dataset import Dataset, Reading
from sgae.data.decode import one_line
from sgae.data.labels import Classes, number_classes, unlabelled
from sgae.devices import machine
from sgae.errors import UserError

# Names of arrays, in lower case; of several, the first that the file has is read.
_IMAGES = ("images", "image", "x", "imgs", "data", "arr_0")
_LABELS = ("labels", "label", "y", "targets", "target", "classes", "arr_1")
HOW_TO_WRITE = "write it with numpy.savez(file, images=images, labels=labels)"
_NAMED = 8  # arrays of the file, in a message


class _Layout(NamedTuple):
  """The names of the arrays that are read, each (images, labels or None)."""

  train: tuple[str, str | None]
  test: tuple[str, str | None] | None
  unread: tuple[str, ...]

  def read(self) -> list[str]:
    return [key for pair in (self.train, self.test or ()) for key in pair if key]


def load(config: Any, report: Callable[[str], None]) -> Dataset:
  """Returns the images of a .npz file.

  Arrays are known by their names, in any case: `images`, `image`, `x`, `imgs` or
  `data`, and `labels`, `label`, `y`, `target`, `targets` or `classes`. With a split in
  the name (`x_train`, `test_images`, `labels_val`) they are that split: `test` is the
  test split, else `val`. Arrays that were stored without names are `arr_0`, images, and
  `arr_1`, labels. The first of these that the file has are read, and all other arrays
  are named. Without a test split, `holdout.py` makes it.

  Images are uint8 [N, H, W, C] with C = 1 or 3, or [N, H, W]. What labels may be:
  `labels.number_classes`. Without labels all examples have class 0. Nothing is
  unpickled, so files from untrusted sources are safe.

  Args:
    config: the ConfigDict `config.data`: path (the file) and image_size (0: the splits
      must have one size).
    report: unused: nothing is slow.

  Returns:
    The data set, named like the file; images as stored, in the same order.

  Raises:
    UserError: the file is missing, damaged or needs pickle, or its arrays are
      unsuitable.
  """
  del report
  path = local.absolute(config.path)
  file = local.shown(path)
  layout, arrays = _read(path, file)
  parts = [layout.train, *([layout.test] if layout.test else [])]
  images = [checked_images(f"{file}: {name!r}", arrays[name]) for name, _ in parts]
  if layout.test:
    _check_same_shape(file, parts, images, config.image_size)
  return assemble.from_arrays(
    local.shown(os.path.basename(path)),
    file,
    images,
    _classes(file, arrays, parts, [len(each) for each in images]),
    Reading(
      f"arrays of {file}",
      f"the array {parts[-1][0]!r}",
      left_out=tuple(f"array {name!r}" for name in layout.unread),
    ),
  )


def images_of(
  path: str, report: Callable[[str], None], preferred: str = ""
) -> np.ndarray:
  """Returns the images of a file whatever its labels are: of its test split, if any.

  Args:
    path: absolute, of a file as `load` takes it; labels may be missing.
    report: shows one plain line to the user: what is left out.
    preferred: an array that is taken before others, where the file has it.

  Returns:
    uint8 [N, H, W, C].

  Raises:
    UserError: as `load`.
  """
  file = local.shown(path)
  with opened(path, file, HOW_TO_WRITE) as stored:
    labels = _by_split(stored.files, _LABELS).values()
    name = preferred
    if preferred not in stored.files:
      layout = _layout(file, [key for key in stored.files if key not in labels])
      name, _ = layout.test or layout.train
    array = array_of(file, stored, name, HOW_TO_WRITE)
    others = [key for key in stored.files if key not in (name, *labels)]
  if others:
    left_out = local.shortened([f"array {key!r}" for key in others], _NAMED)
    report(f"Left out of {file}: {left_out}")
  return checked_images(f"{file}: {name!r}", array)


def _read(path: str, file: str) -> tuple[_Layout, dict[str, np.ndarray]]:
  """Returns the layout and its arrays; `file` is the path in messages."""
  with opened(path, file, HOW_TO_WRITE) as stored:
    layout = _layout(file, stored.files)
    arrays = {key: array_of(file, stored, key, HOW_TO_WRITE) for key in layout.read()}
    return layout, arrays


@contextmanager
def opened(path: str, file: str, advice: str) -> Iterator[NpzFile]:
  """Opens an archive that fits into memory.

  Args:
    path: of the archive.
    file: the path in messages.
    advice: what to do with a damaged one.

  Raises:
    UserError: for any error inside the block, too.
  """
  with (
    local.explained(path, "a .npz file", advice),
    open(path, "rb") as handle,
    # numpy.load would take any file that is not zip or .npy for a pickle.
    NpzFile(handle, allow_pickle=False) as stored,
  ):
    _check_size(file, stored)
    yield stored


def listed(keys: Sequence[str]) -> str:
  """Returns the names of the arrays of a file, for messages."""
  return local.shortened([repr(key) for key in keys], _NAMED) or "no arrays"


def _layout(file: str, keys: Sequence[str]) -> _Layout:
  """Returns which arrays are read, from all the names in the file."""
  images, labels = _by_split(keys, _IMAGES), _by_split(keys, _LABELS)
  if "" in images:
    train, test = (images[""], labels.get("")), None
  elif images:
    chosen = splits.choose(file, images)
    train = (images[chosen.train], labels.get(chosen.train))
    test = chosen.test and (images[chosen.test], labels.get(chosen.test))
    if test and (train[1] is None) != (test[1] is None):
      with_labels, without = (train, test) if train[1] else (test, train)
      raise UserError(
        f"{file} holds {with_labels[1]!r}, but no labels of {without[0]!r}: add or "
        f"remove labels; {HOW_TO_WRITE}"
      )
  else:
    raise UserError(
      f"{file} holds {listed(keys)}; allowed are 'images' or 'arr_0', with or without "
      f"'labels', or 'x_train', 'y_train', 'x_test' and 'y_test'; {HOW_TO_WRITE}"
    )
  layout = _Layout(train, test or None, ())
  read = layout.read()
  return layout._replace(unread=tuple(key for key in keys if key not in read))


def _by_split(keys: Sequence[str], kinds: Sequence[str]) -> dict[str, str]:
  """Returns split -> name of the array of these kinds; the split '' is none."""
  found: dict[str, tuple[int, str]] = {}
  for key in keys:
    name = key.lower()
    words = [name] if name in kinds else name.split("_")
    named = [word for word in words if splits.split_of(word)]
    rest = [word for word in words if word not in named]
    if len(rest) == 1 and rest[0] in kinds and len(named) <= 1:
      split = (splits.split_of(named[0]) or "") if named else ""
      rank = kinds.index(rest[0])
      found[split] = min(found.get(split, (rank, key)), (rank, key))
  return {split: key for split, (_, key) in found.items()}


def _check_size(file: str, stored: Any) -> None:
  """Raises UserError if the file unpacks to more than the memory, before it does."""
  # These sizes can be trusted: zipfile never reads more than an entry declares.
  declared = sum(info.file_size for info in stored.zip.infolist())
  memory = machine.memory()
  if declared > memory:
    raise UserError(
      f"{file} unpacks to {declared / 2**30:,.2f} GiB, more than the "
      f"{memory / 2**30:,.2f} GiB of memory here; store fewer or smaller arrays"
    )


def array_of(file: str, stored: NpzFile, key: str, advice: str) -> np.ndarray:
  """Returns an array of an archive; arguments as for `opened`.

  Raises:
    UserError: it cannot be read.
  """
  try:
    array = stored[key]
  except MemoryError as error:
    raise UserError(
      f"{file}: {key!r} does not fit into memory; store fewer or smaller arrays"
    ) from error
  except Exception as error:  # Zip, its compressions and NumPy have their own kinds.
    raise UserError(
      f"{file}: {key!r} cannot be read ({one_line(error)}); allowed are undamaged "
      f"arrays of numbers that need no pickle; {advice}"
    ) from error
  if not isinstance(array, np.ndarray):  # NumPy returns any other file as bytes.
    raise UserError(f"{file}: {key!r} is not an array; {advice}")
  return array


def checked_images(what: str, array: np.ndarray) -> np.ndarray:
  """Returns checked images as [N, H, W, C]."""
  shape = array.shape
  hint = ""
  if len(shape) == 2 and array.dtype.kind == "f":
    hint = "; vectors [N, D] are read by --config.data.source=vectors"
  if array.size == 0 or len(shape) < 3 or shape[3:] not in ((), (1,), (3,)):
    raise UserError(
      f"{what} has the shape {shape}; allowed are [images, height, width] and [images, "
      "height, width, channels] with 1 or 3 channels, none of them 0: transpose or "
      f"reshape it{hint}"
    )
  if array.dtype != np.uint8:
    ordered = array.dtype.kind in "iufb"
    values = f", {array.min()} to {array.max()}" if ordered else ""
    raise UserError(
      f"{what} is {array.dtype}{values}; allowed is uint8, 0 (black) to 255: scale it "
      "to that and store it .astype(numpy.uint8)"
    )
  return array.reshape(*shape[:3], -1)


def _classes(
  file: str,
  arrays: dict[str, np.ndarray],
  parts: Sequence[tuple[str, str | None]],
  counts: Sequence[int],
) -> Classes:
  """Returns the classes of the images of all parts in a row."""
  stored = []
  for (_, name), count in zip(parts, counts, strict=True):
    if name is None:
      return unlabelled(sum(counts))
    array = arrays[name]
    if array.ndim not in (1, 2) or len(array) != count:
      raise UserError(
        f"{file}: {name!r} has the shape {array.shape}, but there are {count:,} "
        "images; allowed is one label for each image: store as many labels as images"
      )
    stored.append(array.reshape(count) if array.shape == (count, 1) else array)
  what = f"{file}: {' and '.join(repr(name) for _, name in parts)}"
  forms = {(array.shape[1:], array.dtype.kind in "UST") for array in stored}
  if len(forms) > 1:
    raise UserError(
      f"{what} have different forms ({' and '.join(str(a.dtype) for a in stored)}, "
      f"{' and '.join(str(a.shape) for a in stored)}): store both alike"
    )
  return number_classes(what, np.concatenate(stored))


def _check_same_shape(
  file: str,
  parts: Sequence[tuple[str, str | None]],
  images: Sequence[np.ndarray],
  image_size: int,
) -> None:
  # With an image_size both are resized later, so that only the channels must agree.
  first = 3 if image_size else 1
  train, test = images
  if train.shape[first:] != test.shape[first:]:
    raise UserError(
      f"{file}: {parts[0][0]!r} has the shape {train.shape} and {parts[1][0]!r} "
      f"{test.shape}; both must have the same channels and size: reshape one, or, "
      "where only the size differs, set --config.data.image_size=..."
    )
