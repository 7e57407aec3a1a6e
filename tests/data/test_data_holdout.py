"""The test split of data without one: its shares of classes, whatever their order."""

import numpy as np
import pytest

from sgae.data.holdout import hold_out
from sgae.errors import UserError


def splitmix(number):
  """The first output of SplitMix64, in integers of any size."""
  word = (number + 0x9E3779B97F4A7C15) % 2**64
  word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 % 2**64
  word = (word ^ word >> 27) * 0x94D049BB133111EB % 2**64
  return word ^ word >> 31


@pytest.mark.parametrize(
  "labels", [np.arange(400) % 10, np.arange(400) // 40, 9 - np.arange(400) % 10]
)
def test_no_order_of_the_classes_empties_a_class(labels):
  # every tenth example of the first order is of class 0 alone
  is_test, rule = hold_out("", labels)
  assert np.bincount(labels[is_test]).tolist() == [4] * 10
  assert rule.startswith("1 in 10 of each class")


def test_the_split_is_the_same_everywhere_and_has_no_period():
  places = np.flatnonzero(hold_out("", np.zeros(1000)).is_test)
  assert len(places) == 100
  assert set(places) == set(sorted(range(1000), key=splitmix)[:100])
  counts = np.bincount(places % 10, minlength=10)
  assert counts.min() > 0
  assert counts.max() < 25


def test_small_classes():
  labels = np.array(["a"] + ["b"] * 2 + ["c"] * 14 + ["d"] * 16)
  is_test, rule = hold_out("", labels)
  assert "at least one (in 2 there are fewer than 10)" in rule
  assert [int(is_test[labels == name].sum()) for name in "abcd"] == [0, 1, 1, 2]


def test_where_no_class_has_two_examples_classes_are_ignored():
  is_test, rule = hold_out("", np.arange(30))
  assert is_test.sum() == 3
  assert rule.startswith("1 in 10 whatever its class, as none has two examples")


def test_one_example_cannot_be_split():
  with pytest.raises(UserError, match="x holds one example; at least two are needed"):
    hold_out("x", np.zeros(1))
