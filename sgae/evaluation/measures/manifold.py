"""Precision, recall, density and coverage of samples, by nearest neighbours."""

import numpy as np

from sgae.evaluation.measures.distances import squared_distance_blocks
from sgae.evaluation.measures.estimate import Estimate, mean_estimate

_NEIGHBOUR = 3  # k of precision and recall.
_WIDER_NEIGHBOUR = 5  # k of density and coverage.


def manifold_figures(
  generated_nd: np.ndarray, reference_nd: np.ndarray
) -> dict[str, Estimate]:
  """Compares two sets of features by balls around their points.

  The manifold of a set is the union of balls around its points; the radius is the
  distance to the k-th nearest other point of the set.

  The standard errors are those of a mean over points, with the balls fixed.

  Args:
    generated_nd, reference_nd: [N, D] and [M, D], N and M > 5; preferably N = M.

  Returns:
    `precision`: share of samples in the real manifold, `recall`: share of real points
    in the generated one, k = 3 (Kynkaanniemi et al. 2019). `density`: in how many real
    balls a sample lies, over k; may exceed 1; `coverage`: share of real balls that hold
    a sample, k = 5 (Naeem et al. 2020).

  Raises:
    ValueError: a set has fewer than 6 points.
  """
  for name, features in (("generated", generated_nd), ("reference", reference_nd)):
    if len(features) <= _WIDER_NEIGHBOUR:
      raise ValueError(
        f"neighbours need {_WIDER_NEIGHBOUR + 1} {name} examples or more, "
        f"got {len(features)}"
      )
  # Centred and in float64, which takes 1.4 times as long: in float32 points close to
  # each other would coincide. The radii grow by the rounding error: otherwise a copy
  # could lie outside its ball.
  reference_nd = np.asarray(reference_nd, np.float64)
  centre_d = reference_nd.mean(axis=0)
  generated_nd, reference_nd = generated_nd - centre_d, reference_nd - centre_d
  largest = max(np.square(x).sum(axis=1).max() for x in (generated_nd, reference_nd))
  rounding = 4 * len(centre_d) * np.finfo(np.float64).eps * largest
  generated_narrow_n, _ = _squared_radii(generated_nd) + rounding
  reference_narrow_m, reference_wide_m = _squared_radii(reference_nd) + rounding

  precise_n, balls_n = np.empty((2, len(generated_nd)))
  recalled_m, covered_m = np.zeros((2, len(reference_nd)), bool)
  for rows, block_bm in squared_distance_blocks(generated_nd, reference_nd):
    precise_n[rows] = (block_bm <= reference_narrow_m).any(axis=1)
    recalled_m |= (block_bm <= generated_narrow_n[rows, None]).any(axis=0)
    in_wide_bm = block_bm <= reference_wide_m
    balls_n[rows] = in_wide_bm.sum(axis=1)
    covered_m |= in_wide_bm.any(axis=0)
  return {
    "precision": mean_estimate(precise_n),
    "recall": mean_estimate(recalled_m),
    "density": mean_estimate(balls_n / _WIDER_NEIGHBOUR),
    "coverage": mean_estimate(covered_m),
  }


def _squared_radii(points_nd: np.ndarray) -> np.ndarray:
  """Returns squared distances [2, N] to the third and the fifth nearest OTHER point."""
  radii_2n = np.empty((2, len(points_nd)))
  for rows, block_bn in squared_distance_blocks(points_nd, points_nd):
    block_bn[np.arange(len(block_bn)), np.arange(len(points_nd))[rows]] = np.inf
    order = (_NEIGHBOUR - 1, _WIDER_NEIGHBOUR - 1)
    block_bn.partition(order, axis=1)
    radii_2n[:, rows] = block_bn[:, order].T
  return radii_2n
