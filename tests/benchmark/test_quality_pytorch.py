"""PyTorch's networks and objective are ours: same weights, same outputs and gradients.

Needs PyTorch, by the extra `benchmark`; so these are long forms, `pytest -m soak`.
"""

import copy
import importlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from configs.benchmark import quality_config
from sgae.config import validate
from sgae.losses.adversarial import relativistic
from sgae.losses.sparsity import SPARSITY_PENALTIES
from sgae.methods.gan.discriminator import make_discriminator_update
from sgae.methods.gan.generator import make_generator_update
from sgae.methods.gan.networks import build_discriminator, build_generator
from sgae.methods.player import PlayerState, update_ema

pytestmark = [
  pytest.mark.soak,
  pytest.mark.usefixtures("optimised"),
  # PyTorch 2.13's compiler uses what PyTorch deprecates (2026-11)
  pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
]

IMAGES = 6
DESCENT = optax.sgd(1.0)  # whose update is the gradient


class Pair:
  """A pair of PyTorch's, with inputs for it."""

  def __init__(self, name: str):
    self.torch: Any = importlib.import_module("torch")
    self.side: Any = importlib.import_module("sgae.benchmark.quality_pytorch")
    self.torch.manual_seed(0)
    self.config = quality_config(name)
    noise = np.random.default_rng(0)
    self.mean = noise.uniform(-1, 1, (1, 28, 28)).astype(np.float32)
    self.generator = self.side.Generator(self.config, self.torch.from_numpy(self.mean))
    self.discriminator = self.side.make_discriminator(self.config, (1, 28, 28))
    for network in (self.generator, self.discriminator):
      for parameter in network.parameters():  # biases as well, which start at zero
        parameter.data.add_(0.01 * self.torch.randn(parameter.shape))
    self.real = noise.uniform(-1, 1, (IMAGES, 28, 28, 1)).astype(np.float32)
    self.z = noise.normal(size=(IMAGES, 64)).astype(np.float32)

  def channels_first(self, images_nhwc):
    return self.torch.from_numpy(np.ascontiguousarray(np.moveaxis(images_nhwc, 3, 1)))

  def ours(self):
    """Our networks for the same config."""
    config = validate(self.config)
    mean = np.moveaxis(self.mean, 0, 2)
    return build_generator(config, mean), build_discriminator(config, mean)


@pytest.fixture(scope="module", params=["plain", "convolutional"])
def pair(request):
  return Pair(request.param)


def as_ours(network: Any, of: str = "data") -> Any:
  """Returns weights of a PyTorch network, or their gradients, as our parameters."""

  def array(weight):
    return (weight if of == "data" else weight.grad).detach().numpy().copy()

  def layers_of(sequence):
    kernels, found, channels = [], {}, 0
    for layer in sequence:
      if hasattr(layer, "weight"):
        kernels.append(layer)
    convolutional = kernels[0].weight.ndim == 4
    for number, layer in enumerate(kernels):
      kernel = array(layer.weight)
      name = f"Dense_{number}"
      if kernel.ndim == 4:
        name, channels = f"convolution_{number}", kernel.shape[0]
        kernel = kernel.transpose(2, 3, 1, 0)
      else:
        if convolutional:  # after convolutions ours has channels last
          name, side = "dense", int((kernel.shape[1] // channels) ** 0.5)
          kernel = kernel.reshape(-1, channels, side, side).transpose(0, 2, 3, 1)
        kernel = kernel.reshape(len(kernel), -1).T
      found[name] = {"kernel": kernel, "bias": array(layer.bias)}
    return found

  if not hasattr(network, "atoms"):
    return layers_of(network)
  return {
    "coder": layers_of(network.coder),
    "sparsity": {},
    "decoder": {"atoms": array(network.atoms), "bias": array(network.bias)},
  }


def assert_equal(ours, theirs, tolerance):
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=tolerance),
    ours,
    theirs,
  )


def gradients(before, after):
  """What gradient descent by a rate of 1 took from parameters."""
  return jax.tree.map(lambda a, b: np.asarray(a) - np.asarray(b), before, after)


def player(params):
  return PlayerState(params=params, optimizer=DESCENT.init(params))


