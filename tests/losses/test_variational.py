"""Terms of the ELBO against values computed by hand and by SciPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from sgae.losses import variational


def test_bernoulli_is_the_log_probability_of_the_pixels():
  random = np.random.default_rng(0)
  pixels = random.integers(0, 2, (3, 4, 2, 1)).astype(np.float32)
  logits = random.normal(size=pixels.shape).astype(np.float32)
  share = 1 / (1 + np.exp(-logits))
  expected = -stats.bernoulli.logpmf(pixels, share).sum((1, 2, 3))
  found = variational.bernoulli_nll(jnp.asarray(pixels), jnp.asarray(logits))
  np.testing.assert_allclose(found, expected, rtol=1e-5)
  certain = variational.bernoulli_nll(
    jnp.ones((1, 1, 1, 1)), jnp.full((1, 1, 1, 1), 1e4)
  )
  assert float(certain[0]) == 0.0
  with pytest.raises(ValueError, match="one shape"):
    variational.bernoulli_nll(jnp.ones((2, 1, 1, 1)), jnp.ones((1, 1, 1, 1)))


def test_gaussian_is_the_log_density_of_the_pixels():
  random = np.random.default_rng(0)
  pixels, means = random.normal(size=(2, 3, 4, 2, 1)).astype(np.float32)
  expected = -stats.norm.logpdf(pixels, means, 0.5).sum((1, 2, 3))
  found = variational.gaussian_nll(pixels, means, jnp.log(0.5))
  np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_kl_of_gaussians_is_their_integral():
  mean, deviation = 0.7, 0.4

  def integrand(z):
    log_density = stats.norm.logpdf(z, mean, deviation)
    return np.exp(log_density) * (log_density - stats.norm.logpdf(z))

  expected, _ = integrate.quad(integrand, -4, 5)
  found = variational.gaussian_kl(
    jnp.array([[mean]]), jnp.array([[2 * np.log(deviation)]])
  )
  np.testing.assert_allclose(found, [[expected]], rtol=1e-5)


def test_the_kl_of_a_spike_and_slab_by_hand():
  def kl(mean, log_variance, gate, share):
    means, logs, gates = (jnp.array([[x]]) for x in (mean, log_variance, gate))
    return float(variational.spike_and_slab_kl(means, logs, gates, share)[0, 0])

  # as the prior: nothing; sure to be on: -log share and the slab's own
  assert kl(0.0, 0.0, 0.0, 0.5) == pytest.approx(0, abs=1e-6)
  assert kl(2.0, 0.0, 200.0, 0.01) == pytest.approx(2 + np.log(100), rel=1e-5)
  assert kl(5.0, 0.0, -200.0, 0.01) == pytest.approx(-np.log(0.99), rel=1e-4)
  half = 0.5 * np.log(0.5 / 0.01) + 0.5 * np.log(0.5 / 0.99) + 0.5 * 2
  assert kl(2.0, 0.0, 0.0, 0.01) == pytest.approx(half, rel=1e-5)


def test_free_bits_have_no_gradient():
  gradient = jax.grad(variational.free_bits)(jnp.array([0.1, 3.0]), 0.5)
  np.testing.assert_array_equal(gradient, [0.0, 1.0])


def test_the_log_of_a_mean_of_large_weights_is_finite():
  weights = jnp.array([[-1000.0, -1000.0], [-1000.0, -2000.0]])
  found = variational.log_mean_exp(weights)
  np.testing.assert_allclose(found, [-1000, -1000 - np.log(2)], rtol=1e-6)
