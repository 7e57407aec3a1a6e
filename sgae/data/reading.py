"""What is said of the data at every start, in config.json and in the report."""

from collections.abc import Sequence

import numpy as np

from sgae.data.augment import describe
from sgae.data.dataset import (
  Dataset,
  are_vectors,
  labelled,
  names_of_classes,
  noun_of,
)
from sgae.data.local import shortened
from sgae.data.order import ENDLESS

_CLASSES_NAMED = 10
_OTHERS_NAMED = 5


def describe_data(dataset: Dataset, augment: Sequence[str] = ()) -> str:
  r"""Returns one line: what was read, how much of it, what was not, what is done to it.

  Args:
    dataset: as it was read.
    augment: of `data.augment`.

  >>> from sgae.data.dataset import Reading, Split
  >>> images = np.zeros((4, 8, 8, 1), np.uint8)
  >>> split = Split(images, np.array([0, 1, 0, 1]))
  >>> read = Reading("folder pets", "test/", left_out=("3 .avif files",))
  >>> line = describe_data(Dataset("pets", split, split, 2, None, ("cat", "dog"), read))
  >>> print(line.replace("; ", "\n"))
  folder pets: 4 training and 4 test images of 8x8x1
  2 classes (cat, dog)
  test split: test/
  left out: 3 .avif files
  """
  read = dataset.read
  shape = dataset.train.images.shape[1:]
  size = f"width {shape[-1]:,}" if are_vectors(shape) else "x".join(map(str, shape))
  parts = [
    f"{read.source or dataset.name}: {_count(dataset.train.images)} training and "
    f"{_count(dataset.test.images)} test {noun_of(shape)} of {size}",
    *_classes(dataset),
  ]
  if read.split:
    parts.append(f"test split: {read.split}")
  if read.background:
    parts.append(f"background of transparent pixels: {read.background}")
  parts += read.changed
  if read.left_out:
    parts.append(f"left out: {shortened(read.left_out, _OTHERS_NAMED)}")
  if dataset.second is not None:
    together = ", in pairs" if dataset.paired else ""
    parts.append(f"second side{together}: {describe_data(dataset.second)}")
  if augment:
    parts.append(f"training images augmented: {describe(augment, shape)}")
  return "; ".join(parts)


def _count(images) -> str:
  return "endless" if len(images) == ENDLESS else f"{len(images):,}"


def _classes(dataset: Dataset) -> list[str]:
  """Returns the classes with their names, and those that a split lacks."""
  if dataset.num_classes < 2 and not dataset.class_names:
    return ["no labels"]
  number = dataset.num_classes
  parts = [f"{number:,} {'class' if number == 1 else 'classes'}"]
  if dataset.class_names:
    parts[0] += f" ({shortened(dataset.class_names, _CLASSES_NAMED)})"
  names = names_of_classes(dataset)
  for kind, split in (("training", dataset.train), ("test", dataset.test)):
    if len(split.labels) == ENDLESS:
      continue
    counts = np.bincount(labelled(split).labels, minlength=number)
    missing = [names[k] for k in np.flatnonzero(counts == 0)]
    if missing:
      parts.append(f"no {kind} images of {shortened(missing, _OTHERS_NAMED)}")
  return parts
