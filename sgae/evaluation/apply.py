"""Applies a function of a trained run to images that belong to no data set."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from sgae.data import resident
from sgae.data.new_images import NewImages, read_images
from sgae.data.sources import of_side
from sgae.devices.batched_apply import batched_apply
from sgae.errors import UserError
from sgae.methods.method import Program
from sgae.methods.population import (
  build_one,
  chosen_member,
  mesh_for,
  of_member,
  state_of,
)
from sgae.reporting.console import Console
from sgae.runs import directory as run_directory
from sgae.runs.load import stored_config
from sgae.runs.states import read_state


class Applied(NamedTuple):
  """What a function gave for new images.

  Attributes:
    phase: whose function it is.
    step: of its state.
    files: N names of the images.
    results: [N, ...].
    of: ' of member 1 (seed 1)' of a population, else ''.
    place: the directory that files go to.
  """

  phase: str
  step: int
  files: list[str]
  results: np.ndarray
  of: str
  place: Path


def apply_to_images(
  workdir: Path,
  overrides: dict[str, Any],
  mode: str,
  function: str,
  images: str,
  console: Console,
  member: int,
  output: Path | None,
  *,
  phase_of: Callable[[Any, tuple[int, ...]], str],
  finish: Callable[[jax.Array], jax.Array],
  check_place: Callable[[Path], object] = lambda place: None,
  check: Callable[[list[str]], object] = lambda files: None,
  second: bool = False,
) -> Applied:
  """Returns what a function gives for new images; needs only the run directory.

  The images have the shape that the function takes, by the program's `exportable`.

  Args:
    workdir, overrides: as for `stored_config`.
    mode: of the command line, for messages.
    function: one of `Program.functions`, of (state, images float32 in [-1, 1]); each
      row of its result depends on the same row of the images.
    images: an image, a folder, an archive or a .npz file, see `data.new_images`.
    console: where lines go.
    member: of a population; -1: the first one.
    output: the directory that files go to; None: the run directory.
    phase_of: `phase_of(config, image_shape)` names the phase, or raises UserError.
    finish: what is done with the function's results, row by row.
    check_place: refuses a directory for results that does not do.
    check: refuses names of images that do not do, before the function is applied.
    second: whether images are read as those of the second side of the run's data.

  Raises:
    UserError: there is no run, no phase with the function, no checkpoint or no such
      member, or the images do not fit.
  """
  if not images:
    raise UserError(
      f"--mode={mode} needs images: give --images=PLACE, an image, a folder, "
      "an archive or a .npz file"
    )
  config = stored_config(workdir, overrides, console.line)
  shape = tuple(run_directory.read(workdir)["image_shape"])
  phase = phase_of(config, shape)
  chosen = chosen_member(config, member)
  place = run_directory.results_place(workdir, output, chosen)
  check_place(place)
  mesh = mesh_for(config, chosen)
  restored = read_state(config, workdir, phase, shape, mesh, console.line)
  if restored is None:
    raise UserError(f"{workdir} has no checkpoint of the {phase} phase: train first")
  step, state = restored
  program = build_one(phase, config, shape)
  found = _read(images, config.data, taken_by(program, function), second, console)
  check(found.names)

  def apply(state, images_bhwc):
    given = resident.to_model_range(images_bhwc)
    return finish(program.functions[function](state, given))

  results = batched_apply(apply, mesh)(state_of(state, chosen), found.images)
  return Applied(phase, step, found.names, results, of_member(chosen), place)


def _read(
  images: str, data: Any, shape: tuple[int, ...], second: bool, console: Console
) -> NewImages:
  """Reads images as those of a side of the data, which `data` of a config describes."""
  targets = second and data.paired and not data.second.source
  return read_images(
    images, of_side(data, second), shape, console.line, targets=targets
  )


def taken_by(program: Program, function: str) -> tuple[int, ...]:
  """Returns the shape (H, W, C) of the images that a function of a program takes."""
  (shape,) = program.exportable[function]
  return shape
