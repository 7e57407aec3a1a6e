"""Our side of a row: `python -m sgae.benchmark.ours ROW PRECISION`."""

import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from configs import seed
from sgae import phases
from sgae.benchmark import worker
from sgae.benchmark.rows import ACTIVE, EXAMPLES, Row, row_named
from sgae.benchmark.worker import Work
from sgae.data import order, resident
from sgae.data.dataset import Split
from sgae.devices.compiled_steps import CompiledSteps
from sgae.devices.mesh import compute_replicated, make_mesh, replicate
from sgae.evaluation.sample import make_sampler
from sgae.kernels import sparse
from sgae.methods.states import Batch

# For what is counted alone: its operations are the same, and made in half of the time.
UNOPTIMISED = {
  "xla_backend_optimization_level": 0,
  "xla_llvm_disable_expensive_passes": True,
}
PART = 32  # images of a convolutional batch that a CPU takes at once


def dtype_of(precision: str) -> str:
  """Returns the dtype in which networks are computed, as the config names it."""
  return "bfloat16" if precision == "bfloat16" else "float32"


def config_of(row: Row, precision: str) -> Any:
  """Returns the config whose phase does a row's work, in one of `rows.PRECISIONS`."""
  config = seed.get_config()
  config.precision.compute = dtype_of(precision)
  config.code.penalty, config.sae.sparsity_weight = "none", 0.0
  if row.network == "sae":
    config.phases = ("sae",)
    config.code.update(num_latents=row.latents, sparsity_map="topk", k=ACTIVE)
    config.sae.update(
      encoder_hidden=(),
      decoder_hidden=(),
      output="linear",
      tied_start=True,
      unit_norm_atoms=True,
      batch_size=row.batch,
    )
    return config
  config.phases = ("gan",)
  config.gan.update(batch_size=row.batch, discriminator_updates=1, generator_updates=1)
  if row.network == "dcgan":
    config.gan.update(
      generator_architecture="dcgan",
      generator_hidden=(128, 64),
      discriminator_architecture="dcgan",
      discriminator_hidden=(64, 128),
      kernel_size=4,
    )
    # larger parts fall out of a CPU's cache; a GPU is to have all at once
    if jax.default_backend() == "cpu" and row.line != "sampling":
      config.train.microbatches = -(-row.batch // PART)
    config.gan.discriminator_optimizer.update(
      name="adam", learning_rate=2e-4, beta1=0.5
    )
  if row.penalised:
    config.gan.loss = "relativistic"
    config.gan.penalties.update(r1=1.0, r2=1.0)
    config.gan.discriminator_optimizer.update(
      name="adam", learning_rate=2e-4, beta1=0.0
    )
    config.gan.generator_optimizer.beta1 = 0.0
  return config


def training(row: Row, precision: str) -> tuple[Work, float]:
  """Returns what trains a row for one call, as `training_of`, and one image's FLOP."""
  config = config_of(row, precision)
  steps = row.steps_on(jax.default_backend())
  if row.network == "sae":
    return training_of(config, "sae", steps), flops_of_autoencoder(row.latents)
  return training_of(config, "gan", steps), flops_of_step(config, "gan") / row.batch


def training_of(
  config: Any,
  name: str,
  steps: int,
  shape: tuple[int, int, int] = (28, 28, 1),
  devices: int = 1,
) -> Work:
  """Returns what trains a phase on random images and returns how many it has seen.

  Args:
    config: validated or like it.
    name: of the phase.
    steps: of one call, after which it waits for their end.
    shape: (H, W, C) of the images.
    devices: how many take part.
  """
  noise = np.random.default_rng(0)
  images = noise.integers(0, 256, (EXAMPLES, *shape), dtype=np.uint8)
  phase = phases.PHASES[name](config, resident.mean_image(images))
  mesh = make_mesh(devices)
  run = CompiledSteps(phase.step, resident.gather, mesh, "jit", phase.batch_shape)
  source = replicate(Split(images, np.zeros(EXAMPLES, np.int32)), mesh)

  def place_next():
    nonlocal done
    done += steps
    return run.place(
      order.batch_indices(
        config.seed, name, done - steps, steps, phase.batch_shape, EXAMPLES
      )
    )

  state, done = compute_replicated(phase.init, mesh, {}), 0
  examples = place_next()

  def work():
    nonlocal state, examples
    state, metrics = run(state, source, examples)
    examples = place_next()  # while the device computes, as sgae/training/loop.py does
    jax.block_until_ready(metrics)
    return steps * phase.batch_shape[-1]

  return work


def flops_of_autoencoder(latents: int) -> float:
  """Returns the FLOP of the matrix products in which an image takes part in a step.

  Two of the encoder (forward, rows) and three of the decoder (forward, code, atoms).
  All but the first leave out latents that are not in use where that is worth it; XLA
  would count both ways.
  """
  on_cpu = jax.default_backend() == "cpu"
  gathers = on_cpu and sparse.is_worth_it(latents, ACTIVE)
  read = ACTIVE if gathers else latents
  return 2.0 * 784 * (latents + 4 * read)


def flops_of_step(config: Any, name: str) -> float:
  """Returns the FLOP of a phase's step as XLA counts them in its program alone.

  In a loop it would count the body once, whatever its number of turns.
  """
  config.train.microbatches = 1
  phase = phases.PHASES[name](config, np.zeros((28, 28, 1), np.float32))
  shape = (*phase.batch_shape, 28, 28, 1)
  batch = Batch(
    jnp.zeros(shape),
    jnp.zeros(phase.batch_shape, jnp.int32),
    jnp.zeros(phase.batch_shape[-1:], jnp.int32),
  )
  state = jax.eval_shape(phase.init, {})
  step = jax.jit(phase.step).lower(state, batch)
  costs: Any = step.compile(UNOPTIMISED).cost_analysis()
  return costs["flops"]


def sampled(row: Row, precision: str) -> Work:
  """Returns what samples a row's images once, as bytes in a NumPy array."""
  config = config_of(row, precision)
  mesh = make_mesh(1)
  mean = np.zeros((28, 28, 1), np.float32)
  draw = make_sampler(config, mean, mesh)
  state = compute_replicated(phases.make_gan_phase(config, mean).init, mesh, {})
  return lambda: len(draw(state, row.batch))


def product(precision: str) -> Work:
  """Returns what multiplies two square matrices; its amount is in FLOP."""
  side = 2048 if jax.default_backend() == "cpu" else 8192
  # not constants: a GPU multiplies these at a higher clock
  noise = np.random.default_rng(0).standard_normal((side, side), np.float32)
  matrix = jnp.asarray(noise, dtype_of(precision))
  multiply = jax.jit(jnp.matmul)

  def work():
    multiply(matrix, matrix).block_until_ready()
    return 2.0 * side**3

  return work


def main(name: str, precision: str) -> None:
  """Serves one row."""
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
  """Returns the memory [bytes] that the device gave at most; on a CPU the process's."""
  of_device = jax.devices()[0].memory_stats()
  return of_device["peak_bytes_in_use"] if of_device else worker.peak_bytes()


if __name__ == "__main__":
  main(*sys.argv[1:])
