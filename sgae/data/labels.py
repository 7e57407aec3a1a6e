"""Labels as they are stored, in any usual form, become numbered classes with names."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sgae.data.dataset import UNLABELLED
from sgae.errors import UserError

MOST_CLASSES = 2**15  # data of more do not fit in memory with enough images of each
_ALLOWED = "whole numbers from 0 up, one-hot rows, or names, and -1 where there is none"


class Classes(NamedTuple):
  """Labels int32 [N] with the names of the K classes, and what was converted, in words.

  A label is in [0, K), or `UNLABELLED`.
  """

  labels: np.ndarray
  names: tuple[str, ...]
  changed: tuple[str, ...]


def unlabelled(count: int) -> Classes:
  """Returns class 0 without a name for so many images."""
  return Classes(np.zeros(count, np.int32), (), ())


def as_array(what: str, values: Sequence) -> np.ndarray:
  """Returns labels that were read one by one as an array.

  Args:
    what: the labels in messages.
    values: numbers, texts, or lists of numbers; None where there is none.

  Raises:
    UserError: they have different forms.
  """
  texts = any(isinstance(value, str) for value in values)
  none = str(UNLABELLED) if texts else UNLABELLED
  values = [none if value is None else value for value in values]
  # NumPy would make texts of numbers beside texts
  if len({isinstance(value, str) for value in values}) < 2:
    try:
      array = np.array(values)
      if array.dtype.kind != "O":
        return array
    except (ValueError, OverflowError):  # lists of different lengths, large numbers
      pass
  raise UserError(
    f"{what} has labels of different forms; allowed is one number or name for each "
    "image, or none: write it again, or leave the labels out"
  )


def number_classes(what: str, values: np.ndarray) -> Classes:
  """Numbers the classes that occur, from 0, in the order of their labels.

  The labels as they were are the names of the classes. Names that are all whole numbers
  are sorted as numbers. Where a part of the labels is -1, as a number or a name, these
  examples are unlabelled, and are counted in what was converted.

  Args:
    what: the labels in messages, such as "faces.npz: 'labels'".
    values: [N] or [N, 1]: integers or bools, floats that are whole numbers, or text;
      or [N, K], one-hot.

  Raises:
    UserError: the labels have another form, are all -1 or below it, or are too many
      classes.
  """
  whole, changed = _whole(what, values)
  none = UNLABELLED if whole.dtype.kind == "i" else str(UNLABELLED)
  known = whole != none
  if not known.any():
    raise UserError(f"{what} has no label but -1: leave the labels out")
  labels = np.full(len(whole), UNLABELLED, np.int32)
  kinds, labels[known] = np.unique(whole[known], return_inverse=True)
  if not known.all():
    changed.append(f"{(~known).sum():,} of {len(known):,} images have no label (-1)")
  if len(kinds) > MOST_CLASSES:
    raise UserError(
      f"{what} has {len(kinds):,} classes; allowed are at most {MOST_CLASSES:,}: merge "
      "classes, or leave the labels out"
    )
  names = tuple(map(str, kinds.tolist()))
  if kinds.dtype.kind == "i":
    if kinds[0] < 0:
      raise UserError(
        f"{what} has values from {kinds[0]} to {kinds[-1]}; allowed are {_ALLOWED}: "
        "write -1 where the label is missing, or leave the labels out"
      )
    if kinds[-1] >= len(kinds):
      changed.append(
        f"labels {kinds[0]} to {kinds[-1]} are numbered from 0 and keep their names"
      )
  return Classes(labels, names, tuple(changed))


def _whole(what: str, values: np.ndarray) -> tuple[np.ndarray, list[str]]:
  """Returns labels as int64 or text [N], and what was converted."""
  kind = values.dtype.kind
  if kind not in "biufUST" or values.ndim not in (1, 2) or not values.size:
    raise UserError(
      f"{what} has the shape {values.shape} and is {values.dtype}; allowed are "
      f"{_ALLOWED}, one for each image"
    )
  changed: list[str] = []
  if values.ndim == 2 and values.shape[1] > 1:
    return _from_one_hot(what, values)
  values = values.reshape(-1)
  if kind in "UST":
    return _from_text(values), changed
  if kind == "f":
    if not (np.isfinite(values).all() and (values == np.rint(values)).all()):
      raise UserError(
        f"{what} is {values.dtype} with values that are no whole numbers; allowed are "
        f"{_ALLOWED}: number the classes"
      )
    changed.append(f"labels were whole numbers stored as {values.dtype}")
  if kind in "uf" and values.max() > np.iinfo(np.int64).max / 2:
    raise UserError(
      f"{what} has values up to {values.max()}; allowed are {_ALLOWED}: number the "
      "classes"
    )
  return values.astype(np.int64), changed


def _from_one_hot(what: str, values: np.ndarray) -> tuple[np.ndarray, list[str]]:
  width = values.shape[1]
  one_hot = values.dtype.kind in "biuf" and (
    np.isin(values, (0, 1)).all() and (values.sum(axis=1) == 1).all()
  )
  if not one_hot:
    raise UserError(
      f"{what} has {width} values for each image that are not one-hot (a single 1 "
      f"among zeros); allowed are {_ALLOWED}: choose one column, or leave it out"
    )
  return values.argmax(axis=1).astype(np.int64), [f"labels were one-hot of {width}"]


def _from_text(values: np.ndarray) -> np.ndarray:
  texts = [value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
           for value in values.tolist()]  # fmt: skip
  # 007 and 7 are two names, so that only what is written as a number prints is one
  if all(
    text == str(UNLABELLED)
    or (text.isdecimal() and len(text) < 18 and str(int(text)) == text)
    for text in texts
  ):
    return np.array([int(text) for text in texts], np.int64)
  return np.array(texts)
