"""The JAX backend of this process, and its settings."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import jax

from sgae.errors import UserError

_target: str | None = None


def target_backend(backend: str) -> None:
  """Sets the backend that steps are built for, which this machine may not have."""
  global _target
  _target = backend


def targets_gpu() -> bool:
  """Returns whether steps will run on GPUs, for which some code differs."""
  return _backend() == "gpu"


def full_float32_products() -> bool:
  """Returns whether float32 products are exact to float32, as they are only on CPUs."""
  return _backend() == "cpu"


def _backend():
  return _target or jax.default_backend()


@contextmanager
def explain_out_of_memory() -> Iterator[None]:
  """Turns a device's out-of-memory error inside the block into a UserError."""
  try:
    yield
  except jax.errors.JaxRuntimeError as error:
    if "RESOURCE_EXHAUSTED" not in str(error):
      raise
    raise UserError(
      f"the device is out of memory ({str(error).splitlines()[0][:150]}): lower a "
      "batch_size or raise train.microbatches, then run the same command again"
    ) from error


@contextmanager
def debug_checks(wanted: bool) -> Iterator[None]:
  """Turns on JAX's checks of `config.debug`, if they are wanted, for a `with` block."""
  with ExitStack() as checks:
    if wanted:
      checks.enter_context(jax.debug_nans(True))
      checks.enter_context(jax.debug_key_reuse(True))
      checks.enter_context(jax.numpy_rank_promotion("raise"))
    yield


def enable_compilation_cache(directory: Path) -> None:
  """Caches compiled programs on disk, so that the second start need not compile.

  Does nothing if the directory cannot be written.
  """
  try:
    directory.mkdir(parents=True, exist_ok=True)
  except OSError:
    return
  if not os.access(directory, os.W_OK):
    return
  jax.config.update("jax_compilation_cache_dir", str(directory))
  jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
