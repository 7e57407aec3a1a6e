"""The Frechet distance between Gaussians fitted to features, as in FID."""

from typing import NamedTuple

import numpy as np

from sgae.evaluation.measures.estimate import Estimate

_BLOCKS = 20


class Gaussian(NamedTuple):
  """Mean float64 [D], covariance float64 [D, D] and number of fitted examples."""

  mean_d: np.ndarray
  covariance_dd: np.ndarray
  count: int


def fit_gaussian(features_nd: np.ndarray) -> Gaussian:
  """Returns the mean and the unbiased covariance (divided by N - 1) of features.

  Args:
    features_nd: [N, D], N >= 2.
  """
  features_nd = np.asarray(features_nd, np.float64)
  centre_d = features_nd.mean(axis=0)
  return _gaussian(_moments(features_nd, centre_d), centre_d)


def frechet_distance(a: Gaussian, b: Gaussian) -> float:
  """Returns the squared Frechet (Wasserstein-2) distance, as in FID.

  |mean_a - mean_b|^2 + tr A + tr B - 2 tr (A^1/2 B A^1/2)^1/2 (Heusel et al. 2017).
  Symmetric roots keep the result real even if A or B is singular; the rounding error is
  then about D * 1e-8 times the largest eigenvalue.
  """
  return _distance(b, a, _root(a.covariance_dd))


def frechet(generated_nd: np.ndarray, reference: Gaussian) -> Estimate:
  """Returns the distance of generated features to the reference, with its error.

  The value is biased: N samples of the reference itself, with covariance A = a I, score
  about a D (D + 5) / (4 N). So always state N with the figure.

  The standard error is a jackknife over 20 blocks, for independent samples and a fixed
  reference. For samples of the reference itself, where the whole value is bias, it is
  1.4 times too large. A bootstrap would be wrong: its samples hold duplicates, and so
  few different examples that the bias is about twice as large.

  Args:
    generated_nd: [N, D], N >= 2; with less than two examples per block the error is
      None.
    reference: the Gaussian of real features.
  """
  generated_nd = np.asarray(generated_nd, np.float64)
  centre_d = generated_nd.mean(axis=0)
  root_dd = _root(reference.covariance_dd)
  blocks = np.array_split(generated_nd, _BLOCKS)
  whole = _moments(generated_nd, centre_d)
  value = _distance(_gaussian(whole, centre_d), reference, root_dd)
  if len(generated_nd) < 2 * _BLOCKS:
    return Estimate(value)
  left_out = [
    _distance(
      _gaussian(whole - _moments(block, centre_d), centre_d), reference, root_dd
    )
    for block in blocks
  ]
  return Estimate(value, float(np.sqrt((_BLOCKS - 1) * np.var(left_out))))


def _moments(features_nd: np.ndarray, centre_d: np.ndarray) -> np.ndarray:
  """Returns X^T X, float64 [1 + D, 1 + D], of the rows (1, features - centre).

  This holds the count, the sum and the sum of outer products. Moments of several sets
  add up; without the common centre, subtracting those of a block would lose precision.
  """
  rows = np.ones((len(features_nd), 1 + len(centre_d)))
  np.subtract(features_nd, centre_d, out=rows[:, 1:])
  return rows.T @ rows


def _gaussian(moments: np.ndarray, centre_d: np.ndarray) -> Gaussian:
  count, sum_d = round(moments[0, 0]), moments[0, 1:]
  if count < 2:
    raise ValueError(f"a covariance needs 2 examples or more, got {count}")
  scatter_dd = moments[1:, 1:] - np.outer(sum_d, sum_d) / count
  return Gaussian(centre_d + sum_d / count, scatter_dd / (count - 1), count)


def _root(covariance_dd: np.ndarray) -> np.ndarray:
  """Returns the symmetric root of a covariance."""
  values_d, vectors_dd = np.linalg.eigh(covariance_dd)
  # Rounding makes zero eigenvalues slightly negative.
  return (vectors_dd * np.sqrt(np.maximum(values_d, 0))) @ vectors_dd.T


def _distance(a: Gaussian, b: Gaussian, root_of_b_dd: np.ndarray) -> float:
  """Returns the distance; callers compute the root of b once for many distances."""
  product_dd = root_of_b_dd @ a.covariance_dd @ root_of_b_dd
  # eigvalsh reads the lower triangle only, so asymmetry from rounding does no harm.
  root_trace = np.sqrt(np.maximum(np.linalg.eigvalsh(product_dd), 0)).sum()
  means = np.square(a.mean_d - b.mean_d).sum()
  covariances = np.trace(a.covariance_dd) + np.trace(b.covariance_dd) - 2 * root_trace
  return max(0.0, float(means + covariances))
