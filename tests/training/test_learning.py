"""Learning: known atoms are recovered, and the modes of mixtures are covered."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import grid, ring
from sgae.losses.adversarial import ADVERSARIAL_LOSSES, AdversarialLoss
from tests.runs import train
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


def figures_of_seeds(workdir, config, seeds, rounds):
  """Trains seeds of a config on a mixture; returns each figure of each, [seeds]."""
  config.gan.update(steps=rounds, evaluate_every=rounds, save_every=rounds)
  config.population.seeds = seeds
  config.evaluation.final_samples = 2500
  train(workdir, config)
  members = json.loads((workdir / "evaluation.json").read_bytes())["gan"]["members"]
  return {
    name: np.array([member["figures"][name]["value"] for member in members])
    for name in ("modes_covered", "high_quality", "reverse_kl")
  }


@pytest.mark.parametrize(
  ("config", "modes", "seeds", "rounds", "share"),
  [
    (ring, 8, 6, 1000, 0.5),
    pytest.param(grid, 25, 5, 2500, 0.2, marks=pytest.mark.soak),
  ],
  ids=["ring", "grid"],
)
def test_a_gan_covers_all_modes_of_a_mixture(
  tmp_path, config, modes, seeds, rounds, share
):
  # a sixth of the ring's config and less than half of the grid's
  found = figures_of_seeds(tmp_path / "run", config.get_config(), seeds, rounds)
  assert (found["modes_covered"] == modes).sum() >= seeds - 1, found
  assert np.median(found["high_quality"]) > share, found
  assert np.median(found["reverse_kl"]) < 0.05, found


def test_a_flipped_sign_in_the_generator_covers_nothing(tmp_path, monkeypatch):
  right = ADVERSARIAL_LOSSES["relativistic"]
  flipped = AdversarialLoss(
    right.discriminator, lambda real_b, fake_b: -right.generator(real_b, fake_b)
  )
  monkeypatch.setitem(ADVERSARIAL_LOSSES, "relativistic", flipped)
  found = figures_of_seeds(tmp_path / "run", ring.get_config(), 2, 1000)
  assert found["modes_covered"].max() <= 1
