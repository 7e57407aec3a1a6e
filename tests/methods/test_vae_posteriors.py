"""Posteriors of the variational autoencoder: their KL, noise and gates."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from sgae.losses.variational import laplace_kl
from sgae.methods.vae.posteriors import POSTERIORS


@pytest.mark.parametrize("name", POSTERIORS)
def test_the_kl_is_the_mean_of_the_log_ratios(name):
  posterior = POSTERIORS[name]()
  outputs = jnp.array(np.random.default_rng(0).normal(size=(2, 3 * posterior.numbers)))
  settings = {"active_share": jnp.float32(0.3)}
  noise = posterior.noise(jax.random.key(0), jnp.arange(2), (40_000, 3))
  latents, ratios = posterior.weigh(outputs, noise, settings)
  kl = posterior.kl(outputs, settings).sum(axis=1)
  np.testing.assert_allclose(-ratios.mean(axis=1), kl, atol=0.05)
  np.testing.assert_allclose(latents.mean(axis=1), posterior.mean(outputs), atol=0.03)


def test_laplace_noise_and_its_kl_are_those_of_scipy():
  noise = POSTERIORS["laplace"]().noise(jax.random.key(0), jnp.arange(20_000), (1,))
  drawn = np.asarray(noise["laplace"]).ravel()
  assert stats.kstest(drawn, stats.laplace.cdf).pvalue > 0.01
  mean, scale = 0.7, 0.3
  points = np.linspace(-30, 30, 2_000_001)
  density = stats.laplace.pdf(points, mean, scale)
  log_ratio = stats.laplace.logpdf(points, mean, scale) - stats.laplace.logpdf(points)
  expected = (density * log_ratio).sum() * (points[1] - points[0])
  found = laplace_kl(jnp.array([[mean]]), jnp.log(jnp.array([[scale]])))
  assert float(found[0, 0]) == pytest.approx(expected, rel=1e-4)


def test_the_kl_of_a_laplace_is_finite_and_has_a_slope_wherever_float32_has_its_exp():
  means, scales = jnp.meshgrid(
    jnp.array([0.0, 1e-6, 0.3, 1.0, 1e4]), jnp.array([-110.0, -80.0, -44.0, -5.0, 50.0])
  )
  values = laplace_kl(means, scales)
  m, b = np.asarray(means, np.float64), np.exp(np.asarray(scales, np.float64))
  wanted = m + b * np.exp(-m / b) - np.asarray(scales) - 1
  np.testing.assert_allclose(values, wanted, rtol=1e-5)
  slopes = jax.grad(lambda m, s: laplace_kl(m, s).sum(), (0, 1))(means, scales)
  assert all(np.isfinite(slope).all() for slope in slopes)
  np.testing.assert_allclose(slopes[1][scales <= -44], -1.0, rtol=1e-5)


def test_a_gate_that_is_off_lets_nothing_through_and_has_a_gradient():
  posterior = POSTERIORS["spike_and_slab"]()
  settings = {"gate_sharpness": jnp.float32(10)}
  noise = {"normal": jnp.zeros((1, 2)), "uniform": jnp.array([[0.6, 0.4]])}

  def draw(gates):
    outputs = jnp.concatenate([jnp.array([[1e6, 3.0, 0.0, 0.0]]), gates], axis=1)
    return posterior.draw(outputs, noise, settings)

  np.testing.assert_array_equal(draw(jnp.zeros((1, 2))), [[0, 3]])
  gradient = jax.grad(lambda gates: draw(gates)[0, 1])(jnp.zeros((1, 2)))
  soft = 1 / (1 + np.exp(-1))  # sigmoid(10 * (.5 - .4))
  expected = 3 * 10 * soft * (1 - soft) * 0.25
  np.testing.assert_allclose(gradient, [[0, expected]], rtol=1e-4)
