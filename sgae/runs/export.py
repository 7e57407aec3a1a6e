"""`--mode=export`: the weights and functions of a run as files for other programs.

Each phase that has a checkpoint gives `<phase>.safetensors` and `<phase>.json`, and for
each of its functions a program with the weights in it, `<phase>.<function>.stablehlo`,
which JAX runs without this package.
"""

import re
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import export as jax_export
from safetensors.numpy import save

from sgae.data.mixture import named
from sgae.devices.mesh import fetch_local, local_mesh
from sgae.errors import UserError
from sgae.methods import METHODS
from sgae.methods.method import Program
from sgae.networks.network import Params
from sgae.reporting.console import Console
from sgae.reporting.files import replace_set, write_atomically, write_json
from sgae.runs import directory as run_directory
from sgae.runs.checkpoints import read_state
from sgae.runs.load import stored_config

FOLDER = "export"
PLATFORMS = ("cpu", "cuda", "tpu")
BATCH = "batch"  # name of the axis whose size is free
WRITTEN = re.compile(r".*\.(safetensors|json|stablehlo)")

Shapes = tuple[tuple[int, ...], ...]  # of one example of each input


def export_run(workdir: Path, overrides: dict[str, Any], console: Console) -> None:
  """Writes the trained phases of a run into `<workdir>/export`, for other programs.

  The best state of a phase is taken where it is kept, else the newest. An older export
  is replaced as a whole.

  Args:
    workdir: a run directory.
    overrides: as for `stored_config`.
    console: where the names of the files go.

  Raises:
    UserError: no run, nothing saved yet, or the folder cannot be written.
  """
  config = stored_config(workdir, overrides)
  stored = run_directory.read(workdir)
  shape = tuple(stored["image_shape"])
  mesh, mean_image = local_mesh(), np.zeros(shape, np.float32)
  states = {}
  for name in config.phases:
    found = read_state(config, workdir, name, mean_image, mesh, console.line)
    if found is not None:
      states[name] = found[0], fetch_local(found[1])
  if not states:
    raise UserError(f"{workdir} has no checkpoint yet: train first")

  def write(folder: Path) -> None:
    for name, (step, state) in states.items():
      program = METHODS[name].build(config, shape, mean_image)
      about = {"phase": name, "step": step, **_about(config)}
      _write_phase(folder, name, program, state, about)
      functions = ", ".join(program.inputs) or "no functions"
      console.line(f"{name}: weights of step {step}; {functions}")

  replace_set(workdir / FOLDER, WRITTEN, write)
  console.line(f"Exported: {workdir / FOLDER}")


def flat_weights(params: Mapping[str, Any], prefix: str = "") -> dict[str, np.ndarray]:
  """Returns nested parameters by their paths, such as 'encoder/rows'."""
  flat: dict[str, np.ndarray] = {}
  for name, value in params.items():
    path = f"{prefix}{name}"
    if isinstance(value, Mapping):
      flat |= flat_weights(value, f"{path}/")
    else:
      flat[path] = np.ascontiguousarray(value)
  return flat


def to_stablehlo(function: Callable[..., Any], shapes: Shapes) -> jax_export.Exported:
  """Returns a function as a program of any batch size for `PLATFORMS`.

  Args:
    function: of float32 arrays [B, ...], pure.
    shapes: of one example of each array.
  """
  (batch,) = jax_export.symbolic_shape(BATCH)
  inputs = [jax.ShapeDtypeStruct((batch, *shape), jnp.float32) for shape in shapes]
  return jax_export.export(jax.jit(function), platforms=PLATFORMS)(*inputs)


def _about(config: Any) -> dict[str, Any]:
  """Returns what the JSON of every phase says of the run."""
  points = config.data.source == "mixture"
  return {
    "config": config.to_dict(),
    "versions": {name: version(name) for name in run_directory.PACKAGES},
    # points of the plane are exported as networks see them: times the scale gives the
    # units of their authors
    "image_range": None if points else [-1, 1],
    "points_scale": named(config.data.name).scale if points else None,
  }


def _write_phase(
  folder: Path,
  name: str,
  program: Program,
  state: Any,
  about: dict[str, Any],
) -> None:
  """Writes the files of one phase.

  Args:
    folder: where they go.
    name: of the phase, with which the names of the files begin.
    program: of the phase.
    state: trained, on the host or on one device.
    about: what the JSON says besides weights and functions.
  """
  method = METHODS[name]
  exported: dict[str, Params] = (method.exports or method.gives)(state)
  weights = flat_weights(exported)
  metadata = {"phase": name, "step": str(about["step"])}
  write_atomically(folder / f"{name}.safetensors", save(weights, metadata))
  functions = {}
  for called, shapes in program.inputs.items():
    function = bound(program.functions[called], state)
    stem = f"{name}.{called}"
    compiled = to_stablehlo(function, shapes)
    write_atomically(folder / f"{stem}.stablehlo", bytes(compiled.serialize()))
    functions[called] = {
      "inputs": [_described(aval) for aval in compiled.in_avals],
      "outputs": [_described(aval) for aval in compiled.out_avals],
    }
  arrays = {path: _described(array) for path, array in weights.items()}
  write_json(
    folder / f"{name}.json", about | {"weights": arrays, "functions": functions}
  )


def bound(function: Callable[..., Any], state: Any) -> Callable[..., Any]:
  """Returns a function of arrays alone, with the weights of a state in it."""
  return lambda *arrays: function(state, *arrays)


def _described(array: Any) -> dict[str, Any]:
  """Returns shape and type of an array, as JSON holds them."""
  shape = [size if isinstance(size, int) else str(size) for size in array.shape]
  return {"shape": shape, "dtype": str(array.dtype)}
