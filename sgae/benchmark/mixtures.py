"""Does the GAN cover the ring and the grid? `python -m sgae.benchmark.mixtures`.

Trains ten seeds of each config in one program and measures 2,500 samples of each; the
headers of configs/ring.py and configs/grid.py hold the results.
"""

import sys
from time import perf_counter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from configs import grid, ring
from sgae import randomness
from sgae.config import validate
from sgae.data import order, resident, sources
from sgae.data.dataset import Dataset
from sgae.devices.mesh import make_mesh
from sgae.evaluation.measures.mixture import mixture_figures
from sgae.methods import METHODS
from sgae.methods.sampling import make_sampler
from sgae.reporting.console import Console

SEEDS = 10
SAMPLES = 2500  # of each seed, as in the protocols of VEEGAN and PacGAN


def trained_on_a_mixture(config: Any, seeds: int) -> tuple[Dataset, np.ndarray]:
  """Trains one GAN per seed, all in one program.

  Each takes the same examples in the same order as a run of launch.py.

  Args:
    config: of a GAN on a mixture, not frozen.
    seeds: number of seeds, from 0.

  Returns:
    The data set, and samples of the EMA generators, float32 [seeds, 2500, 2], in model
    range.
  """
  dataset = sources.load(config.data, Console().line)
  source = jax.tree.map(jnp.asarray, dataset.train)
  mean = resident.mean_image(dataset.train.images)
  states, indices = [], []
  (name,) = config.phases
  for seed in range(seeds):
    config.seed = seed
    program = METHODS[name].build(validate(config), mean.shape, mean)
    states.append(program.init(randomness.root_key(seed)))
    shape, examples = program.batch_shape, len(dataset.train.images)
    indices.append(
      order.batch_indices(seed, name, 0, config[name].steps, shape, examples)
    )
  positions = jnp.arange(config[name].batch_size)

  def train(states, indices, source):
    def step(state, indices):
      batch = resident.gather(source, indices) | {"position": positions}
      return program.step(state, batch)[0]

    def steps(states, indices):
      return jax.vmap(step)(states, indices), None

    return jax.lax.scan(steps, states, indices)[0]

  trained = jax.jit(train)(
    jax.tree.map(lambda *leaves: jnp.stack(leaves), *states),
    np.stack(indices, axis=1),
    source,
  )
  sample = make_sampler(program, make_mesh(1))
  points = [
    sample(jax.tree.map(lambda leaf, i=i: leaf[i], trained), SAMPLES)
    for i in range(seeds)
  ]
  return dataset, np.stack(points).reshape(seeds, SAMPLES, 2)


def measured(dataset: Dataset, points: np.ndarray) -> dict[str, np.ndarray]:
  """Returns each figure of `mixture_figures` for each seed, [seeds].

  Args:
    dataset: of a mixture.
    points: float [seeds, N, 2], in model range.
  """
  mixture: Any = dataset.mixture
  by_seed = [
    mixture_figures(points_n2, mixture.means_k2, mixture.sigma) for points_n2 in points
  ]
  return {
    # a seed without points near a mode has no spread
    name: np.array(
      [figures[name].value if name in figures else np.nan for figures in by_seed]
    )
    for name in by_seed[0]
  }


def main() -> None:
  """Trains and prints the figures of ten seeds of each config."""
  for config in (ring.get_config(), grid.get_config()):
    start = perf_counter()
    dataset, points = trained_on_a_mixture(config, SEEDS)
    seconds = perf_counter() - start
    figures = measured(dataset, points)
    covered = (figures["modes_covered"] == dataset.num_classes).sum()
    lines = [
      f"{dataset.name}: {covered} of {SEEDS} seeds cover all modes, {seconds:.0f} s"
    ]
    lines += [
      f"  {name:<20}{values.mean():.4f} +- {values.std(ddof=1):.4f}"
      f" ({values.min():.4f} to {values.max():.4f})"
      for name, values in figures.items()
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
  main()
