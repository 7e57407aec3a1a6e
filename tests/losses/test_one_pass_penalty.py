"""One backward pass for a loss and its penalties, beside differentiating both."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgae.kernels import one_pass_penalty
from sgae.losses import penalties
from sgae.losses.adversarial import ADVERSARIAL_LOSSES
from sgae.methods.gan import program
from sgae.methods.gan.networks import DISCRIMINATORS, build_discriminator
from sgae.networks.layers import chain
from sgae.networks.mlp import mlp_discriminator
from sgae.networks.network import (
  ACTIVATIONS,
  computed_in,
  identity,
  rowwise,
)
from sgae.networks.normalization import NORMALIZATIONS
from tests.systems import small_config

SHAPE = (4, 4, 2)
WEIGHTS = {"r1": 0.7, "r2": 2.0}
REAL, FAKE = jax.random.normal(jax.random.key(0), (2, 6, *SHAPE))


def built(architecture, activation="leaky_relu", normalization="none", attention=()):
  config = small_config(
    gan__discriminator_architecture=architecture,
    gan__discriminator_activation=activation,
    gan__discriminator_normalization=normalization,
    gan__discriminator_hidden=(8, 6),
    gan__discriminator_attention=attention,
    gan__residual__groups=2,
  )
  network = build_discriminator(config, np.zeros(SHAPE, np.float32))
  params = network.init(jax.random.key(1))
  # biases, and a block's last product, start from zero
  noise = np.random.default_rng(2)
  moved = jax.tree.map(
    lambda leaf: leaf + 0.3 * noise.normal(size=leaf.shape).astype(np.float32), params
  )
  return network, moved


def judged(one_pass, network, params, loss, names):
  def discriminate(params, images):
    return network.apply(params, images, train=True)

  def objective(params):
    found = penalties.penalised(
      ADVERSARIAL_LOSSES[loss].discriminator,
      names,
      WEIGHTS,
      discriminate,
      params,
      REAL,
      FAKE,
      jnp.zeros(len(REAL)),
      piecewise_linear=one_pass,
    )
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
  network, params = built(*of)
  one, other = (
    judged(one_pass, network, params, "relativistic", names)
    for one_pass in (True, False)
  )
  assert_agree(one, other)


@pytest.mark.parametrize("loss", ADVERSARIAL_LOSSES)
def test_it_does_so_for_every_loss(loss):
  network, params = built("mlp")
  # logits far out, where some losses are flat
  params["Dense_2"]["kernel"] *= 10
  one, other = (
    judged(one_pass, network, params, loss, ("r1", "r2")) for one_pass in (True, False)
  )
  assert_agree(one, other)


def test_logits_that_the_loss_is_done_with_are_penalised_nevertheless():
  network, params = built("mlp")
  params["Dense_2"]["bias"] += 1000.0
  one, other = (
    judged(one_pass, network, params, "hinge", ("r1", "r2"))
    for one_pass in (True, False)
  )
  assert one[1].real_b.min() > 1
  assert_agree(one, other)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(
  ("architecture", "normalization", "attention"),
  [(name, "none", ()) for name in DISCRIMINATORS]
  + [("dcgan", name, ()) for name in NORMALIZATIONS if name != "none"]
  # at 2x2 the largest of four is a single key, and attention linear
  + [("residual", "none", (4,))],
)
def test_piecewise_linear_are_those_for_which_eulers_theorem_holds(
  architecture, normalization, attention, activation
):
  network, params = built(architecture, activation, normalization, attention)
  biases, with_biases = one_pass_penalty.split_biases(params)

  def logits(biases, images):
    return network.apply(with_biases(biases), images, train=False)[0]

  @jax.jit
  def both():
    sums = jax.grad(lambda *args: jnp.sum(logits(*args)), argnums=(0, 1))(biases, REAL)
    inner = jax.tree.map(jnp.vdot, sums, (biases, REAL))
    return jnp.sum(logits(biases, REAL)), sum(jax.tree.leaves(inner))

  value, euler = both()
  holds = bool(np.isclose(value, euler, rtol=1e-4, atol=1e-4))
  assert holds == network.piecewise_linear


def test_it_leaves_out_a_third_of_the_products():
  network = rowwise(mlp_discriminator(SHAPE, (32, 512, 512, 512), "leaky_relu"))
  params = jax.eval_shape(network.init, jax.random.key(0))

  def flop(one_pass):
    def gradient(params):
      return judged(one_pass, network, params, "relativistic", ("r1", "r2"))[0]

    costs: Any = jax.jit(gradient).lower(params).compile().cost_analysis()
    return costs["flops"]

  assert flop(True) < 0.7 * flop(False)


def test_attention_is_differentiated_twice():
  network, params = built("residual", attention=(4,))
  one, other = (
    judged(one_pass, network, params, "relativistic", ("r1", "r2"))
    for one_pass in (network.piecewise_linear, False)
  )
  assert_agree(one, other)
  wrong = judged(True, network, params, "relativistic", ("r1", "r2"))
  assert not np.allclose(wrong[0]["logit"]["kernel"], other[0]["logit"]["kernel"])


@pytest.mark.parametrize("says", [True, False])
def test_the_program_asks_the_discriminator(says, monkeypatch):
  asked = []
  monkeypatch.setattr(
    program,
    "build_discriminator",
    lambda *args: build_discriminator(*args)._replace(piecewise_linear=says),
  )
  monkeypatch.setattr(
    program, "make_discriminator_update", lambda *args, **how: asked.append(how)
  )
  program.build(small_config(), SHAPE)
  assert asked[0]["piecewise_linear"] == says


def test_wrappers_keep_only_what_they_know():
  network = rowwise(mlp_discriminator(SHAPE, (3,), "leaky_relu"))
  assert network.piecewise_linear
  assert computed_in(network, "float32").piecewise_linear
  assert not computed_in(network, "bfloat16").piecewise_linear
  assert network.then(identity).piecewise_linear
  assert not network.then(lambda logits_b: logits_b).piecewise_linear
  assert chain({"only": network}, jax.nn.relu).piecewise_linear
  assert not chain({"only": network}, jax.nn.silu).piecewise_linear
  doubtful = network._replace(piecewise_linear=False)
  assert not chain({"first": network, "last": doubtful}, jax.nn.relu).piecewise_linear
