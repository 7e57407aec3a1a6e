"""A run from its config to its evaluation: checks, data, devices, phases in order."""

import shlex
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from sgae.config import replaced_fields
from sgae.data import resident, sources
from sgae.data.cache import cache_root, ensure_root
from sgae.data.checks import check_labels
from sgae.data.dataset import Dataset, noun_of
from sgae.data.fingerprint import fingerprint
from sgae.data.order import ENDLESS
from sgae.data.placement import SECOND_INPUTS, Placement, inputs_of, placed
from sgae.data.reading import describe_data
from sgae.devices import processes
from sgae.devices.backend import (
  debug_checks,
  enable_compilation_cache,
  explain_out_of_memory,
)
from sgae.devices.mesh import device_memory, fetch_local, make_mesh, replicate
from sgae.errors import UserError
from sgae.evaluation import feature_extractor
from sgae.evaluation.evaluate import evaluate_states
from sgae.evaluation.measures.suite import LEAST_EXAMPLES
from sgae.methods import METHODS, population, views
from sgae.reporting.console import Console
from sgae.reporting.journal import Journal
from sgae.reporting.trackers import check_trackers, open_trackers
from sgae.runs import directory as run_directory
from sgae.runs import units
from sgae.runs.checkpoints import (
  Checkpoints,
  best_of,
  checkpoints_of,
  keeps_best,
  none_whole,
)
from sgae.runs.states import read_state
from sgae.training import start_from
from sgae.training.batches import check_batches, check_examples
from sgae.training.loop import Phase, train_phase
from sgae.training.recorder import Sinks
from sgae.training.signals import noted_signals, stopped
from sgae.training.start_from import Start

_COMPARED = 1000  # images at a time: all at once would take their size in memory again


def train(config: Any, workdir: Path, console: Console) -> None:
  """Trains all phases, or resumes them.

  Args:
    config: validated.
    workdir: the run directory, new or of the same experiment.
    console: where progress goes.

  Raises:
    UserError, TrainingDiverged, StoppedBySignal: see sgae/errors.py.
  """
  members = population.members_of(config)
  mesh = make_mesh(config.parallel.devices, members=len(members))
  check_batches(config, mesh.size)
  # early: loading data may take minutes
  if run_directory.check(workdir, config) is None:
    start_from.check(config, workdir)
  check_trackers(config)
  ensure_root(config.data.cache_directory, workdir, console.line)
  enable_compilation_cache(cache_root(config.data.cache_directory) / "jax")
  if not processes.is_leader():
    console = Console(quiet=True)
  with processes.leader_first("data"):
    dataset = sources.load(config.data, console.line)
  data = fingerprint(dataset)
  for side in (dataset, dataset.second):
    if side is not None:
      check_examples(config, len(side.train.images))
      _check_variety(side)
      check_labels(config.data, side)
  _check_choice(config, dataset)
  for name in config.phases:
    _check_inputs(name, config, dataset)
    METHODS[name].check_data(config, dataset)
  with (
    run_directory.claimed(workdir, config, processes.is_leader()) as stored,
    explain_out_of_memory(),
    debug_checks(config.debug),
    processes.loss_awaited(),
  ):
    images = dataset.train.images
    placement = placed(config.data.placement, dataset, device_memory(mesh))
    checkpoints = {
      name: checkpoints_of(config, workdir, name) for name in config.phases
    }
    position = _position(config, workdir, data, placement, checkpoints, stored, console)
    starts = start_from.read(config, workdir, images.shape[1:], mesh, position, console)
    devices = f"{mesh.size} x {mesh.devices.flat[0].device_kind}"
    about = describe_data(dataset, config.data.augment)
    if stored and (warning := run_directory.older_split(stored, dataset)):
      console.line(warning)
    if processes.is_leader():
      run_directory.write(workdir, config, data, about, devices, stored)
      units.write(workdir, dataset)
    many = f"{len(members)} members of " if members else ""
    console.line(
      f"{'Resuming' if stored else 'Training'} {many}{' -> '.join(config.phases)} on "
      f"{_amounts(dataset)}, {devices}; {workdir}"
    )
    console.line(f"Data: {about}")
    _train_phases(
      config, workdir, mesh, dataset, placement, checkpoints, position, starts, console
    )
  _describe_result(config, workdir, console)


