"""The full evaluation of a run: figures with their protocol, floor and controls."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sgae.data.cache import cache_root, ensure_root
from sgae.data.sources import SOURCES_OF_VECTORS
from sgae.devices import processes
from sgae.devices.mesh import fetch_local, make_mesh, take_member
from sgae.diagnostics.health import events
from sgae.errors import UserError
from sgae.evaluation import baselines, conditional, explore, feature_extractor
from sgae.evaluation.measures.estimate import Estimate
from sgae.evaluation.measures.reference import EvaluationData
from sgae.evaluation.run_data import load_data
from sgae.methods import METHODS, population, views
from sgae.methods.method import Evaluator
from sgae.reporting.console import Console
from sgae.reporting.figures import describe
from sgae.reporting.files import read_json, require_writable, write_json
from sgae.reporting.metrics import read_metrics, spent
from sgae.reporting.report import write_report
from sgae.runs.curves import statistic
from sgae.runs.load import stored_config
from sgae.runs.states import read_states

FILE_NAME = "evaluation.json"


def evaluate_run(
  workdir: Path,
  overrides: dict[str, Any],
  console: Console,
  target: float = 0.0,
  output: Path | None = None,
) -> None:
  """Evaluates each phase on the test split; prints and stores the figures.

  The floor and the controls of the data set are computed if they are not known yet.

  Args:
    workdir: a run directory; its stored config is used.
    overrides: fields set by the user, {'data.directory': ...}; see
      `load.stored_config`.
    console: where the tables go.
    target: distance at which a member of a population counts as a success; 0: the
      share of successes is left out.
    output: the directory that figures and report go to; None: the run directory.

  Raises:
    UserError: there is no run, no checkpoint or no data, or another field is set; or
      `target` is given and there are no members, or no distance to compare.
  """
  config = stored_config(workdir, overrides, console.line)
  if target:
    check_target(config, workdir, target)
  place = output or workdir
  require_writable(place)  # early: measuring may take minutes
  ensure_root(config.data.cache_directory, place, console.line)
  members = population.members_of(config)
  mesh = make_mesh(config.parallel.devices, members=len(members))
  dataset = load_data(workdir, config, console)
  image_shape = dataset.train.images.shape[1:]
  states = read_states(config, workdir, image_shape, mesh, console.line)
  for name in config.phases:
    if name not in states:
      console.line(f"{name}: no checkpoint yet")
  cache = cache_root(config.data.cache_directory)
  data = feature_extractor.evaluation_data(config, dataset, cache, console)
  evaluate_states(
    config,
    workdir,
    data,
    mesh,
    states,
    console,
    afresh=True,
    target=target,
    output=output,
  )
  health_events = events(read_metrics(workdir), views.warnings())
  report = write_report(workdir, health_events, views.shown(), output)
  console.line(f"Report: {report}")


def evaluate_states(
  config: Any,
  workdir: Path,
  data: EvaluationData,
  mesh: Any,
  states: Mapping[str, tuple[int, Any]],
  console: Console,
  *,
  afresh: bool,
  target: float = 0.0,
  output: Path | None = None,
) -> None:
  """Evaluates states in full, prints the figures, and stores them in evaluation.json.

  Then the run has an explorer of these states as well.

  Every process of the mesh calls it; the leader measures, prints and writes.

  Args:
    config: validated.
    workdir: the run directory.
    data: the data set with its feature extractor.
    mesh: the devices of the run.
    states: phase -> (step, state on the mesh).
    console: where the tables go.
    afresh: True: evaluate every state, and train unknown controls if the config asks
      for them. False: evaluate only states that evaluation.json lacks, or has by
      another protocol.
    target, output: as for `evaluate_run`.

  Raises:
    UserError: the files cannot be read or written.
  """
  results: dict[str, Any] = {}
  evaluated = False
  leader = processes.is_leader()
  known = read_json(workdir / FILE_NAME) if leader else {}
  for name, (step, state) in states.items():
    evaluator = METHODS[name].evaluate(config, data, mesh)
    now = {"step": step, "protocol": evaluator.protocol()}
    there = {key: known.get(name, {}).get(key) for key in now}
    # the leader decides what is due: the other processes may not see its files
    if not processes.any_of_us(leader and (afresh or there != now)):
      continue
    evaluated = True
    scored = afresh and config.evaluation.controls
    figures_of = _make_figures(evaluator, config, data, scored, console)
    measured = _measured(evaluator, config, state, mesh, figures_of if leader else None)
    if not leader:
      continue
    entry = {**now, "floor": {}, "controls": {}} | measured
    entry |= _cost(workdir, config.phases, name, step)
    note_success(name, entry, target, data.dataset.num_classes)
    if evaluator.samples:
      entry |= _baselines(evaluator, config, data, afresh, console)
    results[name] = entry
    for line in describe(name, entry):
      console.line(line)
  if evaluated:
    newest = {name: state for name, (_, state) in states.items()}
    explore.write(config, workdir, data.dataset, mesh, newest, console, output)
  if results:
    path = (output or workdir) / FILE_NAME
    write_json(path, known | results)
    console.line(f"Stored in {path}")


def _make_figures(
  evaluator: Evaluator,
  config: Any,
  data: EvaluationData,
  scored: bool,
  console: Console,
) -> Callable[[Any], dict[str, Any]]:
  """Returns `figures_of(observed)`, with the score of chosen classes if `scored`."""

  def figures_of(observed):
    figures = evaluator.measure(observed, True)
    if scored and evaluator.labelled is not None:
      samples = evaluator.labelled(observed)
      figures |= conditional.classification_accuracy(
        config, data.dataset, samples, "samples", console
      )
    return _plain(figures)

  return figures_of


def _baselines(
  evaluator: Evaluator,
  config: Any,
  data: EvaluationData,
  afresh: bool,
  console: Console,
) -> dict[str, Any]:
  """Returns `floor` and `controls` of evaluation.json."""
  cache, count = cache_root(config.data.cache_directory), evaluator.samples
  train = afresh and config.evaluation.controls
  known = baselines.obtain(config, data, count, cache, console, controls=train)
  floor = _plain(known.floor)
  if evaluator.labelled is not None:
    floor |= _plain(
      conditional.class_floor(config, data, count, cache, console, score=train)
    )
  controls = {key: _plain(value) for key, value in known.controls.items()}
  return {"floor": floor, "controls": controls}


def _measured(
  evaluator: Evaluator,
  config: Any,
  state: Any,
  mesh: Any,
  figures_of: Callable[[Any], dict[str, Any]] | None,
) -> dict[str, Any]:
  """Returns `figures`, `controls`, and of a population `members` with those of each.

  Controls are those of the evaluator, of a population by its first member. The figures
  of a population are those of `figures_of_members`; members that diverged are left out,
  and keep their place in `members` with the step at which they did.
  """
  members = population.members_of(config)
  if not members:
    observed = evaluator.observe(state, True)
    if not figures_of:
      return {}
    return {"figures": figures_of(observed), "controls": _controls(evaluator, observed)}
  failed_m = np.asarray(fetch_local(state.failed_at))
  entries: list[dict[str, Any]] = []
  controls: dict[str, Any] | None = None
  for member in members:
    entry: dict[str, Any] = member.fields()
    if failed_m[member.number]:
      entry["diverged_at"] = int(failed_m[member.number])
    else:
      own = take_member(state.members, member.number, mesh)
      observed = evaluator.observe(own, True)
      if figures_of:
        entry["figures"] = figures_of(observed)
        controls = _controls(evaluator, observed) if controls is None else controls
    entries.append(entry)
  _compare_seeds(evaluator, members, state, failed_m, mesh, entries)
  whole = [entry["figures"] for entry in entries if "figures" in entry]
  return {
    "figures": figures_of_members(whole),
    "controls": controls or {},
    "members": entries,
  }


def figures_of_members(
  members: Sequence[Mapping[str, Mapping[str, Any]]],
) -> dict[str, dict[str, Any]]:
  """Returns means over members, with the standard deviation in place of an error.

  Args:
    members: figures of each, {name: {"value": v, "error": e}}.

  Returns:
    {name: {"value": mean, "error": deviation or None of one, "members": how many have
    the figure}}, of each figure that any of them has.
  """
  figures = {}
  for name in dict.fromkeys(name for own in members for name in own):
    over = statistic([own[name]["value"] for own in members if name in own])
    figures[name] = {
      "value": over["mean"],
      "error": over["spread"],
      "members": over["n"],
    }
  return figures


def _compare_seeds(evaluator, members, state, failed_m, mesh, entries) -> None:
  """Adds to the figures of members how they agree with other seeds of their setting."""
  if evaluator.between is None:
    return
  by_setting: dict[str, list[population.Member]] = {}
  for member in members:
    if not failed_m[member.number]:
      by_setting.setdefault(str(member.settings), []).append(member)
  for same in by_setting.values():
    if len(same) < 2:
      continue
    states = [
      fetch_local(take_member(state.members, member.number, mesh)) for member in same
    ]
    if "figures" not in entries[same[0].number]:  # the leader alone has them
      continue
    for member, figures in zip(same, evaluator.between(states), strict=True):
      entries[member.number]["figures"] |= _plain(figures)


def _controls(evaluator: Evaluator, observed: Any) -> dict[str, Any]:
  if evaluator.controls is None:
    return {}
  return {name: _plain(own) for name, own in evaluator.controls(observed).items()}


def check_target(config: Any, workdir: Path | str, target: float) -> None:
  """Refuses a distance to reach that is none, or by which nothing would be counted."""
  if not 0 <= target < float("inf"):
    raise UserError(
      f"--target={target:g} is not allowed: choose a distance above 0, or 0 for no "
      "share of successes"
    )
  if not population.members_of(config):
    missing = "members"
  elif not any(METHODS[name].selects_by for name in config.phases):
    missing = "phase that measures one"
  elif config.data.source in SOURCES_OF_VECTORS:
    missing = f"such distance: data.source={config.data.source!r}"
  else:
    return
  raise UserError(
    f"--target={target:g} counts the members of a population that reach a distance, "
    f"and {workdir} has no {missing}: leave it out"
  )


def note_success(
  name: str, entry: dict[str, Any], target: float, num_classes: int
) -> None:
  """Notes in the entry of a population which members neither diverged nor collapsed.

  A success has a distance of at most `target`, and covers all classes or modes where
  they are counted.

  Args:
    name: of the method.
    entry: of evaluation.json; gets `target` and `success`, the share, and so do its
      members.
    target: in units of the metric that selects states; 0: nothing is noted.
    num_classes: of the data.
  """
  measure = (METHODS[name].selects_by or "").partition("/")[2]
  if not target or not measure or "members" not in entry:
    return
  members = entry["members"]
  for member in members:
    values = {name: own["value"] for name, own in member.get("figures", {}).items()}
    near = measure in values and values[measure] <= target
    covered = [values[name] for name in values if name.endswith("_covered")]
    member["success"] = near and all(number == num_classes for number in covered)
  entry["target"] = target
  entry["success"] = sum(member["success"] for member in members) / len(members)


def _cost(workdir, phases, name, step) -> dict[str, Any]:
  """Returns the images seen and seconds up to a step, earlier phases included."""
  until = [
    record
    for record in read_metrics(workdir)
    if record["phase"] != name or record["step"] <= step
  ]
  return spent(until, phases[: phases.index(name) + 1])


def _plain(figures: Mapping[str, Estimate]) -> dict[str, Any]:
  return {name: figure._asdict() for name, figure in figures.items()}
