"""Learning, not only running: known atoms are recovered, mixtures are covered.

    python -m tests.training.test_learning

trains ten seeds of each mixture at full length, which takes MINUTES, and prints what
stands in the headers of configs/ring.py and configs/grid.py.
"""

import sys
from time import perf_counter

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import default, grid, ring
from sgae import phases
from sgae.config import validate
from sgae.data import order, resident, sources
from sgae.losses.adversarial import ADVERSARIAL_LOSSES, AdversarialLoss
from sgae.training.states import Batch

NO_LABELS = jnp.zeros(())  # neither phase looks at them
SAMPLES = 2500  # in which protocols count modes


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


def trained_on_a_mixture(config, seeds):
  """Trains one GAN for each seed, all of them in one program.

  Each sees the examples that launch.py would show it, in their order.

  Returns:
    The data set, and samples of the averaged generators, [seeds, 2500, 2], in model
    range.
  """
  dataset = sources.load(config.data, pytest.fail)
  source = jax.tree.map(jnp.asarray, dataset.train)
  mean = resident.mean_image(dataset.train.images)
  states, indices = [], []
  for seed in range(seeds):
    config.seed = seed
    phase = phases.make_gan_phase(validate(config), mean)
    states.append(phase.init({}))
    shape, examples = phase.batch_shape, len(dataset.train.images)
    indices.append(
      order.batch_indices(seed, "gan", 0, config.gan.steps, shape, examples)
    )
  positions = jnp.arange(config.gan.batch_size)

  @jax.jit
  def train(states, indices, source):
    def step(state, some):
      return phase.step(state, Batch(*resident.gather(source, some), positions))[0]

    def steps(states, some):
      return jax.vmap(step)(states, some), None

    return jax.lax.scan(steps, states, indices)[0]

  trained = train(
    jax.tree.map(lambda *leaves: jnp.stack(leaves), *states),
    np.stack(indices, axis=1),
    source,
  )
  sample = phases.make_sampler(validate(config), mean)
  points = [
    sample(jax.tree.map(lambda leaf, i=i: leaf[i], trained), SAMPLES)
    for i in range(seeds)
  ]
  return dataset, np.stack(points).reshape(seeds, SAMPLES, 2)


def quality(points_n2, mixture):
  """Returns modes, share within 3 sigma, sigma_hat / sigma there, and reverse KL."""
  offsets = points_n2[:, None] - mixture.means_k2[None]
  distances = np.linalg.norm(offsets, axis=2) / mixture.sigma
  nearest, distance = distances.argmin(axis=1), distances.min(axis=1)
  good = distance < 3
  # E r^2 of a round Gaussian in the plane that is cut off at r = 3
  expected = 2 * (1 - 4.5 * np.exp(-4.5) / (1 - np.exp(-4.5)))
  spread = np.sqrt((distance[good] ** 2).sum() / max(good.sum(), 1) / expected)
  shares = np.bincount(nearest, minlength=len(mixture.means_k2)) / len(points_n2)
  present = shares[shares > 0]
  reverse_kl = (present * np.log(present * len(shares))).sum()
  return len(set(nearest[good])), good.mean(), spread, reverse_kl


@pytest.mark.parametrize(
  ("config", "seeds", "rounds", "share"),
  [(ring, 6, 1000, 0.5), (grid, 5, 2500, 0.2)],
  ids=["ring", "grid"],
)
def test_a_gan_covers_all_modes_of_a_mixture(config, seeds, rounds, share):
  # a sixth of the ring's config and less than half of the grid's; `main` trains in full
  config = config.get_config()
  config.gan.steps = rounds
  dataset, points = trained_on_a_mixture(config, seeds)
  modes, good, _, reverse_kl = np.transpose(
    [quality(some, dataset.mixture) for some in points]
  )
  assert (modes == dataset.num_classes).sum() >= seeds - 1, modes
  assert np.median(good) > share, good
  assert np.median(reverse_kl) < 0.05, reverse_kl


def test_a_flipped_sign_in_the_generator_covers_nothing(monkeypatch):
  right = ADVERSARIAL_LOSSES["relativistic"]
  flipped = AdversarialLoss(
    right.discriminator, lambda real_b, fake_b: -right.generator(real_b, fake_b)
  )
  monkeypatch.setitem(ADVERSARIAL_LOSSES, "relativistic", flipped)
  config = ring.get_config()
  config.gan.steps = 1000
  dataset, points = trained_on_a_mixture(config, 1)
  assert quality(points[0], dataset.mixture)[0] <= 1


def main() -> None:
  """Prints what ten seeds of either config come to, trained in full."""
  for config in (ring.get_config(), grid.get_config()):
    start = perf_counter()
    dataset, points = trained_on_a_mixture(config, 10)
    seconds = perf_counter() - start
    found = np.array([quality(some, dataset.mixture) for some in points])
    covered = (found[:, 0] == dataset.num_classes).sum()
    lines = [f"{dataset.name}: {covered} of 10 seeds cover all modes, {seconds:.0f} s"]
    names = ("modes", "high quality", "spread", "reverse KL")
    lines += [
      f"  {name:<14}{column.mean():.4f} +- {column.std(ddof=1):.4f}"
      f" ({column.min():.4f} to {column.max():.4f})"
      for name, column in zip(names, found.T, strict=True)
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
  main()
