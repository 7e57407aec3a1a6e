"""Measures of samples in the plane against a mixture of Gaussians."""

import numpy as np

from sgae.evaluation.measures.classes import mode_figures
from sgae.evaluation.measures.estimate import Estimate, mean_estimate

_RADIUS = 3.0  # A point within it is of high quality (standard deviations).


def mixture_figures(
  points_n2: np.ndarray, means_k2: np.ndarray, sigma: float
) -> dict[str, Estimate]:
  """Measures samples of a mixture of equal round Gaussians, as VEEGAN and PacGAN do.

  A point is of high quality if it is less than 3 sigma from the nearest mean, as
  1 - exp(-4.5) = 98.89 % of a perfect sampler's points are. A higher share means that
  modes are too narrow, which `spread` measures.

  Args:
    points_n2: [N, 2], N > 0.
    means_k2: [K, 2], the means.
    sigma: standard deviation of each mode along each axis.

  Returns:
    `modes_covered`: modes with a point of high quality. `high_quality`: share of such
    points. `reverse_kl`, `reverse_kl_debiased`: as in `classes.mode_figures`, with each
    point assigned to the nearest mean. `spread`: estimated sigma over sigma, from the
    points of high quality, relative to a perfect sampler; 1 is right, below 1 modes are
    too narrow, far too wide modes give 1.54; left out without such points.
  """
  offsets_nk2 = np.asarray(points_n2, np.float64)[:, None] - means_k2
  squares_nk = np.square(offsets_nk2 / sigma).sum(axis=2)
  modes_n = squares_nk.argmin(axis=1)
  squares_n = squares_nk.min(axis=1)
  good_n = squares_n < _RADIUS**2
  figures = mode_figures(modes_n, len(means_k2))
  figures["high_quality"] = mean_estimate(good_n)
  figures["modes_covered"] = Estimate(0.0)
  if good_n.any():
    good_figures = mode_figures(modes_n[good_n], len(means_k2))
    figures["modes_covered"] = good_figures["modes_covered"]
    square, error = mean_estimate(squares_n[good_n] / _truncated_second_moment())
    spread = float(np.sqrt(square))
    figures["spread"] = Estimate(spread, error and error / (2 * spread))
  return figures


def _truncated_second_moment() -> float:
  """Returns the mean of r^2 of a standard Gaussian in the plane, given r < 3.

  s = r^2 / 2 has density exp(-s); given s < t, its mean is
  1 - t exp(-t) / (1 - exp(-t)).
  """
  limit = _RADIUS**2 / 2
  return 2 * (1 - limit / np.expm1(limit))
