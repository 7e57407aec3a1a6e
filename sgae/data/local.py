"""What the sources of a user's own files share, see npz.py and folder.py."""

import os
from collections.abc import Callable

import numpy as np

from sgae.data.dataset import Dataset
from sgae.errors import UserError

_TEST_EVERY = 10


def absolute(path: str) -> str:
  """Returns config.data.path as an absolute path; expands a leading ~."""
  return os.path.abspath(os.path.expanduser(path))


def shown(path: str) -> str:
  """Returns a path as one printable line, for messages.

  A file name on Linux may contain line ends or bytes that are not UTF-8. Such a path is
  quoted and escaped; all others, in any script, are unchanged.
  """
  return path if path.isprintable() else repr(path)


def is_test(file: str, num_examples: int) -> np.ndarray:
  """Returns which examples are for testing, for data without a test split.

  These are the first of every ten, with an index of 0 modulo 10. This does not depend
  on the seed, and with two examples neither split is empty.

  Args:
    file: the path in messages, from `shown`.
    num_examples: size of the data set, at least 1 (examples).

  Returns:
    bool [num_examples].

  Raises:
    UserError: there is only one example.
  """
  if num_examples < 2:
    raise UserError(
      f"{file} holds one image; at least two are needed: add a test image"
    )
  return np.arange(num_examples) % _TEST_EVERY == 0


def warn_of_one_class(dataset: Dataset, report: Callable[[str], None]) -> None:
  """Warns if all labels are the same; not an error, since no loss needs labels."""
  first = dataset.train.labels[0]
  if all((split.labels == first).all() for split in (dataset.train, dataset.test)):
    report(
      f"Warning: all labels of {dataset.name} are one class ({first}); training "
      "continues without the measures that need classes"
    )
