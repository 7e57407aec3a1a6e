"""Reads a run back: its config, and its trained states bound to pure functions."""

from pathlib import Path
from typing import Any

from sgae.config import is_resumable
from sgae.data.cache import cache_root
from sgae.devices.backend import enable_compilation_cache
from sgae.errors import UserError
from sgae.runs import directory as run_directory


def stored_config(workdir: Path, overrides: dict[str, Any]) -> Any:
  """Returns the validated config of a run, and keeps what will be compiled for it.

  Args:
    workdir: a run directory; its own config is used.
    overrides: fields set by hand, {'data.directory': ...}; only those that a resume may
      change.

  Raises:
    UserError: no run, or another field set.
  """
  fixed = [field for field in overrides if not is_resumable(field)]
  if fixed:
    raise UserError(
      f"--config.{fixed[0]} has no effect here: this mode uses the config that "
      f"{workdir} was trained with"
    )
  config = run_directory.stored_config(workdir, overrides)
  enable_compilation_cache(cache_root(config.data.cache_directory) / "jax")
  return config
