"""The full evaluation of a run: each figure with its protocol, floor and controls."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sgae.data.cache import cache_root
from sgae.devices import processes
from sgae.evaluation import baselines
from sgae.evaluation.measures.estimate import Estimate
from sgae.evaluation.reference import Judge
from sgae.observation import OBSERVERS, sample_count
from sgae.reporting.console import Console
from sgae.reporting.figures import describe
from sgae.reporting.files import read_json, write_json
from sgae.reporting.metrics import read_metrics, spent

FILE_NAME = "evaluation.json"


def assess(
  config: Any,
  workdir: Path,
  judge: Judge,
  mesh: Any,
  states: Mapping[str, tuple[int, Any]],
  console: Console,
  *,
  afresh: bool,
) -> None:
  """Measures states in full, prints the figures, and stores them in evaluation.json.

  Every process of the mesh enters; one measures, prints and writes.

  Args:
    config: validated.
    workdir: the run directory.
    judge: of the data set.
    mesh: the devices of the run.
    states: phase -> (step, state on the mesh).
    console: where the tables go.
    afresh: whether all is measured, and controls that are not known yet are trained
      if the config wants them; else only what evaluation.json does not hold.

  Raises:
    UserError: the files cannot be read or written.
  """
  results: dict[str, Any] = {}
  leader = processes.is_leader()
  known = read_json(workdir / FILE_NAME) if leader else {}
  for name, (step, state) in states.items():
    # the leader says what is due: others may not see its files
    due = afresh or known.get(name, {}).get("step") != step
    if not processes.any_of_us(leader and due):
      continue
    observer = OBSERVERS[name](config, judge, mesh)
    seen = observer.observe(state, True)
    if not leader:
      continue
    entry: dict[str, Any] = _cost(workdir, config.phases, name, step)
    entry["protocol"] = _protocol(config, judge, name)
    entry["figures"] = _plain(observer.measure(seen, True))
    entry |= {"floor": {}, "controls": {}}
    if name == "gan":
      beside = baselines.obtain(
        config,
        judge,
        sample_count(config, judge.dataset),
        cache_root(config.data.cache_directory),
        console,
        controls=afresh and config.evaluation.controls,
      )
      entry["floor"] = _plain(beside.floor)
      entry["controls"] = {key: _plain(value) for key, value in beside.controls.items()}
    results[name] = {"step": step, **entry}
    for line in describe(name, results[name]):
      console.line(line)
  if results:
    path = workdir / FILE_NAME
    write_json(path, known | results)
    console.line(f"Stored in {path}")


def _cost(workdir, phases, name, step) -> dict[str, Any]:
  """Returns images seen and seconds up to a step, with all phases before it."""
  until = [
    record
    for record in read_metrics(workdir)
    if record["phase"] != name or record["step"] <= step
  ]
  return spent(until, phases[: phases.index(name) + 1])


def _protocol(config, judge: Judge, name: str) -> dict[str, Any]:
  test = judge.reference.test if name == "gan" else judge.dataset.test
  protocol: dict[str, Any] = {
    "reference": f"test split of {judge.dataset.name}",
    "reference_samples": len(test.images),
  }
  if name == "sae":
    window = config.sae.dead_after * config.sae.batch_size
    protocol["dead"] = f"not fired in {window:,} training images"
  if name == "gan":
    protocol["samples"] = sample_count(config, judge.dataset)
    if judge.network is not None:
      about = judge.network.about
      protocol["features"] = about["name"]
      protocol["features_sha256"] = about["sha256"]
      protocol["features_accuracy"] = about["accuracy"]
  return protocol


def _plain(figures: Mapping[str, Estimate]) -> dict[str, Any]:
  return {name: figure._asdict() for name, figure in figures.items()}
