"""Reads the states of a run's phases back: the best, the newest, or that of a step."""

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from sgae import randomness
from sgae.devices.mesh import template_on
from sgae.errors import UserError
from sgae.methods import population
from sgae.runs.checkpoints import (
  Checkpoints,
  best_of,
  checkpoints_of,
  keeps_best,
  none_whole,
)


def read_states(
  config: Any,
  workdir: Path,
  image_shape: tuple[int, ...],
  mesh: Any,
  warn: Callable[[str], None],
) -> dict[str, tuple[int, Any]]:
  """Returns (step, state) of each phase that has saved one, as `read_state` gives it.

  Args:
    config, workdir, image_shape, mesh, warn: as for `read_state`.

  Raises:
    UserError: as `read_state`, or nothing is saved yet.
  """
  states = {}
  for phase in config.phases:
    found = read_state(config, workdir, phase, image_shape, mesh, warn)
    if found is not None:
      states[phase] = found
  if not states:
    raise UserError(f"{workdir} has no checkpoint yet: train first")
  return states


def read_state(
  config: Any,
  workdir: Path,
  phase: str,
  image_shape: tuple[int, ...],
  mesh: Any,
  warn: Callable[[str], None],
  wanted: int | None = None,
) -> tuple[int, Any] | None:
  """Returns the newest state of a phase, or the best one if that is kept.

  Args:
    config: validated.
    workdir: the run directory.
    phase: of the run.
    image_shape: (H, W, C).
    mesh: the devices that the state is placed on.
    warn: shows one line to the user, for each checkpoint that is damaged.
    wanted: the step of the state instead; None: not given.

  Returns:
    (step, state), or None if nothing is saved yet.

  Raises:
    UserError: a checkpoint cannot be read, all are damaged, or the wanted one is
      damaged or not kept.
  """
  places = [checkpoints_of(config, workdir, phase)]
  if keeps_best(config, phase):
    # first; it is empty until the first evaluation with measures
    places.insert(0, best_of(config, workdir, phase))
  program = population.build(phase, config, image_shape)
  template = template_on(
    program.init,
    mesh,
    randomness.root_key(config.seed),
    members=len(program.members),
  )
  if wanted is not None:
    return wanted, _restore_wanted(places, wanted, template, f"{phase} of {workdir}")
  all_damage: list[str] = []
  for checkpoints in places:
    with closing(checkpoints):
      step, damage = checkpoints.newest_whole()
      for line in damage:
        warn(f"Warning: {line}; the one before is used")
      if step is not None:
        return step, checkpoints.restore(step, template)
      all_damage += damage
  if all_damage:
    raise none_whole(all_damage)
  return None


def _restore_wanted(
  places: Sequence[Checkpoints], wanted: int, template: Any, whose: str
) -> Any:
  """Returns the state of a step, from the first of the places that has it."""
  kept = sorted({step for checkpoints in places for step in checkpoints.steps()})
  for checkpoints in places:
    with closing(checkpoints):
      if wanted in checkpoints.steps():
        damage = checkpoints.damage_of(wanted)
        if damage is None:
          return checkpoints.restore(wanted, template)
        raise UserError(f"{damage}: choose another step of {kept}")
  raise UserError(
    f"step {wanted} is not kept for the phase {whose}: choose one of {kept}; "
    "checkpoint.keep says how many are kept"
  )
