"""What is added to adversarial losses against overfitting, by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

from sgae.losses import overfitting
from sgae.losses.adversarial import (
  ADVERSARIAL_LOSSES,
  least_squares,
  non_saturating,
  relativistic,
)

REAL, FAKE = jnp.array([2.0, -1.0, 0.5]), jnp.array([0.0, 1.0, -3.0])
AVERAGES = {"real_average": 1.0, "fake_average": -2.0}


def softplus(x):
  return np.log1p(np.exp(np.asarray(x, np.float64)))


@pytest.mark.parametrize(
  "name", [name for name, loss in ADVERSARIAL_LOSSES.items() if loss.cost]
)
def test_a_smoothing_of_0_is_the_loss_itself(name):
  loss = ADVERSARIAL_LOSSES[name]
  smooth = overfitting.with_targets(loss)
  for half in ("discriminator", "generator"):
    ours = getattr(smooth, half)(REAL, FAKE, label_smoothing=0.0)
    np.testing.assert_allclose(ours, getattr(loss, half)(REAL, FAKE), rtol=1e-6)


def test_real_targets_are_smoothed_and_those_of_some_images_swapped():
  flipped = jnp.array([True, False, False]), jnp.array([False, False, True])
  entropy = overfitting.with_targets(non_saturating).discriminator(
    REAL, FAKE, label_smoothing=0.1, flipped=flipped
  )
  of_real = [
    softplus(2.0),
    0.9 * softplus(1.0) + 0.1 * softplus(-1.0),
    0.9 * softplus(-0.5) + 0.1 * softplus(0.5),
  ]
  of_fake = [
    softplus(0.0),
    softplus(1.0),
    0.9 * softplus(3.0) + 0.1 * softplus(-3.0),
  ]
  np.testing.assert_allclose(entropy, np.mean(of_real) + np.mean(of_fake), rtol=1e-6)
  squares = overfitting.with_targets(least_squares).discriminator(
    REAL, FAKE, label_smoothing=0.1, flipped=flipped
  )
  wanted = (4 + 1.9**2 + 0.4**2 + 0 + 1 + 3.9**2) / 6
  np.testing.assert_allclose(squares, wanted, rtol=1e-6)


def test_lecam_pulls_logits_to_the_averages_of_the_other_kind():
  # of real: 4, 1, 2.5 above -2; of generated: 1, 0 (not -0), 4 below 1
  by_hand = (16 + 1 + 6.25) / 3 + (1 + 0 + 16) / 3
  loss = overfitting.with_lecam(relativistic)
  numbers = AVERAGES | {"lecam_weight": 0.3, "lecam_on": 1.0}
  own = relativistic.discriminator(REAL, FAKE)
  ours = loss.discriminator(REAL, FAKE, **numbers)
  np.testing.assert_allclose(ours - own, 0.3 * by_hand, rtol=1e-5)
  assert loss.discriminator(REAL, FAKE, **numbers | {"lecam_on": 0.0}) == own
  assert loss.generator(REAL, FAKE, **numbers) == relativistic.generator(REAL, FAKE)
  shown = loss.measures(REAL, FAKE, **numbers)
  np.testing.assert_allclose(shown["lecam"], by_hand, rtol=1e-6)
  assert set(loss.numbers) == set(numbers)
  assert set(shown) == {"d_real", "d_fake", "lecam"}


def test_the_sign_is_about_the_logit_of_an_image_that_cannot_be_told():
  def r_t(loss):
    return float(overfitting.with_sign(loss).measures(REAL, FAKE, **AVERAGES)["r_t"])

  assert r_t(non_saturating) == pytest.approx(1 / 3)  # about 0
  # .5, the target of neither, is neither above nor below itself
  assert r_t(least_squares) == pytest.approx(0)
  assert r_t(relativistic) == pytest.approx(1 / 3)  # half way from 1 to -2
  shifted = {name: value + 7 for name, value in AVERAGES.items()}
  again = overfitting.with_sign(relativistic).measures(REAL + 7, FAKE + 7, **shifted)
  assert float(again["r_t"]) == pytest.approx(r_t(relativistic))


def test_all_of_them_together_add_up():
  loss = overfitting.with_sign(
    overfitting.with_lecam(overfitting.with_targets(non_saturating))
  )
  numbers = AVERAGES | {"lecam_weight": 0.5, "lecam_on": 1.0, "label_smoothing": 0.2}
  assert set(loss.numbers) == set(numbers)
  flipped = jnp.array([True, False, False]), jnp.array([False, False, True])
  ours = loss.discriminator(REAL, FAKE, **numbers, flipped=flipped)
  targets = overfitting.with_targets(non_saturating).discriminator(
    REAL, FAKE, label_smoothing=0.2, flipped=flipped
  )
  pull = overfitting.lecam(REAL, FAKE, *AVERAGES.values())
  np.testing.assert_allclose(ours, targets + 0.5 * pull, rtol=1e-6)
