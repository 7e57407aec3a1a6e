"""Our side of the benchmark: `python -m sgae.benchmark.ours BATCH SECONDS`."""

import sys
from time import perf_counter

import jax
import numpy as np

from configs import seed
from sgae import parallel
from sgae.data import order, resident
from sgae.data.dataset import Split
from sgae.phases import make_gan_phase

EXAMPLES = 10_000
STEPS_PER_CALL = 100


def images_per_second(batch_size: int, seconds: float) -> float:
  """Times one D and one G update per batch on the seed article's networks.

  Args:
    batch_size: images per update.
    seconds: how long to time, after one call that compiles and one that warms up.

  Returns:
    Real images per second.
  """
  config = seed.get_config()
  config.gan.update(batch_size=batch_size, discriminator_updates=1, generator_updates=1)
  noise = np.random.default_rng(0)
  images = noise.integers(0, 256, (EXAMPLES, 28, 28, 1), dtype=np.uint8)
  phase = make_gan_phase(config, resident.mean_image(images))
  mesh = parallel.make_mesh(1)
  run = parallel.CompiledSteps(
    phase.step, resident.gather, mesh, "jit", phase.batch_shape
  )
  source = parallel.replicate(Split(images, np.zeros(EXAMPLES, np.int32)), mesh)
  state = parallel.replicate(phase.init({}), mesh)
  indices = order.batch_indices(
    0, "gan", 0, STEPS_PER_CALL, phase.batch_shape, EXAMPLES
  )
  for _ in range(2):
    state, metrics = run(state, source, run.place(indices))
    jax.block_until_ready(metrics)
  calls, start = 0, perf_counter()
  while perf_counter() - start < seconds:
    state, metrics = run(state, source, run.place(indices))
    jax.block_until_ready(metrics)
    calls += 1
  return calls * STEPS_PER_CALL * batch_size / (perf_counter() - start)


if __name__ == "__main__":
  sys.stdout.write(f"{images_per_second(int(sys.argv[1]), float(sys.argv[2]))}\n")
