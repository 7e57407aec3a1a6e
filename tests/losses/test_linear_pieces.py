"""One backward pass for a loss and its penalties, beside differentiating both."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgae.losses import linear_pieces, penalties
from sgae.losses.adversarial import ADVERSARIAL_LOSSES
from sgae.methods.gan.networks import (
  DISCRIMINATORS,
  build_discriminator,
  discriminator_is_piecewise_linear,
)
from sgae.networks.mlp import mlp_discriminator
from sgae.networks.network import ACTIVATIONS, rowwise
from sgae.networks.normalization import NORMALIZATIONS
from tests.systems import small_config

SHAPE = (4, 4, 2)
WEIGHTS = {"r1": 0.7, "r2": 2.0}
REAL, FAKE = jax.random.normal(jax.random.key(0), (2, 6, *SHAPE))


def built(architecture, activation="leaky_relu", normalization="none"):
  config = small_config(
    gan__discriminator_architecture=architecture,
    gan__discriminator_activation=activation,
    gan__discriminator_normalization=normalization,
    gan__discriminator_hidden=(8, 6),
    gan__residual__groups=2,
  )
  network = build_discriminator(config, SHAPE)
  params = network.init(jax.random.key(1))
  # biases, and a block's last product, start from zero
  noise = np.random.default_rng(2)
  moved = jax.tree.map(
    lambda leaf: leaf + 0.3 * noise.normal(size=leaf.shape).astype(np.float32), params
  )
  return config, network, moved


def judged(way, network, params, loss, names):
  def judge(params, images):
    return network.apply(params, images, train=True)

  def objective(params):
    about = (ADVERSARIAL_LOSSES[loss].discriminator, names, WEIGHTS)
    images = (REAL, FAKE)
    if way is penalties:
      images += (jnp.zeros(len(REAL)),)
    found = way.penalised(*about, judge, params, *images)
    return found.objective, found._replace(objective=0)

  return jax.jit(jax.grad(objective, has_aux=True))(params)


def assert_agree(a, b):
  for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
    np.testing.assert_allclose(x, y, rtol=2e-4, atol=2e-6)


@pytest.mark.parametrize(
  ("of", "names"),
  [
    (("mlp",), ("r1",)),
    (("mlp", "relu"), ("r2",)),
    (("dcgan", "leaky_relu", "spectral"), ("r1", "r2")),
    (("residual",), ("r1", "r2")),
  ],
)
def test_it_gives_the_gradient_of_both(of, names):
  _, network, params = built(*of)
  one, other = (
    judged(way, network, params, "relativistic", names)
    for way in (linear_pieces, penalties)
  )
  assert_agree(one, other)


@pytest.mark.parametrize("loss", ADVERSARIAL_LOSSES)
def test_it_does_so_for_every_loss(loss):
  _, network, params = built("mlp")
  # logits far out, where some losses are flat
  params["Dense_2"]["kernel"] *= 10
  one, other = (
    judged(way, network, params, loss, ("r1", "r2"))
    for way in (linear_pieces, penalties)
  )
  assert_agree(one, other)


def test_logits_that_the_loss_is_done_with_are_penalised_nevertheless():
  _, network, params = built("mlp")
  params["Dense_2"]["bias"] += 1000.0
  one, other = (
    judged(way, network, params, "hinge", ("r1", "r2"))
    for way in (linear_pieces, penalties)
  )
  assert one[1].real_b.min() > 1
  assert_agree(one, other)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(
  ("architecture", "normalization"),
  [(name, "none") for name in DISCRIMINATORS]
  + [("dcgan", name) for name in NORMALIZATIONS if name != "none"],
)
def test_piecewise_linear_are_those_for_which_eulers_theorem_holds(
  architecture, normalization, activation
):
  config, network, params = built(architecture, activation, normalization)
  biases, with_biases = linear_pieces.split_biases(params)

  def logits(biases, images):
    return network.apply(with_biases(biases), images, train=False)[0]

  @jax.jit
  def both():
    sums = jax.grad(lambda *args: jnp.sum(logits(*args)), argnums=(0, 1))(biases, REAL)
    inner = jax.tree.map(jnp.vdot, sums, (biases, REAL))
    return jnp.sum(logits(biases, REAL)), sum(jax.tree.leaves(inner))

  value, euler = both()
  holds = bool(np.isclose(value, euler, rtol=1e-4, atol=1e-4))
  assert holds == discriminator_is_piecewise_linear(config)


def test_it_leaves_out_a_third_of_the_products():
  network = rowwise(mlp_discriminator(SHAPE, (32, 512, 512, 512), "leaky_relu"))
  params = jax.eval_shape(network.init, jax.random.key(0))

  def flop(way):
    def gradient(params):
      return judged(way, network, params, "relativistic", ("r1", "r2"))[0]

    costs: Any = jax.jit(gradient).lower(params).compile().cost_analysis()
    return costs["flops"]

  assert flop(linear_pieces) < 0.7 * flop(penalties)
