"""Our side of time to quality: `python -m sgae.benchmark.quality_ours SIDE`.

All phases of a config, as `launch.py` trains them, but without files, pictures and
measures, and compiled from nothing.
"""

import sys
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from configs.benchmark import QUALITY_SAMPLES, quality_config, side_named
from sgae.benchmark import looks
from sgae.benchmark.looks import Look
from sgae.config import validate
from sgae.data import resident, sources
from sgae.data.dataset import Dataset
from sgae.devices.mesh import fetch_local, local_mesh
from sgae.methods import METHODS
from sgae.methods.inheritance import inherit
from sgae.methods.sampling import make_sampler
from sgae.training.calls import calls_in_memory
from sgae.training.clock import Clock


def train(config: Any, dataset: Dataset, rounds: int, samples: int) -> Iterator[Look]:
  """Yields looks at the last phase: before its first round, then every `rounds`.

  Args:
    config: validated, of a single run; `log_every` of its last phase divides `rounds`.
    dataset: the data.
    rounds: between two looks.
    samples: of each look.
  """
  clock = Clock(0.0)
  images = dataset.train.images
  mean_image = resident.mean_image(images)
  finished: dict[str, Any] = {}
  preparing = compiling = 0.0

  def spent():
    return clock.total() - clock.interrupted

  for name in config.phases:
    branches = fetch_local(inherit(name, finished))
    branches |= METHODS[name].prepare(config, dataset, branches)[0]
    generates, times = METHODS[name].generates, [spent()]
    preparing = times[0] if generates and finished else 0.0
    program = METHODS[name].build(config, images.shape[1:], mean_image)
    sample = make_sampler(program, local_mesh()) if generates else None
    for step, state, _ in calls_in_memory(name, config, program, dataset, branches):
      if len(times) < 4:
        jax.block_until_ready(state)
        times.append(spent())
      if sample and (step % rounds == 0 or step == config[name].steps):
        jax.block_until_ready(state)
        with clock.interruption():
          seconds, known = spent(), compiling + looks.compiling(times)
          yield Look(step, seconds, preparing, known, sample(state, np.arange(samples)))
      finished[name] = state
    compiling += looks.compiling(times)


def main(name: str) -> None:
  """Serves one side to the parent process."""
  side = side_named(name)
  config = validate(quality_config(side.config))
  dataset = sources.load(config.data, lambda line: None)
  looks.serve(train(config, dataset, side.rounds, QUALITY_SAMPLES))


if __name__ == "__main__":
  main(*sys.argv[1:])
