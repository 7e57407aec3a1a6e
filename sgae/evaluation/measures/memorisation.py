"""Are samples copies of training images? Measured by distances to the nearest one."""

import numpy as np

from sgae.evaluation.measures.distances import squared_distance_blocks
from sgae.evaluation.measures.estimate import Estimate, mean_estimate

_COPY_QUANTILE = 0.01
_PART_ENTRIES = (
  2**19
)  # Reference values at a time: as floats they fit into a CPU cache.


def nearest(
  queries_nd: np.ndarray, references_md: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Returns the Euclidean distance to the nearest reference, and its index.

  The search uses float32 matrix products of points centred at the mean of the queries.
  It may confuse references y whose squared distances to x differ by less than about
  1e-6 of |x|^2 + |y|^2. The distance to the chosen one is then computed exactly, so a
  copy has distance 0.

  Args:
    queries_nd, references_md: [N, D] and [M, D], M > 0; the references are converted to
      floats in parts, to save memory.

  Returns:
    Distances float32 [N] and indices int64 [N].
  """
  queries_nd = np.asarray(queries_nd, np.float32)
  centre_d = queries_nd.mean(axis=0)
  centred_nd = queries_nd - centre_d
  least_n = np.full(len(queries_nd), np.inf, np.float32)
  indices_n = np.zeros(len(queries_nd), np.int64)
  part = max(1, _PART_ENTRIES // len(centre_d))
  for start in range(0, len(references_md), part):
    part_pd = references_md[start : start + part].astype(np.float32)
    part_pd -= centre_d
    for rows, block_bp in squared_distance_blocks(centred_nd, part_pd):
      nearest_b = block_bp.argmin(axis=1)
      distances_b = block_bp[np.arange(len(nearest_b)), nearest_b]
      closer_b = distances_b < least_n[rows]
      least_n[rows] = np.where(closer_b, distances_b, least_n[rows])
      indices_n[rows] = np.where(closer_b, nearest_b + start, indices_n[rows])
  nearest_nd = references_md[indices_n].astype(np.float32)
  return np.linalg.norm(queries_nd - nearest_nd, axis=1), indices_n


def memorisation_figures(
  generated_to_train_n: np.ndarray, test_to_train_m: np.ndarray
) -> dict[str, Estimate]:
  """Compares the distances of samples and of test images to the training images.

  Args:
    generated_to_train_n: [N], distance of each sample to its nearest training image.
    test_to_train_m: [M], the same for test images.

  Returns:
    `neighbour_ratio`: median distance of samples over that of test images; 1 is like
    test images, below 1 is closer; left out if half of the test images are copies of
    training images. `copies`: share of samples that are at most as far from a training
    image as the nearest 1 % of the test images; real images score about 0.01. Errors
    are for independent samples and independent test images.
  """
  generated_n = np.asarray(generated_to_train_n, np.float64)
  test_m = np.asarray(test_to_train_m, np.float64)
  near = mean_estimate(generated_n <= np.quantile(test_m, _COPY_QUANTILE))
  low, high = _quantile_interval(test_m, _COPY_QUANTILE)
  threshold_error = np.mean((low < generated_n) & (generated_n <= high)) / 2
  figures = {
    "copies": Estimate(near.value, float(np.hypot(near.error or 0, threshold_error)))
  }
  generated, test = np.median(generated_n), np.median(test_m)
  if test > 0:
    errors = [
      np.subtract(*_quantile_interval(x, 0.5)) / 2 for x in (generated_n, test_m)
    ]
    ratio = float(generated / test)
    error = float(np.hypot(errors[0], ratio * errors[1]) / test)
    figures["neighbour_ratio"] = Estimate(ratio, error)
  return figures


def _quantile_interval(values_n: np.ndarray, quantile: float) -> np.ndarray:
  """Returns the order statistics one standard error below and above a quantile.

  Of N values, quantile * N +- sqrt(N quantile (1 - quantile)) lie below it, whatever
  their distribution.
  """
  step = np.sqrt(quantile * (1 - quantile) / len(values_n))
  return np.quantile(values_n, np.clip((quantile - step, quantile + step), 0, 1))
