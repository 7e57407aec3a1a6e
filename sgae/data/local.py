"""What the sources that read a user's own files share; see npz.py and folder.py."""

import os
from collections.abc import Callable

import numpy as np

from sgae.data.dataset import Dataset
from sgae.errors import UserError

_TEST_EVERY = 10


def absolute(path: str) -> str:
  """Returns config.data.path as an absolute path, a leading ~ being the home folder."""
  return os.path.abspath(os.path.expanduser(path))


def shown(path: str) -> str:
  """Returns a path as one line that any terminal and log file takes.

  On Linux a file name is any bytes: line ends, or what is no UTF-8. Such a path is
  quoted and escaped; every other one, in whatever script, stays as it is.
  """
  return path if path.isprintable() else repr(path)


def is_test(file: str, num_examples: int) -> np.ndarray:
  """Says which examples are for testing where the data have no test split.

  The first of every ten: those whose index is 0 modulo 10. It does not depend on the
  seed, and two examples are enough for both splits to have one.

  Args:
    file: where they lie, as it is shown.
    num_examples: how many there are, at least 1 (examples).

  Returns:
    bool [num_examples].

  Raises:
    UserError: there is only one example.
  """
  if num_examples < 2:
    raise UserError(f"{file} holds one image; give at least two, one is to test with")
  return np.arange(num_examples) % _TEST_EVERY == 0


def warn_of_one_class(dataset: Dataset, report: Callable[[str], None]) -> None:
  """Reports labels that are all the same: a warning, for no loss needs labels."""
  first = dataset.train.labels[0]
  if all((split.labels == first).all() for split in (dataset.train, dataset.test)):
    report(
      f"Warning: all labels of {dataset.name} are one class ({first}); training goes "
      "on, without the measures that need classes"
    )
