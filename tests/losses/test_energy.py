"""Losses of energies, the balance and the pulling-away term, against values by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgae.losses import energy

REAL, FAKE = jnp.array([2.0, 0.5]), jnp.array([0.5, 4.0])  # energies
NUMBERS = {"margin": {"margin": 3.0}, "equilibrium": {"balance": 0.2}}
BY_HAND = {
  "margin": ((2 + 0.5 + 2.5 + 0) / 2, 2.25),
  "equilibrium": (1.25 - 0.2 * 2.25, 2.25),
}


@pytest.mark.parametrize("name", energy.ENERGY_LOSSES)
def test_losses_equal_values_by_hand(name):
  loss, numbers = energy.ENERGY_LOSSES[name], NUMBERS[name]
  assert loss.numbers == tuple(numbers)
  halves = (
    loss.discriminator(-REAL, -FAKE, **numbers),
    loss.generator(-REAL, -FAKE, **numbers),
  )
  np.testing.assert_allclose(halves, BY_HAND[name], rtol=1e-6)
  shown = loss.measures(-REAL, -FAKE, **numbers)
  assert (float(shown["energy_real"]), float(shown["energy_fake"])) == (1.25, 2.25)
  with pytest.raises(ValueError, match="one shape"):
    loss.discriminator(REAL, FAKE[:1], **numbers)


def test_beyond_the_margin_generated_images_teach_nothing():
  slope = jax.grad(energy.margin.discriminator, argnums=1)(-REAL, -FAKE, margin=3.0)
  np.testing.assert_allclose(slope, [0.5, 0])
  shown = energy.margin.measures(-REAL, -FAKE, margin=3.0)
  assert float(shown["below_margin"]) == 0.5


def test_the_balance_moves_towards_gamma_and_stays_in_bounds():
  moved = energy.moved_balance(jnp.float32(0.3), 1.25, 2.25, gamma=0.5, rate=0.1)
  np.testing.assert_allclose(moved, 0.3 + 0.1 * (0.625 - 2.25), rtol=1e-6)
  for start, real, fake in ((0.0, 0.0, 5.0), (1.0, 5.0, 0.0)):
    kept = energy.moved_balance(jnp.float32(start), real, fake, gamma=0.5, rate=0.1)
    assert float(kept) == start
  assert float(energy.convergence(1.25, 2.25, gamma=0.5)) == 1.25 + 1.625
  assert float(energy.convergence(4.0, 1.0, gamma=0.5)) == 4.0 + 1.0


def test_the_pulling_away_term_by_hand():
  code = jnp.array([[3.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
  # cosines: -1, 0, r; 0, -r; r with r = sqrt(1/2); their squares 1 + 3 / 2, twice
  np.testing.assert_allclose(energy.pulling_away(code), 2 * 2.5 / 12, rtol=1e-6)
  places = code.reshape(4, 1, 2, 1)
  np.testing.assert_allclose(energy.pulling_away(places), 2 * 2.5 / 12, rtol=1e-6)
  alike = energy.pulling_away(jnp.tile(jnp.array([[0.3, 0.1]]), (5, 1)))
  np.testing.assert_allclose(alike, 1.0, rtol=1e-6)


def test_a_code_of_zeros_is_away_from_all_and_has_a_finite_gradient():
  code = jnp.zeros((3, 2)).at[0].set(1.0)
  value, slope = jax.value_and_grad(energy.pulling_away)(code)
  assert float(value) == pytest.approx(0.0, abs=1e-6)
  assert np.isfinite(slope).all()


def test_the_gradient_of_the_pulling_away_term_turns_codes_apart():
  code = jnp.array([[1.0, 0.2], [1.0, -0.2]])
  slope = jax.grad(energy.pulling_away)(code)
  cosine = (1 - 0.04) / 1.04
  # d cos^2 / d s_1 = 2 cos (s_2 / |s|^2 - cos s_1 / |s|^2)
  wanted = 2 * cosine * (code[1] - cosine * code[0]) / 1.04
  np.testing.assert_allclose(slope[0], wanted, rtol=1e-4)
