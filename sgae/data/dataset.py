"""What every source of data returns: labelled images in memory, in two splits."""

from typing import NamedTuple

import numpy as np


class Split(NamedTuple):
  """Labelled images of one split.

  Attributes:
    images: uint8 [N, H, W, C], each value in 0..255.
    labels: int32 [N], each a class in [0, num_classes).
  """

  images: np.ndarray
  labels: np.ndarray


class Dataset(NamedTuple):
  """A named data set: what to train on, what to evaluate on, and how many classes."""

  name: str
  train: Split
  test: Split
  num_classes: int
