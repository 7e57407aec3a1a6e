"""Points of the plane from Gaussian mixtures, whose modes can be counted.

The protocol of VEEGAN (Srivastava et al. 2017, arXiv 1705.07761) and PacGAN (Lin et al.
2018, arXiv 1712.04086): 100,000 training points, all modes equally likely.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from sgae.data.dataset import Dataset, Mixture, Reading, Split
from sgae.errors import UserError

NUM_TRAIN, NUM_TEST = 100_000, 10_000
_SEED = 0  # of the data: all runs have the same points


def _ring() -> Mixture:
  # Without endpoint=False the last mode would equal the first: seven modes, not eight.
  angles = np.linspace(0, 2 * np.pi, 8, endpoint=False)
  means = np.stack([np.cos(angles), np.sin(angles)], axis=1)
  return _scaled(means, sigma=0.01, scale=1.25)


def _grid() -> Mixture:
  steps = np.array([-4.0, -2.0, 0.0, 2.0, 4.0])
  means = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1)
  return _scaled(means.reshape(-1, 2), sigma=0.05, scale=5.0)


def _scaled(means_k2: np.ndarray, sigma: float, scale: float) -> Mixture:
  return Mixture(means_k2 / scale, sigma / scale, scale)


# Both scales put the largest coordinate of a mean at 0.8 in model range.
MIXTURES: dict[str, Callable[[], Mixture]] = {"ring": _ring, "grid": _grid}


def named(name: str) -> Mixture:
  """Returns the mixture of a name, as in `config.data.name`.

  - 'ring': 8 modes at the angles 2 pi k / 8 of a circle of radius 1, sigma 0.01; its
    scale is 1.25, so the radius is 0.8 in model range.
  - 'grid': 25 modes at {-4, -2, 0, 2, 4}^2, sigma 0.05; mode 5 i + j has the i-th value
    as first coordinate and the j-th as second; its scale is 5.

  Raises:
    UserError: the name is unknown.
  """
  if name not in MIXTURES:
    raise UserError(
      f"data.name={name!r} is not a mixture of data.source='mixture': choose one of "
      f"{', '.join(MIXTURES)}"
    )
  return MIXTURES[name]()


def load(config: Any, report: Callable[[str], None]) -> Dataset:
  """Returns points of a mixture as images of 1 x 1 pixel and two channels.

  Training and test points are drawn independently and are the same for every run. They
  come from `RandomState`, whose normal and integer draws are frozen for all NumPy
  versions (NEP 19); those of `np.random.Generator` may change.

  Args:
    config: the ConfigDict `config.data`: name (a key of MIXTURES).
    report: unused: nothing is slow.

  Returns:
    The data set: images float32 [N, 1, 1, 2] in model range, labels the modes.

  Raises:
    UserError: the name is unknown.
  """
  del report
  mixture = named(config.name)
  random = np.random.RandomState(_SEED)
  train, test = (_draw(random, mixture, count) for count in (NUM_TRAIN, NUM_TEST))
  read = Reading(f"points of the mixture {config.name!r}", "drawn like the rest")
  return Dataset(config.name, train, test, len(mixture.means_k2), mixture, read=read)


def train_shape(config: Any) -> tuple[int, int, int, int]:
  """Returns the shape (N, H, W, C) of the training points."""
  named(config.name)
  return NUM_TRAIN, 1, 1, 2


def _draw(random: np.random.RandomState, mixture: Mixture, count: int) -> Split:
  labels = random.randint(len(mixture.means_k2), size=count)
  points = mixture.means_k2[labels] + mixture.sigma * random.standard_normal((count, 2))
  images = points.astype(np.float32).reshape(count, 1, 1, 2)
  return Split(images, labels.astype(np.int32))
