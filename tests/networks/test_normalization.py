"""Normalizations against their formulas, and what they keep."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgae.networks.normalization import (
  EPSILON,
  NORMALIZATIONS,
  RUNNING_DECAY,
  at_edges,
  make_group,
)

KEY = jax.random.key(0)
X = np.random.default_rng(0).normal(3, 2, (5, 2, 3, 4)).astype(np.float32)
KERNEL = jnp.asarray(np.random.default_rng(1).normal(size=(3, 3, 2, 4)), jnp.float32)


def made(name):
  normalization = NORMALIZATIONS[name]()
  return normalization, {"kernel": KERNEL} | normalization.init(KEY, KERNEL, 4)


def test_batch_has_mean_0_and_variance_1_for_each_channel():
  normalization, params = made("batch")
  y, statistics = normalization.outputs(params, X, train=True, axis=None)
  np.testing.assert_allclose(np.mean(y, (0, 1, 2)), np.zeros(4), atol=1e-5)
  np.testing.assert_allclose(np.var(y, (0, 1, 2)), np.ones(4), atol=1e-4)
  np.testing.assert_allclose(statistics["mean"], X.mean((0, 1, 2)), rtol=1e-5)
  np.testing.assert_allclose(statistics["variance"], X.var((0, 1, 2)), rtol=1e-4)


def test_batch_moves_what_it_keeps_and_uses_it_without_train():
  normalization, params = made("batch")
  _, statistics = normalization.outputs(params, X, train=True, axis=None)
  for _ in range(200):
    params = normalization.after_update(params, statistics)
  kept = 1 - RUNNING_DECAY**200
  np.testing.assert_allclose(params["mean"], kept * X.mean((0, 1, 2)), rtol=1e-4)
  alone, nothing = normalization.outputs(params, X[:1], train=False, axis=None)
  together, _ = normalization.outputs(params, X, train=False, axis=None)
  assert nothing == {}
  np.testing.assert_array_equal(alone, together[:1])
  expected = (X - X.mean((0, 1, 2))) / np.sqrt(X.var((0, 1, 2)) + EPSILON)
  np.testing.assert_allclose(together, expected, atol=1e-4)


@pytest.mark.parametrize(("size", "groups"), [(None, 1), (2, 2), (16, 1), (3, 4)])
def test_groups_have_mean_0_and_variance_1_for_each_example(size, groups):
  """16 does not divide 4 channels and gives gcd(4, 16) = 4; 3 gives 1."""
  normalization = make_group(size)
  params = {"kernel": KERNEL} | normalization.init(KEY, KERNEL, 4)
  y, _ = normalization.outputs(params, X, train=True, axis=None)
  grouped = np.asarray(y).reshape(5, 6, groups, 4 // groups)
  np.testing.assert_allclose(grouped.mean((1, 3)), np.zeros((5, groups)), atol=1e-5)
  np.testing.assert_allclose(grouped.var((1, 3)), np.ones((5, groups)), atol=1e-3)
  # by hand, so that groups are of neighbouring channels
  width = 4 // groups
  first = X[0, ..., :width]
  expected = (first - first.mean()) / np.sqrt(first.var() + EPSILON)
  np.testing.assert_allclose(y[0, ..., :width], expected, atol=1e-5)


def test_spectral_divides_by_the_largest_singular_value():
  normalization, params = made("spectral")
  for _ in range(100):
    params = normalization.after_update(params, {})
  matrix = np.asarray(normalization.kernel(params)).reshape(-1, 4)
  np.testing.assert_allclose(np.linalg.svd(matrix)[1][0], 1, rtol=1e-4)
  np.testing.assert_array_equal(params["kernel"], KERNEL)


def test_an_average_of_spectral_vectors_divides_by_the_same_value():
  """The EMA of unit vectors is shorter than they are."""
  normalization, params = made("spectral")
  shorter = params | {"singular": 0.9 * params["singular"]}
  np.testing.assert_allclose(
    normalization.kernel(shorter), normalization.kernel(params), rtol=1e-6
  )


def test_the_gradient_sees_the_spectral_division():
  """A kernel that only grows longer leaves the result as it is."""
  normalization, params = made("spectral")

  def total(scale):
    return jnp.sum(normalization.kernel(params | {"kernel": scale * KERNEL}) * KERNEL)

  assert abs(jax.grad(total)(1.0)) < 1e-3 * abs(total(1.0))


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_a_scale_of_an_input_is_undone_but_by_none_and_spectral(name):
  normalization, params = made(name)
  once, _ = normalization.outputs(params, X, train=True, axis=None)
  twice, _ = normalization.outputs(params, 2 * X, train=True, axis=None)
  undone = np.allclose(once, twice, atol=1e-3)
  assert undone == (name not in ("none", "spectral"))


def test_edges_are_normalised_by_their_kernel_alone():
  for name in NORMALIZATIONS:
    edge = at_edges(name)
    y, _ = edge.outputs({"kernel": KERNEL}, X, train=True, axis=None)
    np.testing.assert_array_equal(y, X)
    kept = edge.init(KEY, KERNEL, 4)
    assert bool(kept) == (name == "spectral")