def _position(
  config, workdir, data, placement, checkpoints, stored, console
) -> dict[str, int]:
  """Returns the saved step of each phase; checks that all processes see the same."""
  # This is also a barrier: no process writes before all have read the folders.
  processes.require_equal(
    "config, data, or the checkpoints that they see",
    [
      config.to_dict(),
      data,
      placement.resident,
      {name: checkpoints[name].listing() for name in config.phases},
    ],
  )
  position, all_damage = {}, []
  for name in config.phases:
    step, damage = checkpoints[name].newest_whole()
    all_damage += damage
    if step is not None:
      position[name] = step
    elif damage:
      raise none_whole(damage)
  if stored:
    for line in replaced_fields(stored["config"]):
      console.line(line)
    _check_resume(config, workdir, stored, position, data, console)
  elif position and processes.is_leader():
    raise UserError(
      f"{config.checkpoint.directory} holds checkpoints of another run than {workdir}: "
      "copy the config.json of that run there, or choose another "
      "--config.checkpoint.directory"
    )
  if all_damage:
    for line in all_damage:
      console.line(f"Warning: {line}; it is renamed, and the one before is used")
    processes.wait_for_all("damage found")
    if processes.is_leader():
      for name in config.phases:
        checkpoints[name].set_aside()
    processes.wait_for_all("damage set aside")
  return position


def _train_phases(
  config,
  workdir,
  mesh,
  dataset: Dataset,
  placement: Placement,
  checkpoints: dict[str, Checkpoints],
  position: dict[str, int],
  starts: dict[str, Start],
  console,
) -> None:
  cache = cache_root(config.data.cache_directory)
  data = feature_extractor.evaluation_data(config, dataset, cache, console)
  mean_image = resident.mean_image(dataset.train.images)
  programs = population.build_phases(config, mean_image.shape, mean_image)
  source = replicate(dataset.source, mesh) if placement.resident else ()
  finished: dict[str, Any] = {}
  writer = nullcontext()
  if processes.is_leader():
    writer = Journal(
      workdir,
      position,
      console,
      rules=views.warnings(),
      shown=views.shown(),
      trackers=open_trackers(config, workdir, workdir.absolute().name, console.line),
    )
  with writer as journal:
    with noted_signals() as stop:
      for name in config.phases:
        method = METHODS[name]
        best = best_of(config, workdir, name) if keeps_best(config, name) else None
        phase = Phase(
          name,
          programs[name],
          method.evaluate(config, data, mesh),
          config,
          mesh,
          dataset,
          placement,
          source,
          starts.get(name),
          config.evaluation.patience if method.selects_by else 0,
          Sinks(workdir, checkpoints[name], best, journal, console),
        )
        try:
          finished[name] = train_phase(phase, position.get(name), finished, stop)
        finally:
          checkpoints[name].close()
          if best is not None:
            best.close()
      stopping = processes.any_of_us(bool(stop))
    # Everything is saved: from here on a signal ends the run at once.
    if stopping:
      raise stopped(stop, "after the last step", "for the evaluation")
    states = {
      name: (int(fetch_local(state.step)), state) for name, state in finished.items()
    }
    for name in config.phases:
      if keeps_best(config, name):
        found = read_state(config, workdir, name, mean_image.shape, mesh, console.line)
        states[name] = found or states[name]
    evaluate_states(config, workdir, data, mesh, states, console, afresh=False)


def _describe_result(config: Any, workdir: Path, console: Console) -> None:
  """Says where the results are, and what can be done with them."""
  console.line(f"Done: {workdir}, and all of it in {workdir}/report.html")
  modes = ["evaluate"]
  if any(METHODS[name].generates for name in config.phases):
    modes.append("sample --num_samples=1000 --format=npz")
  for mode in modes:
    quoted = shlex.quote(str(workdir))
    console.line(f"Next: python launch.py --workdir={quoted} --mode={mode}")


