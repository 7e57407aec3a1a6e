"""What every data source returns: labelled images in memory, in two splits."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np


class Split(NamedTuple):
  """Labelled images of one split.

  Attributes:
    images: uint8 [N, H, W, C] in 0..255; or, for vectors, float32 [N, 1, 1, D] in model
      range, D = 2 for points of the plane.
    labels: int32 [N], each a class in [0, num_classes), or `UNLABELLED`.
  """

  images: np.ndarray
  labels: np.ndarray


UNLABELLED = -1  # the label of an example whose class is unknown


def labelled(split: Split) -> Split:
  """Returns the examples of a split that have a label: the split itself if all have.

  Endless stacks are made of examples that have one.

  >>> labelled(Split(np.zeros((3, 1, 1, 1)), np.array([1, -1, 0]))).labels
  array([1, 0])
  """
  if not isinstance(split.labels, np.ndarray):
    return split
  known = split.labels != UNLABELLED
  return split if known.all() else Split(split.images[known], split.labels[known])


def by_class(labels: np.ndarray) -> bool:
  """Says whether examples of more than one class are stored class after class.

  >>> by_class(np.array([0, 0, 1])), by_class(np.array([0, 1, 0]))
  (True, False)
  """
  stored = isinstance(labels, np.ndarray) and len(labels) > 0
  return bool(stored and labels[0] < labels[-1] and (np.diff(labels) >= 0).all())


def has_label(split: Split) -> bool:
  """Says whether any example of a split has a label."""
  return bool((np.asarray(split.labels) != UNLABELLED).any())


class Mixture(NamedTuple):
  """The Gaussian mixture that points are drawn from.

  All modes have the same weight and the same isotropic covariance.

  Attributes:
    means_k2: float64 [K, 2], in model range; mode k is the class k.
    sigma: standard deviation of each coordinate within a mode, in model range.
    scale: factor from model range to the units of the paper that defines the mixture.
  """

  means_k2: np.ndarray
  sigma: float
  scale: float


class Units(NamedTuple):
  """How vectors in the units of the data become those in model range.

  (x - mean) scale, where x is a vector in the units of the data.

  Attributes:
    mean: float32 [D], of the training vectors.
    scale: float32 scalar, which makes their mean squared norm D.
  """

  mean: np.ndarray
  scale: np.float32


class SideUnits(NamedTuple):
  """Units of the vectors that a run's networks take, and of those that they give."""

  taken: Units
  given: Units


class Reading(NamedTuple):
  """What a source read and what it did not, in words; '' where there is nothing to say.

  Attributes:
    source: what was read, such as 'folder /data/faces'.
    split: where the test split comes from.
    changed: what was converted, one phrase each.
    left_out: what was not read, and why, one phrase each.
    background: what was put behind transparent pixels.
  """

  source: str = ""
  split: str = ""
  changed: tuple[str, ...] = ()
  left_out: tuple[str, ...] = ()
  background: str = ""


class Dataset(NamedTuple):
  """A named data set: training split, test split and number of classes.

  `mixture` is the known distribution of points of the plane, `units` those of vectors
  from a file; None for images.
  `class_names` are the names of the classes in order; () where they have no names but
  their numbers, or where there are no labels.
  `stored_train` is the training split as it is stored, where `train` is a part of it.
  `second` is the other side of data with two, and `paired` says whether example i of
  each split and that of the other side are two forms of one.
  """

  name: str
  train: Split
  test: Split
  num_classes: int
  mixture: Mixture | None = None
  class_names: tuple[str, ...] = ()
  read: Reading = Reading()
  units: Units | None = None
  stored_train: Split | None = None
  second: "Dataset | None" = None
  paired: bool = False

  @property
  def everything(self) -> "Dataset":
    """The data set with all training images: what a run is measured with."""
    if self.stored_train is None:
      return self
    return self._replace(train=self.stored_train, stored_train=None)

  @property
  def sides(self) -> tuple[Split, ...]:
    """The training splits of all sides, one or two."""
    return (self.train,) if self.second is None else (self.train, self.second.train)

  @property
  def source(self) -> Any:
    """What resident examples are taken from: the training split, or those of both."""
    return self.train if self.second is None else self.sides

  @property
  def nbytes(self) -> int:
    """Size of the training images of all sides (bytes)."""
    return sum(split.images.nbytes for split in self.sides)


def names_of_classes(dataset: Dataset) -> tuple[str, ...]:
  """Returns a name for each class, its number where it has no other."""
  return dataset.class_names or tuple(map(str, range(dataset.num_classes)))


def absent_classes(dataset: Dataset) -> list[str]:
  """Returns the names of the classes that no training image has, in their order.

  Args:
    dataset: whose training images are in memory, not made on the fly.
  """
  absent = np.setdiff1d(np.arange(dataset.num_classes), dataset.train.labels)
  return [names_of_classes(dataset)[label] for label in absent]


def are_vectors(image_shape: Sequence[int]) -> bool:
  """Says whether examples of a shape (H, W, C) are vectors and no images: (1, 1, D)."""
  return tuple(image_shape[:2]) == (1, 1)


def noun_of(image_shape: Sequence[int]) -> str:
  """Returns what examples of a shape (H, W, C) are called, in messages."""
  return "vectors" if are_vectors(image_shape) else "images"
