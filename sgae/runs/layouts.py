"""Weights in the layouts of other packages: `--mode=export --format=NAME`, and back."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save

from sgae.config_checks import choice
from sgae.devices.mesh import fetch_local, local_mesh
from sgae.errors import UserError
from sgae.methods import METHODS
from sgae.methods.method import Layout
from sgae.methods.population import chosen_member, state_of
from sgae.networks.network import Params
from sgae.reporting.console import Console
from sgae.reporting.files import (
  explained,
  read_json,
  replace_set,
  write_atomically,
  write_json,
)
from sgae.runs import directory as run_directory
from sgae.runs import units as run_units
from sgae.runs.load import stored_config
from sgae.runs.states import read_states

# safetensors.numpy knows no bfloat16
_FLOATS = {
  "F64": np.float64,
  "F32": np.float32,
  "F16": np.float16,
  "BF16": np.dtype(jnp.bfloat16),
}


class Loaded(NamedTuple):
  """An autoencoder of another package, as pure functions with its weights in them.

  Attributes:
    params: nested, as a run's own autoencoder has them.
    encode: `encode(vectors [B, D]) -> codes`, float32 [B, K].
    decode: `decode(codes) -> vectors`, float32 [B, D].
  """

  params: Params
  encode: Callable[[jax.Array], jax.Array]
  decode: Callable[[jax.Array], jax.Array]


def export_layout(
  workdir: Path,
  overrides: dict[str, Any],
  console: Console,
  name: str,
  member: int = -1,
  output: Path | None = None,
) -> None:
  """Writes a trained phase of a run into `<workdir>/<name>`, for another package.

  Args:
    workdir, overrides, console, member, output: as for `export.export_run`.
    name: of the layout.

  Raises:
    UserError: there is no such layout, or it has no place for what the run trained; no
      run, nothing saved yet, no such member, or the folder cannot be written.
  """
  choice("--format", name, {each for m in METHODS.values() for each in m.layouts})
  config = stored_config(workdir, overrides, console.line)
  shape = tuple(run_directory.read(workdir)["image_shape"])
  units = run_units.read(workdir, config.data)
  phases = [phase for phase in config.phases if name in METHODS[phase].layouts]
  if not phases:
    raise UserError(
      f"--format={name} has no place for phases={tuple(config.phases)}: leave it out"
    )
  states = read_states(config, workdir, shape, local_mesh(), console.line)
  phase = phases[-1]
  if phase not in states:
    raise UserError(f"{workdir} has no checkpoint of {phase} yet: train first")
  step, state = states[phase]
  chosen = chosen_member(config, member)
  own = state_of(fetch_local(state), chosen)
  layout = METHODS[phase].layouts[name]
  about, weights = layout.write(config, own, shape, units)

  def write(folder: Path) -> None:
    write_json(folder / layout.about, about)
    write_atomically(folder / layout.weights, save(weights))

  folder = run_directory.results_place(workdir, output, chosen) / name
  names = re.compile("|".join(map(re.escape, (layout.about, layout.weights))))
  replace_set(folder, names, write)
  console.line(f"{phase}: weights of step {step}, as {about['architecture']}")
  console.line(f"Exported: {folder}")


def load_saelens(folder: str | Path) -> Loaded:
  """Returns an autoencoder that SAELens, or `--format=saelens`, has written.

  Args:
    folder: with `cfg.json` and `sae_weights.safetensors`.

  Raises:
    UserError: a file is missing or damaged, or holds what is not read.
  """
  place = Path(os.path.expanduser(folder))
  (layout,) = _named("saelens")
  for file in (layout.about, layout.weights):
    if not (place / file).exists():
      raise UserError(f"{place} has no {file}: name a folder that SAELens has written")
  about = read_json(place / layout.about, "save or fetch it once more")
  with explained(place):
    stored = (place / layout.weights).read_bytes()
  try:
    weights = dict(map(_weight, deserialize(stored)))
  except SafetensorError as error:
    raise UserError(
      f"{place / layout.weights} is damaged ({error}): save or fetch it once more"
    ) from error
  autoencoder, params = layout.read(about, weights)

  def encode(vectors_bd):
    images = vectors_bd[:, None, None, :]
    return autoencoder.encode(params, images, train=False)[0].values

  def decode(codes_bk):
    return autoencoder.decode(params, codes_bk)[:, 0, 0, :]

  return Loaded(params, encode, decode)


def _weight(stored) -> tuple[str, np.ndarray]:
  name, about = stored
  choice(f"{name}.dtype", about["dtype"], _FLOATS)
  array = np.frombuffer(about["data"], _FLOATS[about["dtype"]])
  return name, array.reshape(about["shape"])


def _named(name: str) -> list[Layout]:
  return [each.layouts[name] for each in METHODS.values() if name in each.layouts]
