"""Compares runs: groups of seeds, their figures, what they took to reach a target.

Pure functions from what run directories hold to the numbers of the table and the
curves. The images and seconds of a run count all phases up to the one that is compared,
so that pretraining is paid for.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sgae.config import flatten, is_resumable
from sgae.data.fingerprint import differences
from sgae.errors import UserError
from sgae.reporting.lenient import finite, section
from sgae.runs.curves import AXES, Curve, curve_of, mean_curve, statistic

# Fields in which runs of one experiment may differ, besides those that a resume may
# change.
_NOT_COMPARED = (
  "seed",
  # which data set is read: refused where it is another one
  "data.source",
  "data.name",
  "data.array",
  "data.image_size",
  "data.stacked_",
  "data.second.source",
  "data.second.name",
  "data.second.array",
  "data.second.image_size",
  "checkpoint.",
  "evaluation.measures",
  "evaluation.final_samples",  # in the protocol
  "evaluation.controls",
)
# A group that differs in more fields than these is named by its first run.
_MOST_FIELDS = 3
# What makes figures comparable, in the protocol of an evaluation.
_PROTOCOL = (
  "samples",
  "reference",
  "reference_samples",
  "features_sha256",
  "second_features_sha256",
)


class Run(NamedTuple):
  """What a run directory holds.

  Attributes:
    name: of the directory, unique among the compared runs.
    config: resolved and nested, as config.json has it.
    image_shape: (H, W, C).
    records: of metrics.jsonl, in order.
    evaluation: of evaluation.json.
    data: the fingerprint of its data; {}: an older version's, which stored none.
    together: how many members were trained in one program with it; 1: a single run.
    population: the name of the run directory that it is a member of; '': a single run.
  """

  name: str
  config: Mapping[str, Any]
  image_shape: Sequence[int]
  records: Sequence[Mapping[str, Any]]
  evaluation: Mapping[str, Any]
  data: Mapping[str, Any]
  together: int = 1
  population: str = ""


def compare(
  runs: Sequence[Run], target: float, selects_by: Mapping[str, str | None]
) -> dict[str, Any]:
  """Compares groups of runs that differ in nothing but the seed.

  Args:
    runs: at least one.
    target: a value of the measure, positive; 0: the lowest that the mean of every group
      reached.
    selects_by: phase -> the metric whose least value marks its best state, or None. The
      measure that is followed over images and seconds is that of a run's last phase
      that has one.

  Returns:
    What compare.json holds; all of it finite or None. `groups`, each with `name`,
    `runs`, `seeds`, `together` (how many members of a population its seconds are of at
    most), `figures` ({phase: {name: statistic}}), `images_to_target` and
    `seconds_to_target` (over the runs that reached it, with their number `reached`),
    `same_images` and `same_seconds` (the measure up to where all runs have come), and
    `curves`. Further `phases`, `measure` (its name, '' without one; a run with another
    one has no curve), `target`, `floor` and `controls` ({phase: ...}). A statistic is
    {mean, spread, n}: the standard deviation over runs, None for one run.

  Raises:
    UserError: the runs are on different data, were evaluated differently or not at
      all, or two of them are the same.
  """
  _check(runs)
  groups = groups_of(runs)
  measure, curves = _curves(runs, selects_by)
  means = {
    name: {
      axis: mean_curve([curves[run.name][axis] for run in members]) for axis in AXES
    }
    for name, members in groups.items()
  }
  best = [min(m["images"]["mean"]) for m in means.values() if m["images"]["x"]]
  goal = target or (max(best) if best else None)
  common = {
    axis: min(
      (float(run[axis].x[-1]) for run in curves.values() if len(run[axis].x)),
      default=None,
    )
    for axis in AXES
  }
  return {
    "data": _data_name(runs[0]),
    "phases": _phases(runs),
    "measure": measure,
    "target": goal,
    "same_images_at": common["images"],
    "same_seconds_at": common["seconds"],
    "groups": [
      _group(name, members, curves, common, goal) | {"curves": means[name]}
      for name, members in groups.items()
    ],
    "floor": _first_of(runs, "floor"),
    "controls": _first_of(runs, "controls"),
  }


def _group(name, members, curves, common, goal) -> dict[str, Any]:
  """Returns the entry of one group, without its curves."""
  entry: dict[str, Any] = {
    "name": name,
    "runs": [run.name for run in members],
    "seeds": [run.config["seed"] for run in members],
    "together": max(run.together for run in members),
    "figures": _figures(members),
  }
  for axis in AXES:
    own = [curves[run.name][axis] for run in members]
    reached = [] if goal is None else [curve.first_at(goal) for curve in own]
    reached = [x for x in reached if x is not None]
    entry[f"{axis}_to_target"] = statistic(reached) | {"reached": len(reached)}
    there = [curve.at(common[axis]) for curve in own]
    entry[f"same_{axis}"] = statistic([value for value in there if value is not None])
  return entry


def _phases(runs: Sequence[Run]) -> list[str]:
  """Returns the phases that were evaluated, in the order of training."""
  # a longer chain says where the phases of shorter ones belong
  chains = sorted((run.config["phases"] for run in runs), key=len, reverse=True)
  evaluated = dict.fromkeys(name for run in runs for name in run.evaluation)
  names = dict.fromkeys(name for chain in [*chains, evaluated] for name in chain)
  return [name for name in names if name in evaluated]


def _check(runs):
  if not runs:
    raise UserError("--runs='' names no run: give run directories, split by commas")
  first = runs[0]
  for run in runs[1:]:
    # the same bytes may lie in several places
    if not _same_bytes(first, run) and _data(run) != _data(first):
      raise UserError(
        f"{first.name} was trained on {_data_name(first)}, {run.name} on "
        f"{_data_name(run)}: compare runs on the same data"
      )
  _check_bytes(runs)
  for run in runs:
    if not any(part_of(run, phase, "figures") for phase in run.evaluation):
      raise UserError(
        f"{run.name} has no figures in its evaluation.json: python launch.py "
        "--mode=evaluate and its --workdir make them"
      )
  for phase in _phases(runs):
    of_phase = [run for run in runs if part_of(run, phase, "figures")]
    for run in of_phase[1:]:
      one, other = (part_of(each, phase, "protocol") for each in (of_phase[0], run))
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


def _check_bytes(runs):
  """Refuses runs that name the same data, but were trained on other bytes."""
  seen: dict[str, Run] = {}
  for run in runs:
    fields = _experiment(run)
    read = {name: fields[name] for name in fields if name.startswith("data.")}
    other = seen.setdefault(json.dumps([_data(run), read], sort_keys=True), run)
    if _same_bytes(other, run) is False:
      raise UserError(
        f"{other.name} and {run.name} were trained on other images under one name "
        f"({_data_name(run)}): compare runs on the same data"
      )


def _same_bytes(one: Run, other: Run) -> bool | None:
  """Says whether two runs read the same data; None: either has no fingerprint."""
  if not all("sha256" in run.data for run in (one, other)):
    return None
  return not differences(one.data, other.data)


def _data(run):
  """Returns what is read: the source, what of it, the same of a second side, shape."""
  data = run.config["data"]
  second = _read_of(data | data["second"]) if data["second"]["source"] else None
  return *_read_of(data), second, list(run.image_shape)


def _read_of(data):
  """Returns the source, and what is read of it, of one side of the data."""
  stacked = f"{data['stacked_digits']} x {data['name']}, {data['stacked_examples']}"
  read = {
    "tfds": data["name"],
    "mixture": data["name"],
    "patches": data["name"],
    "stacked": stacked,
    "vectors": f"{data['path']}, {data['array']}",
  }
  return data["source"], read.get(data["source"], data["path"])


def _data_name(run):
  source, what, second, shape = _data(run)
  parts = [source, what, "x".join(map(str, shape))]
  if second is not None:
    parts += ["with", *second]
  return " ".join(part for part in parts if part)


def _experiment(run):
  """Returns the fields that make the experiment: {field: value}."""
  lengths = {f"{phase}.steps" for phase in run.config["phases"]}

  def is_compared(field):
    if field.startswith(_NOT_COMPARED):
      return False
    # a resume may change these, but the figures depend on them
    if field in lengths or field.startswith("evaluation."):
      return True
    return not is_resumable(field)

  fields = flatten(dict(run.config))
  return {name: value for name, value in fields.items() if is_compared(name)}


def groups_of(runs: Sequence[Run], without: Sequence[str] = ()) -> dict[str, list[Run]]:
  """Returns {name: runs of one experiment}, in the order of the runs.

  Args:
    runs: at least one.
    without: fields in which runs of a group may differ besides the seed.
  """
  by_key: dict[str, list[Run]] = {}
  fields_of: dict[str, dict[str, Any]] = {}
  for run in runs:
    own = {
      name: value for name, value in _experiment(run).items() if name not in without
    }
    key = json.dumps(own, sort_keys=True)
    by_key.setdefault(key, []).append(run)
    fields_of[key] = own
  fields = list(fields_of.values())
  changed = [
    sorted(name for name in own if own[name] != fields[0].get(name, own[name]))
    for own in fields
  ]
  # the first group is named by its own values of the fields that others change
  changed[0] = sorted({name for names in changed for name in names})
  names_of = [
    ", ".join(f"{name}={_value(own[name])}" for name in names[: _MOST_FIELDS + 1])
    for own, names in zip(fields, changed, strict=True)
  ]
  named = {}
  for members, names, name in zip(by_key.values(), changed, names_of, strict=True):
    # without names: it differs in a field that the first group lacks alone, such as the
    # length of a phase
    good = 0 < len(names) <= _MOST_FIELDS and names_of.count(name) == 1
    named[name if good else members[0].name] = members
  return named


def _value(value):
  return repr(tuple(value)) if isinstance(value, list) else repr(value)


def _curves(runs, selects_by) -> tuple[str, dict[str, dict[str, Curve]]]:
  """Returns the name of the measure and {run: {axis: curve}}."""
  followed = {run.name: _followed(run, selects_by) for run in runs}
  names = [metric.rpartition("/")[2] for _, metric in followed.values() if metric]
  measure = names[0] if names else ""
  curves = {}
  for run in runs:
    phase, metric = followed[run.name]
    if metric.rpartition("/")[2] != measure:
      phase = metric = ""
    phases = list(run.config["phases"])
    earlier = phases[: phases.index(phase)] if phase else []
    curves[run.name] = {
      axis: curve_of(run.records, axis, phase, metric, earlier) for axis in AXES
    }
  return measure, curves


def _followed(run: Run, selects_by) -> tuple[str, str]:
  """Returns the last phase that is selected by a metric, and the metric; or ''."""
  for phase in reversed(run.config["phases"]):
    if metric := selects_by.get(phase):
      return phase, metric
  return "", ""


def _figures(members: Sequence[Run]) -> dict[str, Any]:
  """Returns {phase: {name: statistic over the runs that have it}}."""
  figures: dict[str, Any] = {}
  for phase in _phases(members):
    parts = [part_of(run, phase, "figures") for run in members]
    for name in dict.fromkeys(name for part in parts for name in part):
      values = [part[name].get("value") for part in parts if name in part]
      known = [value for value in values if finite(value) is not None]
      if known:
        figures.setdefault(phase, {})[name] = statistic(known)
  return figures


def _first_of(runs, what) -> dict[str, Any]:
  """Returns floors or controls by phase, each from the first run that has it."""
  found: dict[str, Any] = {}
  for run in runs:
    for phase in run.evaluation:
      for name, value in part_of(run, phase, what).items():
        found.setdefault(phase, {}).setdefault(name, value)
  return found


def part_of(run: Run, phase: str, what: str) -> dict[str, Any]:
  """Returns a part of a phase's evaluation, such as its figures; {} without one."""
  return section(section(run.evaluation, phase), what)
