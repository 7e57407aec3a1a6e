"""Sparsity maps: exact counts, thresholds, straight-through gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgae.networks import sparsity

PRE = jax.random.normal(jax.random.key(3), (6, 32))


@pytest.mark.parametrize("k", [1, 2, 17, 191, 192])
def test_kth_largest_equals_a_sort(k):
  values = jax.nn.relu(PRE) * 1e-3
  expected = np.sort(np.asarray(values).ravel())[::-1][k - 1]
  assert sparsity.kth_largest(values, k) == expected


def test_topk_keeps_the_largest_of_each_row():
  code = sparsity.make_topk(5).apply({}, PRE, train=True)
  for row, pre in zip(np.asarray(code.values), np.asarray(PRE), strict=True):
    kept = np.argsort(pre)[-5:]
    np.testing.assert_array_equal(np.flatnonzero(row), np.sort(kept))
    np.testing.assert_array_equal(row[kept], pre[kept])
  assert (code.l0 == 5).all()


def test_few_of_many_are_kept_by_the_same_rule(monkeypatch):
  values = jax.nn.relu(jax.random.normal(jax.random.key(4), (5, 2 * sparsity.FEW)))
  values = values.at[1].set(1.0).at[2, 3:].set(0.0)  # equal ones, and too few
  by_sorting = sparsity.keep_largest(values, 2)
  monkeypatch.setattr(sparsity, "FEW", values.shape[1])
  np.testing.assert_array_equal(by_sorting, sparsity.keep_largest(values, 2))


def test_topk_of_mostly_negative_rows_keeps_only_what_is_positive():
  pre = jnp.array([[-1.0, -2.0, 3.0, -4.0]])
  code = sparsity.make_topk(2).apply({}, pre, train=True)
  np.testing.assert_array_equal(code.values, [[0.0, 0.0, 3.0, 0.0]])


def test_gradient_reaches_only_what_is_kept():
  topk = sparsity.make_topk(5)
  gradient = jax.grad(lambda pre: topk.apply({}, pre, train=True).values.sum())(PRE)
  np.testing.assert_array_equal(gradient, topk.apply({}, PRE, train=True).values > 0)


def test_batch_topk_shares_its_budget_and_learns_a_threshold():
  batch_topk = sparsity.make_batch_topk(4, threshold_decay=0.5)
  params = batch_topk.init(32)
  code = batch_topk.apply(params, PRE, train=True)
  assert code.l0.sum() == 4 * 6
  assert len(np.unique(code.l0)) > 1
  smallest = np.asarray(code.values)[np.asarray(code.values) > 0].min()
  params = batch_topk.after_update(params, code.values, None)
  assert params["threshold"] == smallest
  params = batch_topk.after_update(params, 3 * code.values, None)
  np.testing.assert_allclose(params["threshold"], 2 * smallest, rtol=1e-6)
  alone = batch_topk.apply(params, PRE[:1], train=False).values
  together = batch_topk.apply(params, PRE, train=False).values[:1]
  np.testing.assert_array_equal(alone, together)
  np.testing.assert_array_equal(alone > 0, PRE[:1] >= params["threshold"])


def test_latents_of_a_signed_code_are_active_where_they_are_not_zero():
  pre = jnp.array([[-1.0, 0.0, 2.0], [-3.0, 0.0, 0.0]])
  code = sparsity.make_identity().apply({}, pre, train=True)
  np.testing.assert_array_equal(code.l0, [2, 1])
  np.testing.assert_array_equal(sparsity.density(code, None), [1, 0, 0.5])


def test_jumprelu_gradients_are_the_straight_through_estimates():
  jumprelu = sparsity.make_jumprelu(threshold=0.5, bandwidth=0.2)
  params = jumprelu.init(3)
  pre = jnp.array([[0.45, 0.55, 2.0]])

  def total(params, pre):
    return jumprelu.apply(params, pre, train=True).values.sum()

  by_params, by_pre = jax.grad(total, argnums=(0, 1))(params, pre)
  # -(threshold / bandwidth) within half a bandwidth of the threshold, else 0
  np.testing.assert_allclose(by_params["threshold"], [-2.5, -2.5, 0.0], rtol=1e-6)
  np.testing.assert_array_equal(by_pre, [[0.0, 1.0, 1.0]])
  l0 = jax.grad(lambda params: jumprelu.apply(params, pre, train=True).l0.sum())(params)
  np.testing.assert_allclose(l0["threshold"], [-5.0, -5.0, 0.0], rtol=1e-6)


def test_jumprelu_threshold_stays_non_negative():
  jumprelu = sparsity.make_jumprelu(threshold=0.5, bandwidth=0.2)
  params = {"threshold": jnp.array([-0.1, 0.2])}
  after = jumprelu.after_update(params, jnp.zeros((1, 2)), None)
  np.testing.assert_allclose(after["threshold"], [0.0, 0.2])
