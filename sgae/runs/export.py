"""`--mode=export`: the weights and functions of a run as files for other programs.

Each phase that has a checkpoint gives `<phase>.safetensors` and `<phase>.json`, and for
each of its functions a program with the weights in it: `<phase>.<function>.stablehlo`
for JAX without this package, and `.onnx` where the extra `onnx` is installed.
"""

import importlib.util
import logging
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import export as jax_export
from safetensors.numpy import save

from sgae.data.mixture import named
from sgae.data.sources import SOURCES_OF_VECTORS
from sgae.devices.mesh import fetch_local, local_mesh
from sgae.methods import METHODS
from sgae.methods.method import Program
from sgae.methods.population import build_one, chosen_member, state_of
from sgae.networks.network import Params
from sgae.reporting.console import Console
from sgae.reporting.files import replace_set, write_atomically, write_json
from sgae.runs import directory as run_directory
from sgae.runs import units as run_units
from sgae.runs.load import stored_config
from sgae.runs.states import read_states

FOLDER = "export"
PLATFORMS = ("cpu", "cuda", "tpu")
BATCH = "batch"  # name of the axis whose size is free
WRITTEN = re.compile(r".*\.(safetensors|json|stablehlo|onnx)")
INSTALL_ONNX = "pip install -e '.[onnx]'"

Shapes = tuple[tuple[int, ...], ...]  # of one example of each input


def export_run(
  workdir: Path,
  overrides: dict[str, Any],
  console: Console,
  member: int = -1,
  output: Path | None = None,
) -> None:
  """Writes the trained phases of a run into `<workdir>/export`, for other programs.

  The best state of a phase is taken where it is kept, else the newest. An older export
  is replaced as a whole.

  Args:
    workdir: a run directory.
    overrides: as for `stored_config`.
    console: where the names of the files go.
    member: of a population; -1: the first one.
    output: the directory that gets the folder; None: the run directory.

  Raises:
    UserError: no run, nothing saved yet, no such member, or the folder cannot be
      written.
  """
  config = stored_config(workdir, overrides, console.line)
  stored = run_directory.read(workdir)
  shape = tuple(stored["image_shape"])
  chosen = chosen_member(config, member)
  states = read_states(config, workdir, shape, local_mesh(), console.line)
  with_onnx = importlib.util.find_spec("jax2onnx") is not None

  def write(folder: Path) -> None:
    for name, (step, state) in states.items():
      program = build_one(name, config, shape)
      about = {"phase": name, "step": step, **_about(config, workdir)}
      if chosen is not None:
        about |= chosen.fields()
      own = state_of(fetch_local(state), chosen)
      for line in _write_phase(folder, name, program, own, about, with_onnx):
        console.line(line)
      functions = ", ".join(program.exportable) or "no functions"
      console.line(f"{name}: weights of step {step}; {functions}")

  folder = run_directory.results_place(workdir, output, chosen) / FOLDER
  replace_set(folder, WRITTEN, write)
  if not with_onnx:
    console.line(f"No ONNX files: {INSTALL_ONNX} and export again to have them")
  console.line(f"Exported: {folder}")


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


def _about(config: Any, workdir: Path) -> dict[str, Any]:
  """Returns what the JSON of every phase says of the run."""
  source = config.data.source
  units = run_units.read(workdir, config.data)
  return {
    "config": config.to_dict(),
    "versions": {name: version(name) for name in run_directory.PACKAGES},
    # vectors are exported as networks see them: points of the plane times their scale
    # are in the units of their authors, vectors of a file are (x - mean) scale, and
    # what is made of them has the units of the second side where there is one
    "image_range": None if source in SOURCES_OF_VECTORS else [-1, 1],
    "points_scale": named(config.data.name).scale if source == "mixture" else None,
    "vectors_mean": None if units is None else units.taken.mean.tolist(),
    "vectors_scale": None if units is None else float(units.taken.scale),
    "given_mean": None if units is None else units.given.mean.tolist(),
    "given_scale": None if units is None else float(units.given.scale),
  }


def _write_phase(
  folder: Path,
  name: str,
  program: Program,
  state: Any,
  about: dict[str, Any],
  with_onnx: bool,
) -> list[str]:
  """Writes the files of one phase; returns a line for each that cannot be written.

  Args:
    folder: where they go.
    name: of the phase, with which the names of the files begin.
    program: of the phase.
    state: trained, on the host or on one device.
    about: what the JSON says besides weights and functions.
    with_onnx: whether there are ONNX files.
  """
  method = METHODS[name]
  exported: dict[str, Params] = (method.exports or method.gives)(state)
  weights = flat_weights(exported)
  metadata = {"phase": name, "step": str(about["step"])}
  write_atomically(folder / f"{name}.safetensors", save(weights, metadata))
  functions, lines = {}, []
  for called, shapes in program.exportable.items():
    function = bound(program.functions[called], state)
    stem = f"{name}.{called}"
    compiled = to_stablehlo(function, shapes)
    write_atomically(folder / f"{stem}.stablehlo", bytes(compiled.serialize()))
    if with_onnx:
      try:
        model = to_onnx(function, shapes, stem)
      except Exception as error:  # the converter does not know every operation
        said = " ".join(str(error).split())[:150]
        lines.append(f"No {stem}.onnx: {type(error).__name__}: {said}")
      else:
        write_atomically(folder / f"{stem}.onnx", model)
    functions[called] = {
      "inputs": [_described(aval) for aval in compiled.in_avals],
      "outputs": [_described(aval) for aval in compiled.out_avals],
    }
  arrays = {path: _described(array) for path, array in weights.items()}
  write_json(
    folder / f"{name}.json", about | {"weights": arrays, "functions": functions}
  )
  return lines


def bound(function: Callable[..., Any], state: Any) -> Callable[..., Any]:
  """Returns a function of arrays alone, with the weights of a state in it."""
  return lambda *arrays: function(state, *arrays)


def _described(array: Any) -> dict[str, Any]:
  """Returns shape and type of an array, as JSON holds them."""
  shape = [size if isinstance(size, int) else str(size) for size in array.shape]
  return {"shape": shape, "dtype": str(array.dtype)}


def to_onnx(function: Callable[..., Any], shapes: Shapes, name: str) -> bytes:
  """Returns a function as an ONNX model of any batch size; needs the extra `onnx`.

  Args:
    function: of float32 arrays [B, ...], pure.
    shapes: of one example of each array.
    name: of the model.
  """
  from jax2onnx import to_onnx as convert

  inputs = [(BATCH, *shape) for shape in shapes]
  # what is not ours to mend: the converter warns of shapes that it does not know
  noise = logging.getLogger("onnx_ir")
  level = noise.level
  noise.setLevel(logging.ERROR)
  try:
    with warnings.catch_warnings(), _branches_of_a_gpu():
      warnings.simplefilter("ignore")
      model = convert(function, inputs, model_name=name)
  finally:
    noise.setLevel(level)
  return model.SerializeToString()


@contextmanager
def _branches_of_a_gpu() -> Iterator[None]:
  """Traces what is written for GPUs: products and selections, which ONNX has too.

  The branches for a CPU hold bits of floats, gathers and scatters in loops.
  """

  def chosen(*operands, default, cuda=None, **others):
    del others
    return (cuda or default)(*operands)

  before = jax.lax.platform_dependent
  jax.lax.platform_dependent = chosen
  try:
    yield
  finally:
    jax.lax.platform_dependent = before
