"""Labels in any usual form become numbered classes, and what was converted is said."""

import numpy as np
import pytest

from sgae.data.labels import MOST_CLASSES, as_array, number_classes
from sgae.errors import UserError


@pytest.mark.parametrize(
  ("values", "labels", "names", "said"),
  [
    ([0, 2, 1, 0], [0, 2, 1, 0], "0 1 2", ""),
    ([[1], [2], [2]], [0, 1, 1], "1 2", "labels 1 to 2 are numbered from 0"),
    ([7, 900_000_000, 7], [0, 1, 0], "7 900000000", "labels 7 to 900000000 are"),
    (np.array([3, 2**62], np.uint64), [0, 1], f"3 {2**62}", "are numbered from 0"),
    ([1.0, 0.0, 2.0], [1, 0, 2], "0 1 2", "whole numbers stored as float64"),
    (np.array([5, 6], np.float32), [0, 1], "5 6", "stored as float32"),
    ([[0, 1, 0], [1, 0, 0]], [1, 0], "0 1", "one-hot of 3"),
    (np.eye(3)[[2, 0]], [1, 0], "0 2", "one-hot of 3"),
    ([True, False], [1, 0], "0 1", ""),
    (["cat", "ant", "cat"], [1, 0, 1], "ant cat", ""),
    (["10", "9", "1"], [2, 1, 0], "1 9 10", "labels 1 to 10"),
    (["10", "09"], [1, 0], "09 10", ""),
    (np.array([b"b", b"a"]), [1, 0], "a b", ""),
    ([3, -1, 5, -1], [0, -1, 1, -1], "3 5", "2 of 4 images have no label (-1)"),
    ([-1.0, 0.0, 1.0], [-1, 0, 1], "0 1", "1 of 3 images have no label"),
    (["-1", "cat", "ant"], [-1, 1, 0], "ant cat", "1 of 3 images have no label"),
    (["-1", "10", "9"], [-1, 1, 0], "9 10", "1 of 3 images have no label"),
    (as_array("x", [None, 1, 0]), [-1, 1, 0], "0 1", "1 of 3 images have no label"),
    (as_array("x", ["a", None]), [0, -1], "a", "1 of 2 images have no label"),
  ],
)
def test_what_labels_become(values, labels, names, said):
  classes = number_classes("x", np.asarray(values))
  assert classes.labels.tolist() == labels
  assert classes.labels.dtype == np.int32
  assert classes.names == tuple(names.split())
  assert said in " ".join(classes.changed)
  assert bool(said) == bool(classes.changed)


@pytest.mark.parametrize(
  ("values", "words"),
  [
    ([0, -2], "values from -2 to 0"),
    ([-1, -1], "no label but -1: leave the labels out"),
    ([0.5, 1.0], "no whole numbers"),
    ([np.nan, 1.0], "no whole numbers"),
    ([1e300, 1.0], "values up to 1e+300"),
    ([[1, 1], [0, 1]], "not one-hot"),
    ([[0, 0], [0, 1]], "not one-hot"),
    ([[2, 0], [0, 1]], "not one-hot"),
    (np.zeros((2, 1, 1)), "(2, 1, 1)"),
    (np.array([{}]), "is object"),
    (np.arange(MOST_CLASSES + 1), "32,769 classes; allowed are at most 32,768"),
  ],
)
def test_labels_that_are_refused(values, words):
  with pytest.raises(UserError) as refusal:
    number_classes("x", np.asarray(values))
  assert words in str(refusal.value)
  assert str(refusal.value).startswith("x ")
  assert str(refusal.value).isprintable()