def test_outputs_are_equal(pair):
  generator, discriminator = pair.ours()
  made = generator.apply(as_ours(pair.generator), jnp.asarray(pair.z), train=True)
  images, code = pair.generator(pair.torch.from_numpy(pair.z))
  assert_equal(made.images, np.moveaxis(images.detach().numpy(), 1, 3), 1e-5)
  assert_equal(made.code.values, code.detach().numpy(), 1e-5)
  params = as_ours(pair.discriminator)
  logits, _ = discriminator.apply(params, jnp.asarray(pair.real), train=True)
  theirs = pair.discriminator(pair.channels_first(pair.real))
  assert_equal(logits, theirs.detach().numpy()[:, 0], 1e-5)


@pytest.mark.parametrize("variant", ["eager", "compiled"])
def test_the_discriminators_gradients_are_equal(pair, variant):
  generator, discriminator = pair.ours()
  update = make_discriminator_update(
    generator, discriminator, DESCENT, relativistic, ("r1", "r2")
  )
  penalties = pair.config.gan.penalties
  before = as_ours(pair.discriminator)
  after, metrics = update(
    player(before),
    as_ours(pair.generator),
    jnp.asarray(pair.real),
    jnp.asarray(pair.z),
    jnp.arange(IMAGES),
    jax.random.key(0),
    {f"{name}_weight": penalties[name] for name in ("r1", "r2")},
    None,
  )
  assert penalties.r1 * metrics["gan/r1"] > 1e-3  # the penalties are felt
  with pair.torch.no_grad():
    fake, _ = pair.generator(pair.torch.from_numpy(pair.z))
  put = pair.side.make_gradients(pair.config, pair.discriminator, variant)
  put(pair.channels_first(pair.real), fake)
  found = gradients(before, after.params)
  assert_equal(found, as_ours(pair.discriminator, "grad"), 1e-6)


def test_the_generators_gradients_are_equal(pair):
  generator, discriminator = pair.ours()
  omega = SPARSITY_PENALTIES[pair.config.code.penalty]
  update = make_generator_update(generator, discriminator, DESCENT, relativistic, omega)
  before = as_ours(pair.generator)
  after, _ = update(
    player(before),
    as_ours(pair.discriminator),
    jnp.asarray(pair.real),
    jnp.asarray(pair.z),
    {
      "sparsity_weight": pair.config.gan.sparsity_weight,
      "rho": pair.config.code.rho,
      "decoder_rate_factor": pair.config.gan.decoder_rate_factor,
    },
    None,
  )
  loss = pair.side.make_loss_g(pair.config, pair.generator, pair.discriminator)
  pair.generator.zero_grad(set_to_none=True)
  real = pair.channels_first(pair.real)
  loss(real, pair.torch.from_numpy(pair.z)).backward()
  found = gradients(before, after.params)
  assert_equal(found, as_ours(pair.generator, "grad"), 1e-6)


def test_a_round_is_the_same_compiled_and_moves_the_average_as_ours_moves(pair):
  players, moved = (pair.generator, pair.discriminator, pair.generator), {}
  for variant in ("eager", "compiled"):
    own = [copy.deepcopy(network) for network in players]
    play = pair.side.make_round(pair.config, *own, variant)
    pair.torch.manual_seed(1)
    play(pair.channels_first(pair.real), 0)
    moved[variant] = [as_ours(network) for network in own]
  # Adam's first step is the sign of a gradient, which noise decides where it is near 0:
  # in single places, and always in the logit's bias
  apart = [
    np.mean(np.abs(a - b) > 1e-6)
    for a, b in zip(*map(jax.tree.leaves, moved.values()), strict=True)
    if a.size > 1
  ]
  assert max(apart) < 0.01
  start = as_ours(pair.generator)
  generator, _, average = moved["eager"]
  assert np.abs(generator["decoder"]["atoms"] - start["decoder"]["atoms"]).max() > 1e-5
  decay = jnp.float32(pair.config.gan.ema_decay)
  assert_equal(average, update_ema(start, generator, decay, jnp.int32(0)), 1e-6)


def test_looks_are_bytes_and_leave_out_what_is_measured(pair):
  images = np.random.default_rng(0).integers(0, 256, (200, 28, 28, 1), dtype=np.uint8)
  looks = pair.side.train(pair.config, images, "eager", 1, 7)
  found = [next(looks) for _ in range(3)]
  assert [look.rounds for look in found] == [0, 1, 2]
  assert found[0].seconds < found[1].seconds < found[2].seconds
  assert all(look.images.shape == (7, 28, 28, 1) for look in found)
  assert found[0].images.dtype == np.uint8