def _check_variety(dataset: Dataset) -> None:
  """Raises UserError if all training images are alike."""
  images, first = dataset.train.images, dataset.train.images[:1]
  if len(images) == ENDLESS or any(
    (images[start : start + _COMPARED] != first).any()
    for start in range(0, len(images), _COMPARED)
  ):
    return
  hidden = ""
  if dataset.read.background:
    hidden = (
      f" (transparent pixels are {dataset.read.background}: another --config."
      "data.background=... may show what they hide)"
    )
  noun = noun_of(images.shape[1:])
  raise UserError(
    f"all {len(images):,} training {noun} of {dataset.name} are alike, so that nothing "
    f"can be learned from them: give it {noun} that differ{hidden}"
  )


def _check_choice(config: Any, dataset: Dataset) -> None:
  """Raises UserError if the state is chosen by a distance that has too few images."""
  count, least = len(dataset.test.images), LEAST_EXAMPLES["frechet"]
  for field in ("keep_best", "patience"):
    value = config.evaluation[field]
    if value and count < least:
      raise UserError(
        f"evaluation.{field}={value} goes by the Frechet distance, which needs {least} "
        f"test images, but {dataset.name} has {count}: give it more, or set it to "
        f"{type(value)()}"
      )


def _check_inputs(name: str, config: Any, dataset: Dataset) -> None:
  """Raises UserError if a method needs arrays that the data do not have."""
  present = inputs_of(dataset)
  missing = [array for array in METHODS[name].inputs(config) if array not in present]
  if not missing:
    return
  advice = "choose another method"
  if missing[0] in SECOND_INPUTS:
    advice = "give them a second side with --config.data.second.source=..."
  raise UserError(
    f"phases names {name}, which needs {missing[0]!r} of each example, but the data "
    f"have {' and '.join(present)}: {advice}"
  )


def _amounts(dataset: Dataset) -> str:
  """Returns the name and number of training examples of each side."""
  images = dataset.train.images
  count = "endless" if len(images) == ENDLESS else f"{len(images):,}"
  first = f"{dataset.name}: {count} {noun_of(images.shape[1:])}"
  return first if dataset.second is None else f"{first}, {_amounts(dataset.second)}"


def _check_resume(config, workdir, stored, position, data, console) -> None:
  """Raises UserError if the saved steps do not fit the config and the data."""
  image_shape = data["train"][1:]
  if image_shape != stored["image_shape"]:
    raise UserError(
      f"the data's images are {tuple(image_shape)}, but {workdir} was started on "
      f"{tuple(stored['image_shape'])}: give it the same data, or another --workdir"
    )
  run_directory.check_data(workdir, config, stored, data, console.line)
  evaluation = config.evaluation
  features = stored["config"]["evaluation"].get("features", "auto")
  chooses = evaluation.keep_best or evaluation.patience
  if position and chooses and evaluation.features != features:
    raise UserError(
      f"evaluation.features: {features} -> {evaluation.features}, but keep_best and "
      "patience compare the distances before and after, which is possible on the same "
      f"features alone: set it back to {features!r}, or choose another --workdir"
    )
  for name, step in position.items():
    if step > config[name].steps:
      raise UserError(
        f"{name}.steps={config[name].steps} is less than the {step} steps already done "
        f"in {workdir}: choose {step} or more, or another --workdir"
      )
  for earlier, later in zip(config.phases, config.phases[1:], strict=False):
    # Not its saved step: training from an earlier checkpoint, or from the start,
    # reproduces the state that the later phase started from.
    started_from = stored["config"][earlier]["steps"]
    if later in position and started_from != config[earlier].steps:
      raise UserError(
        f"{earlier}.steps={config[earlier].steps}, but {later} started from {earlier} "
        f"step {started_from}: set {earlier}.steps back, or choose another --workdir"
      )
  for name in config.phases:
    stored_steps = stored["config"][name]["steps"]
    falling = any(
      (field.endswith("optimizer") and value.schedule != "constant")
      or (field.endswith("_annealing") and value)
      for field, value in config[name].items()
    )
    if falling and name in position and stored_steps != config[name].steps:
      console.line(
        f"{name}.steps: {stored_steps} -> {config[name].steps}; what falls until then "
        "(learning rate, exponent) now ends there, so the numbers differ from a new "
        "run of this length"
      )
