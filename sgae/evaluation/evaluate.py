"""The full evaluation of a run: figures with their protocol, floor and controls."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sgae.data import sources
from sgae.data.cache import cache_root
from sgae.devices import processes
from sgae.devices.mesh import make_mesh
from sgae.diagnostics.health import events
from sgae.evaluation import baselines, feature_extractor
from sgae.evaluation.measures.estimate import Estimate
from sgae.evaluation.measures.reference import EvaluationData
from sgae.methods import METHODS, views
from sgae.reporting.console import Console
from sgae.reporting.figures import describe
from sgae.reporting.files import read_json, write_json
from sgae.reporting.metrics import read_metrics, spent
from sgae.reporting.report import write_report
from sgae.runs.checkpoints import read_states
from sgae.runs.load import stored_config

FILE_NAME = "evaluation.json"


def evaluate_run(workdir: Path, overrides: dict[str, Any], console: Console) -> None:
  """Evaluates each phase on the test split; prints and stores the figures.

  The floor and the controls of the data set are computed if they are not known yet.

  Args:
    workdir: a run directory; its stored config is used.
    overrides: fields set by the user, {'data.directory': ...}; only fields that a
      resume may change.
    console: where the tables go.

  Raises:
    UserError: there is no run, no checkpoint or no data, or another field is set.
  """
  config = stored_config(workdir, overrides)
  mesh = make_mesh(config.parallel.devices)
  dataset = sources.load(config.data, console.line)
  image_shape = dataset.train.images.shape[1:]
  states = read_states(config, workdir, image_shape, mesh, console.line)
  for name in config.phases:
    if name not in states:
      console.line(f"{name}: no checkpoint yet")
  cache = cache_root(config.data.cache_directory)
  extractor = feature_extractor.obtain(config, dataset, cache, console)
  data = EvaluationData(dataset, extractor)
  evaluate_states(config, workdir, data, mesh, states, console, afresh=True)
  health_events = events(read_metrics(workdir), views.warnings())
  write_report(workdir, health_events, views.shown())
  console.line(f"Report: {workdir}/report.html")


def evaluate_states(
  config: Any,
  workdir: Path,
  data: EvaluationData,
  mesh: Any,
  states: Mapping[str, tuple[int, Any]],
  console: Console,
  *,
  afresh: bool,
) -> None:
  """Evaluates states in full, prints the figures, and stores them in evaluation.json.

  Every process of the mesh calls it; the leader measures, prints and writes.

  Args:
    config: validated.
    workdir: the run directory.
    data: the data set with its feature extractor.
    mesh: the devices of the run.
    states: phase -> (step, state on the mesh).
    console: where the tables go.
    afresh: True: evaluate every state, and train unknown controls if the config asks
      for them. False: evaluate only states that evaluation.json lacks.

  Raises:
    UserError: the files cannot be read or written.
  """
  results: dict[str, Any] = {}
  leader = processes.is_leader()
  known = read_json(workdir / FILE_NAME) if leader else {}
  for name, (step, state) in states.items():
    # the leader decides what is due: the other processes may not see its files
    due = afresh or known.get(name, {}).get("step") != step
    if not processes.any_of_us(leader and due):
      continue
    evaluator = METHODS[name].evaluate(config, data, mesh)
    observed = evaluator.observe(state, True)
    if not leader:
      continue
    entry: dict[str, Any] = _cost(workdir, config.phases, name, step)
    entry["protocol"] = evaluator.protocol()
    entry["figures"] = _plain(evaluator.measure(observed, True))
    entry |= {"floor": {}, "controls": {}}
    if evaluator.samples:
      known_baselines = baselines.obtain(
        config,
        data,
        evaluator.samples,
        cache_root(config.data.cache_directory),
        console,
        controls=afresh and config.evaluation.controls,
      )
      entry["floor"] = _plain(known_baselines.floor)
      entry["controls"] = {
        key: _plain(value) for key, value in known_baselines.controls.items()
      }
    results[name] = {"step": step, **entry}
    for line in describe(name, results[name]):
      console.line(line)
  if results:
    path = workdir / FILE_NAME
    write_json(path, known | results)
    console.line(f"Stored in {path}")


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
