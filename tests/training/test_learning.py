"""Learning, not only running: known atoms are recovered, a mixture is covered."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import default
from sgae import phases
from sgae.losses.adversarial import ADVERSARIAL_LOSSES, AdversarialLoss
from sgae.training.states import Batch

MODES = 8
NO_LABELS = jnp.zeros(())  # neither phase looks at them


def sparse_mixtures(key, atoms_kd, examples):
  """Examples that are each a sum of two atoms with weights from 0.5 to 1.5."""
  choose, weigh = jax.random.split(key)
  order = jax.random.uniform(choose, (examples, len(atoms_kd))).argsort(axis=1)
  weights = jax.random.uniform(weigh, (examples, 2), minval=0.5, maxval=1.5)
  return jnp.einsum("bn,bnd->bd", weights, atoms_kd[order[:, :2]])


@pytest.mark.parametrize("sparsity_map", ["topk", "batch_topk"])
def test_an_autoencoder_recovers_the_atoms_that_made_its_data(sparsity_map):
  true = np.random.default_rng(0).normal(size=(24, 20))
  true = jnp.asarray(true / np.linalg.norm(true, axis=1, keepdims=True), jnp.float32)
  config = default.get_config()
  config.code.update(num_latents=32, k=2, sparsity_map=sparsity_map)
  config.sae.update(batch_size=128, auxiliary_k=8, output="linear")
  config.sae.optimizer.learning_rate = 3e-3
  phase = phases.make_autoencoder_phase(config, np.zeros((4, 5, 1), np.float32))
  positions = jnp.arange(128)

  def recovered(params):
    """Mean over true atoms of the cosine with the most similar learned one."""
    return (true @ params["decoder"]["atoms"].T).max(axis=1).mean()

  @jax.jit
  def train(state):
    def step(state, key):
      images = sparse_mixtures(key, true, 128).reshape(128, 4, 5, 1)
      return phase.step(state, Batch(images, NO_LABELS, positions))

    return jax.lax.scan(step, state, jax.random.split(jax.random.key(1), 2000))

  start = phase.init({})
  state, metrics = train(start)
  assert recovered(start.player.params) < 0.7
  assert recovered(state.player.params) > 0.97
  assert metrics["sae/fvu"][-100:].mean() < 0.1


def ring(key, examples):
  """Eight Gaussians of deviation 0.02 on a circle of radius 0.8, as 1 x 2 images."""
  choose, spread = jax.random.split(key)
  angles = 2 * jnp.pi * jax.random.randint(choose, (examples,), 0, MODES) / MODES
  centres = 0.8 * jnp.stack([jnp.cos(angles), jnp.sin(angles)], axis=1)
  points = centres + 0.02 * jax.random.normal(spread, (examples, 2))
  return points.reshape(examples, 1, 2, 1)


def covered_modes(points_n2):
  """How many modes hold at least 2 % of the points within five deviations."""
  angles = 2 * np.pi * np.arange(MODES) / MODES
  centres = 0.8 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
  distances = np.linalg.norm(points_n2[:, None] - centres[None], axis=2)
  near = distances.argmin(axis=1)[distances.min(axis=1) < 0.1]
  return int((np.bincount(near, minlength=MODES) > 0.02 * len(points_n2)).sum())


def modes_after_training():
  config = default.get_config()
  config.gan.update(
    generator="plain",
    generator_output="linear",
    generator_hidden=(64, 64),
    discriminator_hidden=(64, 64),
    latent_dim=2,
    batch_size=128,
    ema_decay=0.99,
    steps=3000,
  )
  config.gan.penalties.update(r1=0.1, r2=0.1)
  config.gan.generator_optimizer.learning_rate = 1e-3
  config.gan.discriminator_optimizer.learning_rate = 1e-3
  mean = np.zeros((1, 2, 1), np.float32)
  phase = phases.make_gan_phase(config, mean)
  positions = jnp.arange(128)

  @jax.jit
  def train(state):
    def step(state, key):
      return phase.step(state, Batch(ring(key, 128)[None], NO_LABELS, positions))

    return jax.lax.scan(step, state, jax.random.split(jax.random.key(1), 3000))[0]

  samples = phases.make_sampler(config, mean)(train(phase.init({})), 1000)
  return covered_modes(samples.reshape(-1, 2))


def test_a_gan_covers_a_ring_of_eight_modes():
  assert modes_after_training() == MODES


def test_a_flipped_sign_in_the_generator_covers_nothing(monkeypatch):
  right = ADVERSARIAL_LOSSES["relativistic"]
  flipped = AdversarialLoss(
    right.discriminator, lambda real_b, fake_b: -right.generator(real_b, fake_b)
  )
  monkeypatch.setitem(ADVERSARIAL_LOSSES, "relativistic", flipped)
  assert modes_after_training() <= 1
