"""Small methods that several tests train, built as a run builds them."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp

from configs import base
from sgae import randomness
from sgae.data import order, resident
from sgae.data.dataset import Split
from sgae.methods import METHODS
from sgae.methods.inheritance import inherit
from sgae.methods.method import Program
from sgae.methods.player import Batch

ROOT = Path(__file__).parents[1]
IMAGES = np.random.default_rng(0).integers(0, 256, (256, 4, 4, 1), dtype=np.uint8)
LABELS = np.random.default_rng(1).integers(0, 10, 256, dtype=np.int32)
EXAMPLES = Split(IMAGES, LABELS)
SECOND = Split(255 - IMAGES[:100], LABELS[:100])  # of another size
MEAN = resident.mean_image(IMAGES)


def small_config(**fields: Any) -> Any:
  """Returns a config of tiny networks; `fields` use '__' for dots."""
  config = all_sections()
  config.code.update(num_latents=24, k=4)
  config.sae.update(batch_size=16, auxiliary_k=4, dead_after=3)
  config.gan.update(
    latent_dim=6, batch_size=16, generator_hidden=(12,), discriminator_hidden=(12,)
  )
  config.classifier.update(batch_size=16, channels=(3, 4, 4), num_features=8, shift=1)
  config.sparse_coding.batch_size = 16
  config.vae.update(
    batch_size=16, latent_dim=3, encoder_hidden=(12,), decoder_hidden=(12,)
  )
  config.vae_gan.update(batch_size=16, discriminator_hidden=(12, 8))
  config.recognition.update(
    batch_size=16, latent_dim=6, labels_per_class=2, generator_hidden=(12,)
  )
  config.recognition.discriminator_hidden = (12, 8)
  config.super_resolution.update(
    batch_size=16, channels=4, blocks=1, encoder_hidden=(12,), kernel_size=2
  )
  config.super_resolution.discriminator_hidden = (4,)
  config.translation.update(
    batch_size=16, generator_hidden=(4, 6), blocks=1, discriminator_hidden=(4,)
  )
  config.translation.history = 20
  for name, value in fields.items():
    *path, last = name.split("__")
    section = config
    for part in path:
      section = section[part]
    section[last] = value
  return config


def translation_config(**fields: Any) -> Any:
  """Returns `small_config` of translation alone, whose own fields have short names."""
  small = {
    name if "__" in name else f"translation__{name}": value
    for name, value in fields.items()
  }
  config = small_config(**small)
  config.phases = ("translation",)
  return config


# The same with convolutions, a spatial code, and statistics over the batch. Kernels of
# one cell keep the programs small.
CONVOLUTIONAL = {
  "sae__architecture": "convolutional",
  "sae__encoder_hidden": (5,),
  "sae__decoder_hidden": (5,),
  "sae__tied_start": False,
  "sae__kernel_size": 2,
  "gan__kernel_size": 2,
  "code__num_latents": 6,
  "gan__generator_architecture": "dcgan",
  "gan__discriminator_architecture": "dcgan",
  "gan__generator_normalization": "batch",
  "gan__discriminator_normalization": "spectral",
}

# What sparse coding learns: a linear dictionary, and LISTA for its codes.
DICTIONARY = {
  "sae__architecture": "lista",
  "sae__output": "linear",
  "code__sparsity_map": "relu",
  "sparse_coding__iterations": 20,
  "sparse_coding__replace_after": 3,
}


class System(NamedTuple):
  """A method bound to a config, with its name and the key of the run."""

  name: str
  batch_shape: tuple[int, ...]
  step: Callable[..., Any]
  init: Callable[[dict[str, Any]], Any]
  program: Program


def make_phase(name: str, config: Any, mean: np.ndarray = MEAN) -> System:
  """Returns a method of the tiny config; `init` takes the states of earlier phases."""
  program = METHODS[name].build(config, mean.shape, mean)

  def init(finished):
    key = randomness.root_key(config.seed)
    return program.init_from(key, inherit(name, finished))

  return System(name, program.batch_shape, program.step, init, program)


def all_sections() -> Any:
  """Returns the default config of ('sae', 'gan'), with the section of every method."""
  also = ("classifier", "vae", "sparse_coding", "vae_gan", "recognition")
  also += ("super_resolution", "translation")
  return base.get_config(("sae", "gan"), also=also)


def batches(phase: System, seed: int, steps: int) -> Batch:
  """Returns the batches of the first steps, stacked along a leading axis."""
  indices = order.batch_indices(
    seed, phase.name, 0, steps, phase.batch_shape, len(IMAGES)
  )
  positions = np.tile(np.arange(phase.batch_shape[-1], dtype=np.int32), (steps, 1))
  return resident.gather(EXAMPLES, indices) | {"position": jnp.asarray(positions)}


def two_sided_batches(phase: System, seed: int, steps: int) -> Batch:
  """Returns the batches of the first steps from `EXAMPLES` and `SECOND`, stacked."""
  name, shape = f"{phase.name}/second", phase.batch_shape
  indices = order.batch_indices(seed, name, 0, steps, shape, len(SECOND.images))
  second = resident.gather(SECOND, indices)
  named = {f"second_{name}": array for name, array in second.items()}
  return {**batches(phase, seed, steps), **named}


def blank_batch(phase: System, mean_image: np.ndarray) -> Batch:
  """Returns a batch of zeros that fits a phase and images like `mean_image`."""
  return {
    "image": jnp.zeros((*phase.batch_shape, *mean_image.shape)),
    "label": jnp.zeros(phase.batch_shape, jnp.int32),
    "second_image": jnp.zeros((*phase.batch_shape, *mean_image.shape)),
    "position": jnp.arange(phase.batch_shape[-1]),
  }


def saved(workdir: Path, phase: str) -> tuple[int, list[np.ndarray]]:
  """Returns the step and the arrays of a phase's newest checkpoint."""
  here = jax.sharding.SingleDeviceSharding(jax.devices()[0])
  with ocp.CheckpointManager(workdir / phase / "checkpoints") as manager:
    step = manager.latest_step()
    assert step is not None, f"no checkpoint of {phase} in {workdir}"
    state = manager.restore(step, args=ocp.args.StandardRestore(fallback_sharding=here))
  return step, [np.asarray(leaf) for leaf in jax.tree.leaves(state)]


def run_steps(phase: System, state: Any, stacked: Batch) -> tuple[Any, Any]:
  """Runs the phase's pure step over stacked batches."""
  return jax.lax.scan(phase.step, state, stacked)


def run_python(*arguments: str, platform: str = "cpu") -> subprocess.CompletedProcess:
  """Runs Python with these arguments in the root of the repository, to its end."""
  return subprocess.run(
    [sys.executable, *arguments],
    cwd=ROOT,
    env=os.environ | {"JAX_PLATFORMS": platform},
    capture_output=True,
    text=True,
    timeout=300,
  )


def launch(*arguments: str, platform: str = "cpu") -> subprocess.CompletedProcess:
  """Runs launch.py as a user does, to its end."""
  return run_python("launch.py", *arguments, platform=platform)
