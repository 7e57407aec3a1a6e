"""The losses of a discriminator that names classes, against NumPy and known values."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgae.losses import semi_supervised

LOGITS = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)


def test_the_unlabelled_loss_is_the_cross_entropy_of_z_over_z_plus_one():
  """Written anew by the probability Z / (Z + 1), in float64."""
  real, fake = np.exp(np.float64(LOGITS[:2])).sum(axis=2)
  expected = -0.5 * (np.log(real / (real + 1)) + np.log(1 / (fake + 1))).mean()
  found = semi_supervised.unlabelled(*map(jnp.asarray, LOGITS[:2]))
  assert float(found) == pytest.approx(expected, rel=1e-5)


def test_it_is_that_of_k_plus_one_classes_with_the_last_logit_at_zero():
  """Labelled images of the paper's K + 1 classes: class given real, and being real."""
  labels = jnp.array([0, 4, 2, 1])
  logits = jnp.asarray(LOGITS[2])
  whole = jax.nn.log_softmax(jnp.pad(logits, ((0, 0), (0, 1))), axis=1)
  named = -jnp.take_along_axis(whole, labels[:, None], axis=1).mean()
  real = jax.nn.softplus(-jax.nn.logsumexp(logits, axis=1)).mean()
  found = semi_supervised.labelled(logits, labels) + real
  assert float(found) == pytest.approx(float(named), rel=1e-5)


def test_losses_are_finite_at_extreme_logits():
  extreme = jnp.array([[1e4, -1e4], [-1e4, -1e4]])
  gradient = jax.grad(lambda x: semi_supervised.unlabelled(x, x))(extreme)
  assert jnp.isfinite(gradient).all()
  with pytest.raises(ValueError):
    semi_supervised.unlabelled(extreme, extreme[:1])


def test_feature_matching_compares_means_alone():
  real, fake = jnp.array([[1.0, 2.0], [3.0, 0.0]]), jnp.array([[2.0, 1.0], [2.0, 5.0]])
  assert float(semi_supervised.feature_matching(real, fake, None)) == 2.0  # (0 + 4) / 2
  assert float(semi_supervised.feature_matching(real, real[::-1], None)) == 0
