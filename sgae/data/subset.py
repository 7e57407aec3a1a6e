"""A part of the training images, as many of each class as of the others."""

import numpy as np

from sgae.data import order
from sgae.data.dataset import UNLABELLED, Dataset, Split, has_label
from sgae.errors import UserError


def take(dataset: Dataset, examples: int, seed: int) -> Dataset:
  """Returns the data set with some of its training images; the test split stays.

  Args:
    dataset: with all of them, in memory.
    examples: how many are taken.
    seed: see `chosen`.

  Raises:
    UserError: there are not so many.
  """
  train = dataset.train
  if examples > len(train.labels):
    raise UserError(
      f"data.examples={examples} is more than the {len(train.labels)} training images "
      f"of {dataset.name}: choose fewer, or 0 for all"
    )
  indices = chosen(train.labels, examples, seed)
  part = Split(train.images[indices], train.labels[indices])
  rest = f"{len(train.labels) - examples:,} of the training images"
  why = f"data.examples={examples}"
  if has_label(part) and (unknown := int((part.labels == UNLABELLED).sum())):
    why += f", of which {unknown:,} have no label"
  left_out = (*dataset.read.left_out, f"{rest} ({why})")
  read = dataset.read._replace(left_out=left_out)
  return dataset._replace(train=part, stored_train=train, read=read)


def chosen(labels_n: np.ndarray, examples: int, seed: int) -> np.ndarray:
  """Returns which examples are taken: int64 [examples], in the order they are stored.

  One of each class in turn, by a hash of the example's number and the seed; those
  without a label count as a class more. So sizes of classes differ by one at most,
  unless a class has too few; and more examples of one seed hold those of fewer.

  Args:
    labels_n: [N], one for each example.
    examples: how many, at most N.
    seed: in [0, 2**32).
  """
  numbers_n = np.arange(len(labels_n), dtype=np.uint64)
  hashes_n = order.hashes(numbers_n + (np.uint64(seed) << np.uint64(32)))
  by_class = np.lexsort((hashes_n, labels_n))
  _, starts, sizes = np.unique(
    labels_n[by_class], return_index=True, return_counts=True
  )
  turns_n = np.empty(len(labels_n), np.int64)
  turns_n[by_class] = np.arange(len(labels_n)) - np.repeat(starts, sizes)
  return np.sort(np.lexsort((hashes_n, turns_n))[:examples])
