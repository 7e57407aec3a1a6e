"""Minibatch standard deviation: by hand, by group, and at inference."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgae.methods.gan.networks import DISCRIMINATORS, build_discriminator
from sgae.networks.deviation import group_deviations
from tests.systems import small_config

IMAGES = jax.random.normal(jax.random.key(0), (8, 4, 4, 1))


def test_deviations_by_hand():
  features = jnp.array([[0.0, 1.0], [4.0, 1.0], [1.0, -3.0], [1.0, 3.0]])
  found = group_deviations(features, 2)
  np.testing.assert_allclose(found, [1, 1, 1.5, 1.5], atol=1e-3)
  found = group_deviations(features, 4)
  wanted = np.std(features, axis=0).mean()
  np.testing.assert_allclose(found, np.full(4, wanted), rtol=1e-5)
  slopes = jax.grad(lambda x: group_deviations(x, 2).sum())(jnp.ones((4, 2)))
  assert np.isfinite(slopes).all()


@pytest.mark.parametrize("architecture", DISCRIMINATORS)
def test_a_logit_sees_its_group_in_training_and_itself_alone_after(architecture):
  config = small_config(
    gan__discriminator_architecture=architecture,
    gan__discriminator_hidden=(4, 6),
    gan__deviation_group=2,
    gan__kernel_size=2,
  )
  network = build_discriminator(config, np.zeros((4, 4, 1), np.float32))
  assert not network.piecewise_linear
  params = jax.jit(network.init)(jax.random.key(1))
  apply = jax.jit(network.apply, static_argnames="train")
  other = IMAGES.at[0].add(1.0)
  logits, statistics = apply(params, IMAGES, train=True)
  moved = np.asarray(apply(params, other, train=True)[0] != logits)
  assert moved.tolist() == [True, True] + [False] * 6
  params = network.after_update(params, statistics)
  kept = 0.1 * statistics["deviation"]
  np.testing.assert_allclose(params["deviation"], kept, rtol=1e-6)
  alone = apply(params, IMAGES, train=False)[0]
  moved = np.asarray(apply(params, other, train=False)[0] != alone)
  assert moved.tolist() == [True] + [False] * 7


def test_its_layers_are_normalised_and_activated_as_the_others():
  def network(**fields):
    config = small_config(
      gan__discriminator_architecture="dcgan",
      gan__discriminator_hidden=(4, 6),
      gan__deviation_group=2,
      gan__kernel_size=2,
      **fields,
    )
    return build_discriminator(config, np.zeros((4, 4, 1), np.float32))

  spectral = network(gan__discriminator_normalization="spectral")
  params = spectral.init(jax.random.key(1))
  larger = jax.tree.map(lambda leaf: leaf, params)
  larger["logit"]["kernel"] = 100 * params["logit"]["kernel"]
  for _ in range(20):  # power iterations
    _, statistics = spectral.apply(larger, IMAGES, train=True)
    larger = spectral.after_update(larger, statistics)
    _, statistics = spectral.apply(params, IMAGES, train=True)
    params = spectral.after_update(params, statistics)
  few, many = (spectral.apply(p, IMAGES, train=False)[0] for p in (params, larger))
  np.testing.assert_allclose(few, many, rtol=1e-3, atol=1e-4)

  rectified, leaky = network(gan__discriminator_activation="relu"), network()
  params = leaky.init(jax.random.key(1))
  a, b = (each.apply(params, IMAGES, train=False)[0] for each in (rectified, leaky))
  assert np.abs(a - b).max() > 1e-6
