"""The Frechet distance against closed forms and an independent computation."""

import numpy as np
import pytest
import scipy.linalg

from sgae.evaluation.measures.frechet import (
  Gaussian,
  fit_gaussian,
  frechet,
  frechet_distance,
)


def by_matrix_root(x, y):
  """The formula of Heusel et al., with a general matrix root."""
  a, b = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
  means = np.square(x.mean(axis=0) - y.mean(axis=0)).sum()
  return means + np.trace(a + b - 2 * np.real(scipy.linalg.sqrtm(a @ b)))


def correlated(random, count, dimensions, shift=0.0):
  mixing = np.tril(np.ones((dimensions, dimensions)))
  return random.standard_normal((count, dimensions)) @ mixing + shift


def test_axes_give_the_closed_form():
  a = Gaussian(np.array([1.0, 2.0, 0.0]), np.diag([4.0, 9.0, 0.0]), 10)
  b = Gaussian(np.array([1.0, 0.0, 3.0]), np.diag([1.0, 16.0, 2.0]), 10)
  assert frechet_distance(a, b) == pytest.approx(4 + 9 + (1 + 1 + 2))


def test_lines_in_any_direction_give_the_closed_form():
  u, v = np.array([0.6, 0.8, 0.0]), np.array([0.0, 0.6, 0.8])
  a = Gaussian(np.zeros(3), 4 * np.outer(u, u), 10)
  b = Gaussian(np.zeros(3), 9 * np.outer(v, v), 10)
  expected = 4 + 9 - 2 * 2 * 3 * (u @ v)
  assert frechet_distance(a, b) == pytest.approx(expected, abs=1e-6)
  assert frechet_distance(b, a) == pytest.approx(expected, abs=1e-6)


def test_features_agree_with_a_general_matrix_root():
  random = np.random.default_rng(0)
  x, y = correlated(random, 300, 6), random.standard_normal((200, 6)) + 1
  expected = by_matrix_root(x, y)
  assert frechet_distance(fit_gaussian(x), fit_gaussian(y)) == pytest.approx(expected)
  assert frechet(x, fit_gaussian(y)).value == pytest.approx(expected)
  far = fit_gaussian(y + 1e6)
  assert frechet(x + 1e6, far).value == pytest.approx(expected, rel=1e-6)


def test_fewer_examples_than_dimensions():
  random = np.random.default_rng(1)
  few, other = random.standard_normal((2, 5, 40)).astype(np.float32)
  gaussian = fit_gaussian(few)
  assert 0 <= frechet_distance(gaussian, gaussian) < 1e-5
  # tr (A B)^1/2 is the sum of the singular values of X Y^T, a 5 x 5 matrix.
  centred = [np.float64(x) - np.float64(x).mean(axis=0) for x in (few, other)]
  singular = np.linalg.svd(centred[0] @ centred[1].T, compute_uv=False).sum() / 4
  means = np.square(few.mean(axis=0) - other.mean(axis=0)).sum()
  covariances = sum(np.square(x).sum() for x in centred) / 4 - 2 * singular
  assert frechet(few, fit_gaussian(other)) == (pytest.approx(means + covariances), None)


def test_constant_features_are_far_and_without_error():
  reference = fit_gaussian(np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0]]))
  value, error = frechet(np.full((100, 2), 3.0), reference)
  assert value == pytest.approx(4 + 4 + 4 / 3 + 4 / 3)
  assert error == pytest.approx(0, abs=1e-6)
  same = fit_gaussian(np.full((10, 2), 3.0))
  assert frechet(np.full((100, 2), 3.0), same) == (0, 0)


@pytest.mark.parametrize("eigenvalues", [[4, 1, 1, 0.25], [2, 2, 2, 2]])
def test_real_against_real_agrees_with_the_closed_form_of_the_bias(eigenvalues):
  random = np.random.default_rng(2)
  eigenvalues, count, repeats = np.array(eigenvalues), 500, 200
  truth = Gaussian(np.zeros(4), np.diag(eigenvalues), count)
  values = [
    frechet_distance(
      fit_gaussian(random.standard_normal((count, 4)) * eigenvalues**0.5), truth
    )
    for _ in range(repeats)
  ]
  # Second order: |E_ij|^2 / (2 (a_i + a_j)), with Var E_ij = a_i a_j (1 + [i = j]) / N.
  products = np.outer(eigenvalues, eigenvalues) * (1 + np.eye(4))
  sums = eigenvalues[:, None] + eigenvalues
  bias = (eigenvalues.sum() + (products / (2 * sums)).sum()) / count
  assert np.mean(values) == pytest.approx(bias, abs=4 * np.std(values) / repeats**0.5)
  if (eigenvalues == 2).all():
    assert bias == pytest.approx(2 * 4 * (4 + 5) / (4 * count))


def test_the_jackknife_agrees_with_recomputed_moments():
  random = np.random.default_rng(3)
  x, y = correlated(random, 205, 3, shift=50.0), correlated(random, 100, 3, shift=51.0)
  blocks = np.array_split(np.arange(205), 20)
  left_out = [by_matrix_root(np.delete(x, block, axis=0), y) for block in blocks]
  expected = np.sqrt(19 * np.var(left_out))
  assert frechet(x, fit_gaussian(y)).error == pytest.approx(expected)


@pytest.mark.parametrize("shift, ratio", [(0.0, 2**0.5), (1.0, 1.0)])
def test_the_error_against_the_spread_of_repeats(shift, ratio):
  random = np.random.default_rng(4)
  reference = Gaussian(np.full(3, shift), np.eye(3), 10_000)
  figures = np.array(
    [frechet(random.standard_normal((400, 3)), reference) for _ in range(200)]
  )
  assert figures[:, 1].mean() / figures[:, 0].std() == pytest.approx(ratio, rel=0.2)


def test_few_examples_give_no_error_and_one_is_refused():
  reference = fit_gaussian(np.eye(3))
  assert frechet(np.arange(39 * 3.0).reshape(39, 3), reference).error is None
  assert frechet(np.arange(40 * 3.0).reshape(40, 3), reference).error is not None
  with pytest.raises(ValueError, match="2 examples or more, got 1"):
    fit_gaussian(np.ones((1, 3)))
