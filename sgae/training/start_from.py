"""`config.start_from`: a new run begins with the weights of a trained one."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

import jax

from sgae import randomness
from sgae.errors import UserError
from sgae.methods import METHODS, population
from sgae.methods.warm_start import Weights, misfit, weights_of
from sgae.reporting.console import Console
from sgae.runs import directory as run_directory
from sgae.runs.states import read_state


class Start(NamedTuple):
  """What a phase begins with: weights on the mesh, and the run and step they are of."""

  source: Path
  step: int
  weights: Weights


def check(config: Any, workdir: Path) -> Any:
  """Returns the config of the run that `config.start_from` names; None if it is ''.

  Args:
    config: validated.
    workdir: of the new run.

  Raises:
    UserError: there is no run, or none that a phase of the new one can start from.
  """
  if not config.start_from:
    return None
  source = _source(config)
  if source.resolve() == workdir.resolve():
    raise UserError(
      f"start_from={config.start_from!r} is the run directory itself: choose another "
      "--workdir for the new run"
    )
  stored = run_directory.stored_config(source, {})
  if population.members_of(stored):
    raise UserError(
      f"start_from={config.start_from!r} is a population: choose a single run"
    )
  if not set(stored.phases) & set(config.phases):
    raise UserError(
      f"start_from={config.start_from!r} has trained {tuple(stored.phases)}, of which "
      f"phases={tuple(config.phases)} names none: choose another run"
    )
  return stored


def _source(config: Any) -> Path:
  return Path(os.path.expanduser(config.start_from))


def read(
  config: Any,
  workdir: Path,
  image_shape: tuple[int, ...],
  mesh: Any,
  begun: Collection[str],
  console: Console,
) -> dict[str, Start]:
  """Returns the weights that phases begin with, of those that `start_from` has trained.

  The best state of a phase is taken where it is kept, else the newest.

  Args:
    config: validated.
    workdir: of the new run.
    image_shape: (H, W, C) of its data.
    mesh: its devices.
    begun: phases that have a checkpoint of their own, and start from nothing else.
    console: where lines go.

  Raises:
    UserError: as for `check`; nothing is saved there, or networks differ.
  """
  waiting = [name for name in config.phases if name not in begun]
  stored = check(config, workdir) if waiting else None
  if stored is None:
    return {}
  source = _source(config)
  their_shape = tuple(run_directory.read(source)["image_shape"])
  starts = {}
  for name in waiting:
    if name not in stored.phases:
      continue
    found = read_state(stored, source, name, their_shape, mesh, console.line)
    if found is None:
      continue
    weights = weights_of(name, found[1])
    if not weights:
      raise UserError(
        f"start_from: {name} has no weights that a new run could begin with"
      )
    program = METHODS[name].build(config, image_shape)
    fresh = jax.eval_shape(program.init, randomness.root_key(config.seed))
    if difference := misfit(weights_of(name, fresh), weights):
      images = f"; images {their_shape} there, {image_shape} here"
      raise UserError(
        f"start_from={config.start_from!r} does not fit: {name} {difference}"
        f"{'' if their_shape == tuple(image_shape) else images}: give both runs the "
        "same networks, and images of the same size"
      )
    starts[name] = Start(source, found[0], weights)
  if not starts and not begun:
    raise UserError(
      f"start_from={config.start_from!r} has no checkpoint of "
      f"{' or '.join(waiting)}: train it first"
    )
  return starts
