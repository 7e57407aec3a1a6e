"""Runs beside each other: groups of seeds, their figures, what they took to a target.

Pure functions: what run directories hold goes in, the table and the curves come out.
A run's images and seconds count every phase up to its generator's, so that pretraining
is paid for.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from sgae.config import RESUMABLE_BASE, flatten
from sgae.errors import UserError
from sgae.reporting.lenient import finite, section
from sgae.reporting.metrics import spent

DISTANCE = "gan/frechet"
# Fields that make no other experiment: the seed, where checkpoints lie, and what may
# change on resume. The lengths of phases may, but decide what comes out.
_NOT_COMPARED = (
  "seed",
  "data.",  # refused where it differs in what is read
  "checkpoint.",
  *(n for n in RESUMABLE_BASE if n != "evaluation."),
  "sae.evaluate_every", "sae.save_every", "gan.evaluate_every", "gan.save_every", "classifier.steps", "classifier.evaluate_every", "classifier.save_every",
  "evaluation.measures",
  "evaluation.final_samples",  # in the protocol
  "evaluation.controls",
)
# A group that differs in more fields than these is named by its first run.
_MOST_FIELDS = 3
# What makes figures comparable, in the protocol of an evaluation.
_PROTOCOL = ("samples", "reference", "reference_samples", "features_sha256")


class Run(NamedTuple):
  """What a run directory holds.

  Attributes:
    name: of the directory, unique among the runs that are compared.
    config: resolved and nested, as config.json has it.
    image_shape: (H, W, C).
    records: of metrics.jsonl, in order.
    evaluation: of evaluation.json.
  """

  name: str
  config: Mapping[str, Any]
  image_shape: Sequence[int]
  records: Sequence[Mapping[str, Any]]
  evaluation: Mapping[str, Any]


class Curve(NamedTuple):
  """A Frechet distance over something that grows; equally long, `x` ascending."""

  x: np.ndarray
  distance: np.ndarray

  def at(self, x: float | None) -> float | None:
    """Returns the distance between evaluations; None outside of them."""
    if x is None or not len(self.x) or not self.x[0] <= x <= self.x[-1]:
      return None
    return float(np.interp(x, self.x, self.distance))

  def first_at(self, target: float) -> float | None:
    """Returns the first x with a distance of at most `target`, None without one."""
    reached = np.flatnonzero(self.distance <= target)
    if not len(reached):
      return None
    index = reached[0]
    if index == 0 or self.distance[index] == target:
      return float(self.x[index])
    before, after = self.distance[index - 1], self.distance[index]
    share = (before - target) / (before - after)
    return float(self.x[index - 1] + share * (self.x[index] - self.x[index - 1]))


def compare(runs: Sequence[Run], target: float) -> dict[str, Any]:
  """Compares groups of runs that differ in nothing but the seed.

  Args:
    runs: at least one.
    target: a Frechet distance, positive; 0: the lowest that the mean of every group
      reached.

  Returns:
    What compare.json holds; all of it finite or None. `groups`, each with `name`,
    `runs`, `seeds`, `figures` ({phase: {name: statistic}}), `images_to_target` and
    `seconds_to_target` (over the runs that reached it, with their number `reached`),
    `same_images` and `same_seconds` (the distance where all runs have come), and
    `curves`. Further `target`, `floor` and `controls` ({phase: ...}). A statistic is
    {mean, spread, n}: the standard deviation over runs, None for one run.

  Raises:
    UserError: the runs are on different data, were evaluated differently or not at
      all, or two of them are the same.
  """
  _check(runs)
  groups = _groups(runs)
  curves = {
    run.name: {axis: _curve(run, axis) for axis in ("images", "seconds")}
    for run in runs
  }
  means = {
    name: {
      axis: _mean_curve([curves[run.name][axis] for run in members])
      for axis in ("images", "seconds")
    }
    for name, members in groups.items()
  }
  lowest = [
    min(mean["images"]["mean"]) for mean in means.values() if mean["images"]["x"]
  ]
  goal = target or (max(lowest) if lowest else None)
  common = {
    axis: min(
      (run[axis].x[-1] for run in curves.values() if len(run[axis].x)), default=None
    )
    for axis in ("images", "seconds")
  }
  result: dict[str, Any] = {
    "data": _data_name(runs[0]),
    "target": goal,
    "same_images_at": _plain(common["images"]),
    "same_seconds_at": _plain(common["seconds"]),
    "groups": [],
    "floor": _first_of(runs, "floor"),
    "controls": _first_of(runs, "controls"),
  }
  for name, members in groups.items():
    entry: dict[str, Any] = {
      "name": name,
      "runs": [run.name for run in members],
      "seeds": [run.config["seed"] for run in members],
      "figures": _figures(members),
      "curves": means[name],
    }
    for axis in ("images", "seconds"):
      own = [curves[run.name][axis] for run in members]
      reached = [] if goal is None else [curve.first_at(goal) for curve in own]
      reached = [x for x in reached if x is not None]
      entry[f"{axis}_to_target"] = _statistic(reached) | {"reached": len(reached)}
      there = [curve.at(common[axis]) for curve in own]
      entry[f"same_{axis}"] = _statistic([d for d in there if d is not None])
    result["groups"].append(entry)
  return result


def _check(runs):
  if not runs:
    raise UserError("--runs='' names no run: give run directories, split by commas")
  first = runs[0]
  for run in runs[1:]:
    if _data(run) != _data(first):
      raise UserError(
        f"{first.name} was trained on {_data_name(first)}, {run.name} on "
        f"{_data_name(run)}: compare runs on the same data"
      )
  for run in runs:
    if not any(_part(run, phase, "figures") for phase in run.evaluation):
      raise UserError(
        f"{run.name} has no figures in its evaluation.json: python launch.py "
        "--mode=evaluate and its --workdir make them"
      )
  for phase in ("sae", "gan"):
    of_phase = [run for run in runs if _part(run, phase, "figures")]
    for run in of_phase[1:]:
      one, other = (_part(each, phase, "protocol") for each in (of_phase[0], run))
      for field in _PROTOCOL:
        if one.get(field) != other.get(field):
          raise UserError(
            f"{of_phase[0].name} was evaluated with {field}={one.get(field)}, "
            f"{run.name} with {other.get(field)}: evaluate both with the same"
          )
  seen: dict[str, Run] = {}
  for run in runs:
    key = json.dumps([_experiment(run), run.config["seed"]], sort_keys=True)
    if key in seen:
      raise UserError(
        f"{seen[key].name} and {run.name} are the same run (config and seed "
        f"{run.config['seed']}): name one of them"
      )
    seen[key] = run


def _data(run):
  data = run.config["data"]
  stacked = f"{data['stacked_digits']} x {data['name']}, {data['stacked_examples']}"
  read = {
    "tfds": data["name"],
    "mixture": data["name"],
    "stacked": stacked,
    "npz": data["path"],
    "folder": data["path"],
  }
  return data["source"], read.get(data["source"]), list(run.image_shape)


def _data_name(run):
  source, what, shape = _data(run)
  return " ".join([source, *([what] if what else []), "x".join(map(str, shape))])


def _experiment(run):
  fields = flatten(dict(run.config))
  absent = tuple(f"{p}.steps" for p in ("sae", "gan") if p not in run.config["phases"])
  return {
    name: value
    for name, value in fields.items()
    if not name.startswith(_NOT_COMPARED) and name not in absent
  }


def _groups(runs) -> dict[str, list[Run]]:
  """Collects the runs of each experiment under a name, in the order of the runs."""
  by_key: dict[str, list[Run]] = {}
  for run in runs:
    by_key.setdefault(json.dumps(_experiment(run), sort_keys=True), []).append(run)
  fields = [_experiment(members[0]) for members in by_key.values()]
  changed = [
    sorted(name for name in own if own[name] != fields[0].get(name, own[name]))
    for own in fields
  ]
  # the first group is named by its own values of what the others change
  changed[0] = sorted({name for names in changed for name in names})
  told = [
    ", ".join(f"{name}={_value(own[name])}" for name in names[: _MOST_FIELDS + 1])
    for own, names in zip(fields, changed, strict=True)
  ]
  named = {}
  for members, names, name in zip(by_key.values(), changed, told, strict=True):
    # a field that the first group lacks, as the length of a phase, tells nothing apart
    good = 0 < len(names) <= _MOST_FIELDS and told.count(name) == 1
    named[name if good else members[0].name] = members
  return named


def _value(value):
  return repr(tuple(value)) if isinstance(value, list) else repr(value)


def _curve(run: Run, axis: str) -> Curve:
  """Returns the distance at each evaluation of the generator; empty without one."""
  counter = {"images": "images_seen", "seconds": "seconds"}[axis]
  phases = list(run.config["phases"])
  earlier = phases[: phases.index("gan")] if "gan" in phases else phases
  before = spent(run.records, earlier)[counter]
  points = {
    before + record[counter]: record[DISTANCE]
    for record in run.records
    if record.get("phase") == "gan"
    and record.get(counter) is not None
    and finite(record.get(DISTANCE)) is not None
  }
  x = sorted(points)
  return Curve(np.array(x, float), np.array([points[each] for each in x], float))


def _mean_curve(curves: Sequence[Curve]) -> dict[str, list]:
  """Returns {x, mean, spread} where all the curves are known, at each evaluation."""
  empty: dict[str, list] = {"x": [], "mean": [], "spread": []}
  if not all(len(curve.x) for curve in curves):
    return empty
  first = max(curve.x[0] for curve in curves)
  last = min(curve.x[-1] for curve in curves)
  grid = np.unique(np.concatenate([curve.x for curve in curves]))
  for x in grid[(grid >= first) & (grid <= last)]:
    statistic = _statistic([float(np.interp(x, *curve)) for curve in curves])
    empty["x"].append(float(x))
    empty["mean"].append(statistic["mean"])
    empty["spread"].append(statistic["spread"])
  return empty


def _figures(members: Sequence[Run]) -> dict[str, Any]:
  """Returns {phase: {name: statistic over the runs that have it}}."""
  figures: dict[str, Any] = {}
  for phase in ("sae", "gan"):
    parts = [_part(run, phase, "figures") for run in members]
    for name in dict.fromkeys(name for part in parts for name in part):
      values = [part[name].get("value") for part in parts if name in part]
      known = [value for value in values if finite(value) is not None]
      if known:
        figures.setdefault(phase, {})[name] = _statistic(known)
  return figures


def _first_of(runs, what) -> dict[str, Any]:
  """Returns floors or controls by phase, each from the first run that has it."""
  found: dict[str, Any] = {}
  for run in runs:
    for phase in run.evaluation:
      for name, value in _part(run, phase, what).items():
        found.setdefault(phase, {}).setdefault(name, value)
  return found


def _part(run, phase, what) -> dict[str, Any]:
  return section(section(run.evaluation, phase), what)


def _statistic(values: Sequence[float]) -> dict[str, Any]:
  return {
    "mean": float(np.mean(values)) if len(values) else None,
    "spread": float(np.std(values, ddof=1)) if len(values) > 1 else None,
    "n": len(values),
  }


def _plain(value: Any) -> float | None:
  return None if value is None else float(value)
