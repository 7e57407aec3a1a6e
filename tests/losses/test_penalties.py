"""Gradient penalties on discriminators whose gradients are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgae.losses.penalties import PENALTIES, penalised

WEIGHTS = jnp.arange(1.0, 5.0).reshape(1, 2, 2, 1)  # |w|^2 = 30
REAL = jax.random.normal(jax.random.key(0), (3, 2, 2, 1))
FAKE = jax.random.normal(jax.random.key(1), (3, 2, 2, 1))
MIX = jnp.array([0.0, 0.25, 1.0])


def linear(images):
  return jnp.sum(WEIGHTS * images, axis=(1, 2, 3))


def quadratic(images):  # the gradient is the image itself
  return 0.5 * jnp.sum(images**2, axis=(1, 2, 3))


def penalised_by(names, weights, discriminate, loss=0.0, joined=False):
  """Returns what becomes of a constant loss."""
  return penalised(
    lambda real_b, fake_b: jnp.float32(loss),
    names,
    weights,
    lambda params, images: (discriminate(images), {}),
    {},
    REAL,
    FAKE,
    MIX,
    joined=joined,
  )


def values(discriminate):
  weights = dict.fromkeys(PENALTIES, 1.0)
  return penalised_by(tuple(PENALTIES), weights, discriminate).penalties


def test_linear_discriminator_has_the_squared_norm_of_its_weights():
  found = values(linear)
  np.testing.assert_allclose(found["r1"], 30.0, rtol=1e-6)
  np.testing.assert_allclose(found["r2"], 30.0, rtol=1e-6)
  np.testing.assert_allclose(found["gradient_penalty"], (30**0.5 - 1) ** 2, rtol=1e-6)


def test_each_penalty_looks_at_its_own_images():
  def squares(images):
    return jnp.sum(images**2, axis=(1, 2, 3))

  mixed = MIX[:, None, None, None] * REAL + (1 - MIX[:, None, None, None]) * FAKE
  expected = jnp.mean((jnp.sqrt(squares(mixed)) - 1) ** 2)
  found = values(quadratic)
  np.testing.assert_allclose(found["r1"], squares(REAL).mean(), 1e-5)
  np.testing.assert_allclose(found["r2"], squares(FAKE).mean(), 1e-5)
  np.testing.assert_allclose(found["gradient_penalty"], expected, 1e-5)


def test_a_dead_discriminator_gives_finite_gradients():
  def loss(scale):
    found = penalised_by(
      ("gradient_penalty",), {"gradient_penalty": 1.0}, lambda x: scale * linear(x)
    )
    return found.loss

  value, gradient = jax.value_and_grad(loss)(0.0)
  assert value == 1.0
  assert np.isfinite(gradient)


def test_weights_are_gammas_and_lambdas():
  weights = {"r1": 0.1, "gradient_penalty": 10.0}
  found = penalised_by(tuple(weights), weights, linear, loss=1.0)
  expected = 1 + 0.05 * 30 + 10 * (30**0.5 - 1) ** 2
  np.testing.assert_allclose(found.loss, expected, rtol=1e-6)
  np.testing.assert_allclose(found.penalties["r1"], 30.0, rtol=1e-6)


@pytest.mark.parametrize("names", [("r1",), ("r1", "r2"), tuple(PENALTIES)], ids=str)
def test_one_pass_over_the_images_of_all_gives_the_same(names):
  weights = {"r1": 0.1, "r2": 0.3, "gradient_penalty": 10.0}

  def total(scale, joined):
    def discriminate(images):
      return scale * quadratic(images) + linear(images)

    found = penalised_by(names, weights, discriminate, 1.0, joined)
    return found.objective, found

  once, apart = (
    jax.value_and_grad(total, has_aux=True)(0.7, joined) for joined in (True, False)
  )
  for a, b in zip(jax.tree.leaves(once), jax.tree.leaves(apart), strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-5)
