"""Adversarial losses against values computed by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgae.losses.adversarial import ADVERSARIAL_LOSSES

REAL = jnp.array([2.0, -1.0])
FAKE = jnp.array([0.5, 1.0])


def softplus(x):
  return np.log1p(np.exp(x))


CROSS_ENTROPY = (softplus(-2) + softplus(0.5) + softplus(1) + softplus(1)) / 2
BY_HAND = {
  "minimax": (CROSS_ENTROPY, -(softplus(0.5) + softplus(1)) / 2),
  "non_saturating": (CROSS_ENTROPY, (softplus(-0.5) + softplus(-1)) / 2),
  "least_squares": ((0.5 + 0.125 + 2 + 0.5) / 2, (0.125 + 0) / 2),
  "hinge": ((0 + 1.5 + 2 + 2) / 2, -0.75),
  "wasserstein": ((-1.5 + 2) / 2, -0.75),
  "relativistic": (
    (softplus(-1.5) + softplus(2)) / 2,
    (softplus(1.5) + softplus(-2)) / 2,
  ),
}


@pytest.mark.parametrize("name", ADVERSARIAL_LOSSES)
def test_losses_equal_values_by_hand(name):
  loss = ADVERSARIAL_LOSSES[name]
  discriminator, generator = BY_HAND[name]
  np.testing.assert_allclose(loss.discriminator(REAL, FAKE), discriminator, rtol=1e-6)
  np.testing.assert_allclose(loss.generator(REAL, FAKE), generator, rtol=1e-6)


@pytest.mark.parametrize("name", ADVERSARIAL_LOSSES)
def test_losses_and_gradients_are_finite_at_huge_logits(name):
  for half in ADVERSARIAL_LOSSES[name][:2]:
    for real, fake in ((1e4, -1e4), (-1e4, 1e4)):
      value, gradients = jax.value_and_grad(half, argnums=(0, 1))(
        jnp.full(3, real), jnp.full(3, fake)
      )
      assert np.isfinite(value)
      assert np.isfinite(gradients).all()


@pytest.mark.parametrize("name", ADVERSARIAL_LOSSES)
def test_the_generator_wants_higher_fake_logits(name):
  gradient = jax.grad(ADVERSARIAL_LOSSES[name].generator, argnums=1)(REAL, FAKE - 1)
  assert (gradient < 0).all()


@pytest.mark.parametrize("shapes", [((3,), (2,)), ((2, 1), (2, 1))])
def test_other_shapes_are_refused(shapes):
  real, fake = (jnp.zeros(shape) for shape in shapes)
  with pytest.raises(ValueError, match="one shape"):
    ADVERSARIAL_LOSSES["hinge"].discriminator(real, fake)
