"""The kernel distance (KID) between two sets of features."""

import numpy as np

from sgae.evaluation.measures.estimate import Estimate


def kernel_distance(
  generated_nd: np.ndarray,
  reference_nd: np.ndarray,
  *,
  subsets: int = 100,
  subset_size: int = 1000,
  seed: int = 0,
) -> Estimate:
  """Returns the kernel distance: a squared MMD, unbiased at any number of examples.

  The mean of MMD^2 over random subsets, with the kernel (x.y / D + 1)^3 (Binkowski et
  al. 2018). It may be slightly negative.

  The standard error is for independent new examples on both sides. Subsets share
  examples, so their standard error alone would be too small: the variance over subsets
  of m of N examples is multiplied by m / (N - m), the jackknife that deletes N - m
  (Shao and Wu 1989), and the variance of the mean over subsets is added. For distances
  near 0 the error is too large.

  Args:
    generated_nd, reference_nd: [N, D] and [M, D], N and M >= 4.
    subsets: number of subsets, > 1.
    subset_size: examples of each side in a subset; at most half of the smaller side are
      taken, since larger subsets would overlap so much that they hardly vary.
    seed: seed of the random subsets.

  Raises:
    ValueError: one side has fewer than 4 examples.
  """
  smaller = min(len(generated_nd), len(reference_nd))
  if smaller < 4:
    raise ValueError(f"a kernel distance needs 4 examples or more, got {smaller}")
  size = min(subset_size, smaller // 2)
  random = np.random.Generator(np.random.PCG64(seed))
  values = np.empty(subsets)
  for index in range(subsets):
    x_md, y_md = (
      np.asarray(side[random.choice(len(side), size, replace=False)], np.float64)
      for side in (generated_nd, reference_nd)
    )
    values[index] = (
      _mean_of_pairs(x_md) + _mean_of_pairs(y_md) - 2 * _kernel(x_md, y_md).mean()
    )
  factor = size / (smaller - size) + 1 / subsets
  return Estimate(float(np.mean(values)), float(np.std(values, ddof=1) * factor**0.5))


def _mean_of_pairs(x_md: np.ndarray) -> float:
  """Returns the mean of the kernel over pairs of different rows."""
  kernel_mm = _kernel(x_md, x_md)
  return (kernel_mm.sum() - np.trace(kernel_mm)) / (len(x_md) * (len(x_md) - 1))


def _kernel(x_md: np.ndarray, y_md: np.ndarray) -> np.ndarray:
  base_mm = x_md @ y_md.T / x_md.shape[1] + 1
  return base_mm * base_mm * base_mm  # Much faster than a power.
