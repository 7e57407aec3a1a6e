"""The test split of data that come without one: the same for every run."""

from typing import NamedTuple

import numpy as np

from sgae.data import order
from sgae.errors import UserError

_BY_HASH = "by a hash of the example's number"
EVERY = 10  # one example in so many is for testing


class Holdout(NamedTuple):
  """Which examples are for testing, bool [N], and the rule in words."""

  is_test: np.ndarray
  rule: str


def hold_out(what: str, labels: np.ndarray, every: int = EVERY) -> Holdout:
  """Chooses test examples within each class, by a hash of the example's number.

  The order in which examples are stored means nothing to the hash, so that data sorted
  by class, by time or by any period give a test split like the rest. Of the n examples
  of a class n / every are for testing, rounded, at least one; a class of one example
  stays in training. Where no class has two examples, classes are ignored.

  Args:
    what: the data in the message, such as a path.
    labels: [N], of any type that sorts.
    every: one example in so many is for testing.

  Raises:
    UserError: there are fewer than two examples.
  """
  count = len(labels)
  if count < 2:
    raise UserError(
      f"{what} holds one example; at least two are needed: add a test example"
    )
  _, classes, sizes = np.unique(labels, return_inverse=True, return_counts=True)
  small = int((sizes < every).sum())
  least = f", at least one (in {small:,} there are fewer than {every})" if small else ""
  rule = f"1 in {every} of each class{least}, {_BY_HASH}"
  if sizes.max() < 2:
    rule = f"1 in {every} whatever its class, as none has two examples, {_BY_HASH}"
    classes, sizes = np.zeros(count, int), np.array([count])
  elif len(sizes) == 1:
    rule = f"1 in {every}, {_BY_HASH}"
  # rounded half to even, which keeps the sum over many classes near its share
  tests = np.where(sizes > 1, np.maximum(np.rint(sizes / every), 1), 0).astype(int)
  by_class = np.lexsort((order.hashes(np.arange(count)), classes))
  starts = np.cumsum(sizes) - sizes
  place = np.arange(count) - np.repeat(starts, sizes)
  is_test = np.zeros(count, bool)
  is_test[by_class] = place < np.repeat(tests, sizes)
  return Holdout(is_test, rule)


def is_held_out(rule: str) -> bool:
  """Says whether a test split was made by `hold_out`, from its rule in words."""
  return rule.endswith(_BY_HASH)
