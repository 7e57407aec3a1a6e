"""What every source of data returns: labelled images in memory, in two splits."""

from typing import NamedTuple

import numpy as np


class Split(NamedTuple):
  """Labelled images of one split.

  Attributes:
    images: uint8 [N, H, W, C], each value in 0..255; or, for points of the plane,
      float32 [N, 1, 1, 2] in model range.
    labels: int32 [N], each a class in [0, num_classes).
  """

  images: np.ndarray
  labels: np.ndarray


class Mixture(NamedTuple):
  """The Gaussian mixture that points were drawn from, all modes alike and round.

  Attributes:
    means_k2: float64 [K, 2], in model range; mode k is the class k.
    sigma: standard deviation of each coordinate within a mode, in model range.
    scale: what coordinates in model range are multiplied by to be in the units that
      the mixture's authors use.
  """

  means_k2: np.ndarray
  sigma: float
  scale: float


class Dataset(NamedTuple):
  """A named data set: what to train on, what to evaluate on, and how many classes.

  `mixture` is what the examples were drawn from where that is known, as it is for
  points of the plane.
  """

  name: str
  train: Split
  test: Split
  num_classes: int
  mixture: Mixture | None = None
