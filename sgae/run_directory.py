"""What a run directory says about itself: `config.json`, checked at every start."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
from ml_collections import ConfigDict

from sgae.config import changed_fields, flatten, validate
from sgae.errors import UserError
from sgae.reporting.files import explained, write_json

FILE_NAME = "config.json"
PACKAGES = ("sgae", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


def holds_run(workdir: Path, config: Any) -> bool:
  """Says whether a directory holds this experiment already or is free for it.

  Args:
    workdir: the run directory.
    config: the resolved config.

  Returns:
    True if the directory holds this experiment, False if it is missing or empty.

  Raises:
    UserError: it holds another experiment, or files of something else.
  """
  if (workdir / FILE_NAME).exists():
    stored = read(workdir)["config"]
    changed = changed_fields(flatten(stored), flatten(config.to_dict()))
    if changed:
      raise UserError(
        f"{workdir} holds another experiment ({'; '.join(changed[:3])}): choose "
        "another --workdir, or set these fields back"
      )
    return True
  with explained(workdir):
    exists = workdir.exists()
    others = sorted(path.name for path in workdir.iterdir()) if exists else []
  if others:
    raise UserError(
      f"{workdir} holds no run but other files ({', '.join(others[:3])}): choose "
      "another --workdir, or empty it"
    )
  return False


def write(workdir: Path, config: Any, image_shape: tuple[int, int, int]) -> None:
  """Writes the resolved config with what is needed to sample and to reproduce.

  Args:
    workdir: the run directory.
    config: the resolved config.
    image_shape: (H, W, C) of the data.
  """
  device = jax.devices()[0]
  environment = {name: version(name) for name in PACKAGES}
  environment |= {
    "device": f"{len(jax.devices())} x {device.device_kind} ({device.platform})"
  }
  record = {
    "config": config.to_dict(),
    "environment": environment,
    "image_shape": list(image_shape),
  }
  write_json(workdir / FILE_NAME, record)


def read(workdir: Path) -> dict[str, Any]:
  """Returns what `write` wrote.

  Raises:
    UserError: there is no run in the directory, or its file is damaged.
  """
  path = workdir / FILE_NAME
  if not path.exists():
    raise UserError(
      f"{workdir} holds no run ({FILE_NAME} is missing): train first, or name the run "
      "directory by --workdir"
    )
  try:
    with explained(path):
      record = json.loads(path.read_text())
    if not {"config", "image_shape"} <= set(record):
      raise ValueError("fields are missing")
  except ValueError as error:
    raise UserError(
      f"{path} is damaged ({error}): restore it, or choose another --workdir"
    ) from error
  return record


def stored_config(workdir: Path) -> Any:
  """Returns the validated config of the run in a directory."""
  return validate(ConfigDict(_with_tuples(read(workdir)["config"])))


def _with_tuples(value):
  if isinstance(value, dict):
    return {name: _with_tuples(item) for name, item in value.items()}
  return tuple(value) if isinstance(value, list) else value
