"""A data set from images in a row, in arrays or encoded, and their classes."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from sgae.data import pixels
from sgae.data.dataset import Dataset, Reading, Split
from sgae.data.holdout import hold_out
from sgae.data.labels import Classes


def from_arrays(
  name: str, what: str, images: Sequence[np.ndarray], classes: Classes, read: Reading
) -> Dataset:
  """Returns a data set of arrays.

  Args:
    name: of the data set.
    what: the data in messages.
    images: uint8 [N, H, W, C] of the training split, and of the test split where there
      is one.
    classes: of all images in a row.
    read: what was read; `changed`, and `split` where none is given, are added.
  """
  labels, at = classes.labels, len(images[0])
  if len(images) > 1:
    parts = Split(images[0], labels[:at]), Split(images[1], labels[at:])
    return _named(name, *parts, classes, read)
  is_test, rule = hold_out(what, labels)
  train, test = (Split(images[0][mask], labels[mask]) for mask in (~is_test, is_test))
  return _named(name, train, test, classes, read._replace(split=rule))


def from_encoded(
  name: str,
  what: str,
  num_train: int | None,
  classes: Classes,
  items: Callable[[np.ndarray], Iterator[pixels.Encoded]],
  config: Any,
  report: Callable[[str], None],
  read: Reading,
) -> Dataset:
  """Decodes images and returns a data set of them.

  Args:
    name: of the data set.
    what: the data in messages.
    num_train: how many of the images, the first, are for training; None: no split is
      given.
    classes: of all images in a row.
    items: `(index) -> iterator over the images`, where that of number k in the row has
      the index `index[k]`.
    config, report: see `pixels.decode_all`.
    read: what was read; `background`, `changed`, and `split` where none is given, are
      added.

  Raises:
    UserError: from `pixels.decode_all`, or there are too few images to split.
  """
  labels = classes.labels
  if num_train is None:
    is_test, rule = hold_out(what, labels)
    read = read._replace(split=rule)
  else:
    is_test = np.arange(len(labels)) >= num_train
  # In the order of the result, so that neither split has to be copied out of it.
  places = np.argsort(is_test, kind="stable")
  index = np.argsort(places)
  images, background, _ = pixels.decode_all(
    name, lambda: items(index), len(labels), config, report
  )
  labels, at = labels[places], int((~is_test).sum())
  train, test = Split(images[:at], labels[:at]), Split(images[at:], labels[at:])
  return _named(name, train, test, classes, read._replace(background=background))


def _named(
  name: str, train: Split, test: Split, classes: Classes, read: Reading
) -> Dataset:
  return Dataset(
    name,
    train,
    test,
    num_classes=max(len(classes.names), 1),
    class_names=classes.names,
    read=read._replace(changed=classes.changed),
  )
