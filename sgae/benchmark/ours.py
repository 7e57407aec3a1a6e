"""Our side of a row: `python -m sgae.benchmark.ours ROW PRECISION`."""

import functools
import itertools
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from configs.benchmark import config_of, row_named
from sgae import randomness
from sgae.benchmark import worker
from sgae.benchmark.rows import ACTIVE, EXAMPLES, Row
from sgae.benchmark.worker import Work
from sgae.data import order, resident
from sgae.data.dataset import Split
from sgae.data.placement import PLACEMENTS
from sgae.devices.mesh import compute_on, make_mesh, replicate
from sgae.kernels import sparse
from sgae.methods import METHODS, population
from sgae.methods.sampling import make_sampler
from sgae.training.calls import compile_steps, indices_of, iterate

# For programs that are only counted, not run: they have the same operations and compile
# in half of the time.
UNOPTIMISED = {
  "xla_backend_optimization_level": 0,
  "xla_llvm_disable_expensive_passes": True,
}


def dtype_of(precision: str) -> str:
  """Returns the dtype of the networks' computations, as named in the config."""
  return "bfloat16" if precision == "bfloat16" else "float32"


def training(row: Row, precision: str) -> tuple[Work, float]:
  """Returns the work of a row, see `training_of`, and the FLOP of one image."""
  config = config_of(row, precision)
  (name,) = config.phases
  work = training_of(config, name, row.steps_on(jax.default_backend()))
  if row.latents:
    return work, flops_of_autoencoder(row.latents)
  return work, flops_of_step(config, name) / row.batch


def training_of(
  config: Any,
  name: str,
  steps: int,
  shape: tuple[int, int, int] = (28, 28, 1),
  devices: int = 1,
) -> Work:
  """Returns work that trains a phase on random images; its amount is in images.

  The images are those of all members, where the config has a population.

  Args:
    config: has the fields of a validated config.
    name: of the phase.
    steps: steps of one call; the work waits for the end of the call.
    shape: (H, W, C) of the images.
    devices: number of devices.
  """
  noise = np.random.default_rng(0)
  images = noise.integers(0, 256, (EXAMPLES, *shape), dtype=np.uint8)
  program = population.build(name, config, shape, resident.mean_image(images))
  mesh = make_mesh(devices, members=len(program.members))
  compiled = compile_steps(program, PLACEMENTS["resident"], mesh, "jit")
  source = replicate(Split(images, np.zeros(EXAMPLES, np.int32)), mesh)
  ordered = functools.partial(order.batch_indices, num_examples=EXAMPLES)

  def examples():
    for call in itertools.count():
      first, rows = call * steps, compiled.rows
      yield indices_of(name, config.seed, program, first, steps, ordered, rows)

  key = randomness.root_key(config.seed)
  state = compute_on(program.init, mesh, key, members=len(program.members))
  calls = iterate(compiled, state, source, examples(), 0, steps, sys.maxsize)
  next(calls)

  def work():
    _, _, metrics = next(calls)
    jax.block_until_ready(metrics)
    return steps * program.batch_shape[-1] * max(len(program.members), 1)

  return work


def flops_of_autoencoder(latents: int) -> float:
  """Returns the FLOP of one image's matrix products in a step of the autoencoder.

  There are two products of the encoder (forward, rows) and three of the decoder
  (forward, code, atoms). All but the first skip inactive latents if that is faster.
  XLA's own count would be wrong: it adds up both branches.
  """
  on_cpu = jax.default_backend() == "cpu"
  gathers = on_cpu and sparse.is_worth_it(latents, ACTIVE)
  read = ACTIVE if gathers else latents
  return 2.0 * 784 * (latents + 4 * read)


def flops_of_step(config: Any, name: str) -> float:
  """Returns the FLOP of a phase's step as counted by XLA, for the step alone.

  In a compiled call XLA would count the body of the loop over steps only once.
  """
  config.train.microbatches = 1
  program = METHODS[name].build(config, (28, 28, 1))
  shape = program.batch_shape
  batch = {
    "image": jnp.zeros((*shape, 28, 28, 1)),
    "label": jnp.zeros(shape, jnp.int32),
    "position": jnp.zeros(shape[-1:], jnp.int32),
  }
  state = jax.eval_shape(program.init, randomness.root_key(0))
  step = jax.jit(program.step).lower(state, batch)
  costs: Any = step.compile(UNOPTIMISED).cost_analysis()
  return costs["flops"]


def sampled(row: Row, precision: str) -> Work:
  """Returns work that samples a row's images once, as bytes in a NumPy array."""
  config = config_of(row, precision)
  (name,) = config.phases
  program, mesh = METHODS[name].build(config, (28, 28, 1)), make_mesh(1)
  sample = make_sampler(program, mesh)
  state = compute_on(program.init, mesh, randomness.root_key(config.seed))
  return lambda: len(sample(state, np.arange(row.batch)))


def product(precision: str) -> Work:
  """Returns work that multiplies two square matrices; its amount is in FLOP."""
  side = 2048 if jax.default_backend() == "cpu" else 8192
  # Random: a GPU multiplies constant matrices at a higher clock.
  noise = np.random.default_rng(0).standard_normal((side, side), np.float32)
  matrix = jnp.asarray(noise, dtype_of(precision))
  multiply = jax.jit(jnp.matmul)

  def work():
    multiply(matrix, matrix).block_until_ready()
    return 2.0 * side**3

  return work


def main(name: str, precision: str) -> None:
  """Serves one row to the parent process."""
  if precision == "float32":
    jax.config.update("jax_default_matmul_precision", "highest")
  row, flops = row_named(name), 0.0
  if row.line == "sampling":
    work = sampled(row, precision)
  else:
    work, flops = training(row, precision)
  worker.serve(
    {"images": lambda: work, "product": lambda: product(precision)},
    peak,
    flops_per_image=flops,
    device=jax.devices()[0].device_kind,
  )


def peak() -> int:
  """Returns the peak memory of the device [bytes]; on a CPU, of the process."""
  device_stats = jax.devices()[0].memory_stats()
  return device_stats["peak_bytes_in_use"] if device_stats else worker.peak_bytes()


if __name__ == "__main__":
  main(*sys.argv[1:])
