"""Sparsity penalties and reconstruction errors by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgae.losses import reconstruction, sparsity

CODE = jnp.array([[0.2, 0.0], [0.4, 0.5]])


def test_l1_sums_over_latents_and_averages_over_examples():
  np.testing.assert_allclose(sparsity.l1(CODE), 0.55, rtol=1e-6)


def test_kl_is_of_the_mean_activation():
  rho, means = 0.1, np.array([0.3, 0.25])
  expected = rho * np.log(rho / means) + (1 - rho) * np.log((1 - rho) / (1 - means))
  np.testing.assert_allclose(sparsity.kl(CODE, rho), expected.sum(), rtol=1e-5)
  np.testing.assert_allclose(sparsity.kl(jnp.full((3, 2), 0.1), rho), 0.0, atol=1e-6)


def test_kl_is_finite_for_silent_and_saturated_latents():
  for value in (0.0, 1.0):
    assert np.isfinite(sparsity.kl(jnp.full((2, 3), value), 0.05))


def test_squared_error_by_hand_and_shapes():
  a, b = jnp.zeros((1, 1, 2, 1)), jnp.array([1.0, 3.0]).reshape(1, 1, 2, 1)
  assert reconstruction.squared_error(a, b) == 5.0
  with pytest.raises(ValueError, match="one shape"):
    reconstruction.squared_error(a, b[0])


def test_auxiliary_error_is_relative_and_has_no_gradient_for_the_residual():
  residual = jnp.full((1, 1, 2, 1), 2.0)
  assert reconstruction.auxiliary_error(residual, jnp.zeros_like(residual)) == 1.0
  assert reconstruction.auxiliary_error(residual, residual / 2) == 0.25
  gradient = jax.grad(reconstruction.auxiliary_error)(residual, residual / 2)
  assert not gradient.any()


def test_auxiliary_error_counts_every_example_by_its_own_size():
  residuals = jnp.array([2.0, 0.2]).reshape(2, 1, 1, 1)
  dead = jnp.array([1.0, 0.2]).reshape(2, 1, 1, 1)
  np.testing.assert_allclose(reconstruction.auxiliary_error(residuals, dead), 0.125)
  nothing_left = reconstruction.auxiliary_error(jnp.zeros((1, 1, 1, 1)), dead[1:])
  np.testing.assert_allclose(nothing_left, (0.2 * 127.5) ** 2, rtol=1e-5)


def test_feature_error_is_relative_and_moves_the_other_side_alone():
  wanted, found = jnp.array([[3.0, 4.0], [0.0, 0.0]]), jnp.array([[3.0, 9.0], [0, 0]])
  assert reconstruction.feature_errors(wanted, found).tolist() == [1, 0]
  value, (of_wanted, of_found) = jax.value_and_grad(
    lambda *pair: jnp.mean(reconstruction.feature_errors(*pair)), argnums=(0, 1)
  )(wanted, found)
  assert float(value) == 0.5  # mean of 1 and, of features that are all 0, 0
  assert not of_wanted.any()
  np.testing.assert_allclose(of_found, [[0, 0.2], [0, 0]], atol=1e-6)


def test_absolute_errors_have_no_gradient_where_rounding_alone_differs():
  images = jnp.zeros((1, 1, 4, 1))
  others = jnp.array([0.0, 4e-7, -4e-7, 0.5]).reshape(images.shape)
  gradient = jax.grad(reconstruction.absolute_error, 1)(images, others)
  np.testing.assert_array_equal(gradient.ravel(), [0, 0, 0, 0.25])
