"""Learning: known atoms are recovered, and the modes of mixtures are covered."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import grid, ring
from sgae.benchmark.mixtures import measured, trained_on_a_mixture
from sgae.losses.adversarial import ADVERSARIAL_LOSSES, AdversarialLoss
from tests.systems import all_sections, make_phase

pytestmark = pytest.mark.usefixtures("optimised")


def sparse_mixtures(key, atoms_kd, examples):
  """Examples that are each a sum of two atoms with weights from 0.5 to 1.5."""
  choose, weigh = jax.random.split(key)
  order = jax.random.uniform(choose, (examples, len(atoms_kd))).argsort(axis=1)
  weights = jax.random.uniform(weigh, (examples, 2), minval=0.5, maxval=1.5)
  return jnp.einsum("bn,bnd->bd", weights, atoms_kd[order[:, :2]])


@pytest.mark.parametrize("sparsity_map", ["topk", "batch_topk"])
def test_an_autoencoder_recovers_the_atoms_of_its_data(sparsity_map):
  true = np.random.default_rng(0).normal(size=(24, 20))
  true = jnp.asarray(true / np.linalg.norm(true, axis=1, keepdims=True), jnp.float32)
  config = all_sections()
  config.code.update(num_latents=32, k=2, sparsity_map=sparsity_map)
  config.sae.update(batch_size=128, auxiliary_k=8, output="linear")
  config.sae.optimizer.learning_rate = 3e-3
  phase = make_phase("sae", config, np.zeros((4, 5, 1), np.float32))
  positions = jnp.arange(128)

  def recovered(params):
    """Mean over true atoms of the cosine with the most similar learned one."""
    return (true @ params["decoder"]["atoms"].T).max(axis=1).mean()

  @jax.jit
  def train(state):
    def step(state, key):
      images = sparse_mixtures(key, true, 128).reshape(128, 4, 5, 1)
      return phase.step(state, {"image": images, "position": positions})

    return jax.lax.scan(step, state, jax.random.split(jax.random.key(1), 2000))

  start = phase.init({})
  state, metrics = train(start)
  assert recovered(start.player.params) < 0.7
  assert recovered(state.player.params) > 0.97
  assert metrics["sae/fvu"][-100:].mean() < 0.1


@pytest.mark.parametrize(
  ("config", "seeds", "rounds", "share"),
  [(ring, 6, 1000, 0.5), (grid, 5, 2500, 0.2)],
  ids=["ring", "grid"],
)
def test_a_gan_covers_all_modes_of_a_mixture(config, seeds, rounds, share):
  # a sixth of the ring's config and less than half of the grid's; in full by
  # python -m sgae.benchmark.mixtures
  config = config.get_config()
  config.gan.steps = rounds
  dataset, points = trained_on_a_mixture(config, seeds)
  found = measured(dataset, points)
  covered = found["modes_covered"] == dataset.num_classes
  assert covered.sum() >= seeds - 1, found
  assert np.median(found["high_quality"]) > share, found
  assert np.median(found["reverse_kl"]) < 0.05, found


def test_a_flipped_sign_in_the_generator_covers_nothing(monkeypatch):
  right = ADVERSARIAL_LOSSES["relativistic"]
  flipped = AdversarialLoss(
    right.discriminator, lambda real_b, fake_b: -right.generator(real_b, fake_b)
  )
  monkeypatch.setitem(ADVERSARIAL_LOSSES, "relativistic", flipped)
  config = ring.get_config()
  config.gan.steps = 1000
  dataset, points = trained_on_a_mixture(config, 1)
  assert measured(dataset, points)["modes_covered"] <= 1
