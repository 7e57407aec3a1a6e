"""Compares runs: groups of seeds, their figures, what they took to reach a target.

Pure functions from what run directories hold to the numbers of the table and the
curves. The images and seconds of a run count all phases up to the one that is compared,
so that pretraining is paid for.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sgae.reporting.lenient import finite
from sgae.runs.comparable import (
  Run,
  check,
  data_name,
  evaluated_phases,
  experiment,
  part_of,
)
from sgae.runs.curves import AXES, Curve, curve_of, mean_curve, statistic

# A group that differs in more fields than these is named by its first run.
_MOST_FIELDS = 3


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
  check(runs)
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
    "data": data_name(runs[0]),
    "phases": evaluated_phases(runs),
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
      name: value for name, value in experiment(run).items() if name not in without
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
  for phase in evaluated_phases(members):
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
