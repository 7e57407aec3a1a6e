"""Terms of classes, against values computed by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgae.losses.classification import CLASS_TERMS, cross_entropy, data_to_data

CLASSES = jnp.eye(2)[jnp.array([0, 1])]


def test_cross_entropy_is_that_of_the_class():
  logits = jnp.log(jnp.array([[0.9, 0.1], [0.25, 0.75]]))
  expected = -(np.log(0.9) + np.log(0.75)) / 2
  np.testing.assert_allclose(cross_entropy(logits, CLASSES), expected, rtol=1e-6)


def test_adc_has_classes_of_real_and_of_generated_images():
  # real 0, real 1, generated 0, generated 1
  real = jnp.log(jnp.array([[0.7, 0.1, 0.1, 0.1], [0.1, 0.5, 0.2, 0.2]]))
  fake = jnp.log(jnp.array([[0.2, 0.1, 0.6, 0.1], [0.1, 0.3, 0.2, 0.4]]))
  term = CLASS_TERMS["adc"]
  seen = -(np.log([0.7, 0.5]).mean() + np.log([0.6, 0.4]).mean())
  found = term.discriminator(real, fake, CLASSES, None)
  np.testing.assert_allclose(found, seen, rtol=1e-6)
  wanted = np.log([0.6, 0.4]).mean() - np.log([0.2, 0.3]).mean()
  found = term.generator(real, fake, CLASSES, None)
  np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_data_to_data_by_hand():
  embedding = jnp.array([[1.0, 0.0], [0.6, 0.8]])
  proxies = jnp.array([[1.0, 0.0], [0.0, 1.0]])
  # near enough to its class; .8 - .98 from it; .6 - .02 from the other's image
  attractions, repulsion = np.array([0.0, -0.18]) / 0.5, 0.58 / 0.5
  expected = np.mean(np.log(np.exp(attractions) + np.exp(repulsion)) - attractions)
  found = data_to_data((embedding, proxies), CLASSES)
  np.testing.assert_allclose(found, expected, rtol=1e-5)
  alone = data_to_data((embedding[:1], proxies[:1]), CLASSES[:1])
  np.testing.assert_allclose(alone, 0, atol=1e-6)


@pytest.mark.parametrize("name", CLASS_TERMS)
def test_generators_lower_their_term_towards_the_class(name):
  said = jnp.array([[1.0, -1.0, 0.5, 0.5], [2.0, 0.0, -1.0, 1.0]])

  def loss(said):
    read = {
      "auxiliary": lambda s: s[:, :2],
      "adc": lambda s: s,
      "reacgan": lambda s: (s[:, :2] / jnp.linalg.norm(s[:, :2], axis=1)[:, None],) * 2,
    }[name](said)
    return CLASS_TERMS[name].generator(read, read, CLASSES, None)

  slopes = jax.grad(loss)(said)
  assert np.isfinite(slopes).all()
  if name != "reacgan":  # whose attraction is at its margin here
    assert slopes[0, 0] < 0 < slopes[0, 1] or name == "adc"
    assert slopes[1, 1] < 0
