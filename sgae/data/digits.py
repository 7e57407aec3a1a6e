"""The handwritten digits shipped with scikit-learn: real images, no download."""

from collections.abc import Callable
from typing import Any

import numpy as np

from sgae.data.dataset import Dataset, Reading, Split
from sgae.data.holdout import hold_out

_EVERY = 6  # one example in six is for testing: more than of a user's own data


def load(config: Any, report: Callable[[str], None]) -> Dataset:
  """Returns the 1,797 digits of scikit-learn, 8x8 pixels, one channel.

  scikit-learn has no splits. Here one in six of each class, 299 in all, are the test
  split (see holdout.py) and the others the training split (1,498), in their stored
  order. The stored values 0..16 become round(255 * value / 16), so that they fill
  0..255.

  Args:
    config: the ConfigDict `config.data`; unused.
    report: unused: nothing is slow.

  Returns:
    The data set, images uint8 [N, 8, 8, 1], labels 0..9.
  """
  del config, report
  from sklearn.datasets import load_digits  # Importing takes most of a second.

  values, labels = load_digits(return_X_y=True)
  images = np.rint(values * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8, 1)
  labels = np.asarray(labels, np.int32)
  is_test, rule = hold_out("digits", labels, _EVERY)
  return Dataset(
    name="digits",
    train=Split(images[~is_test], labels[~is_test]),
    test=Split(images[is_test], labels[is_test]),
    num_classes=10,
    class_names=tuple(map(str, range(10))),
    read=Reading("digits of scikit-learn", rule),
  )


def train_shape(config: Any) -> tuple[int, int, int, int]:
  """Returns the shape (N, H, W, C) of the training images."""
  count, *image = load(config, lambda line: None).train.images.shape
  return (count, *image)
