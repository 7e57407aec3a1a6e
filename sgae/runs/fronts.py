"""What runs trade for each other: error against sparsity, as curves and a front."""

from collections.abc import Mapping, Sequence
from typing import Any

from sgae.reporting.contents import Front
from sgae.runs.comparable import Run
from sgae.runs.compare import groups_of


def fronts(
  runs: Sequence[Run], compared: Mapping[str, Any], traded: Mapping[str, Front]
) -> dict[str, Any]:
  """Returns the curves of each phase in which groups of runs differ in both figures.

  Args:
    runs: that were compared.
    compared: of `compare`.
    traded: phase -> the figures that are traded for each other.

  Returns:
    phase -> {x, y: names of the figures, curves: [{name, points}]}. Groups whose
    configs differ in fields of `Front.along` alone are the points of one curve, by
    rising x, each {group, x, y: statistics, best: whether no other group of the phase
    is at least as good in both and better in one}.
  """
  found = {}
  for phase, front in traded.items():
    points = _points(compared, phase, front)
    if len(points) > 1:
      found[phase] = {
        "x": front.x,
        "y": front.y,
        "curves": _curves(runs, compared, points, front),
      }
  return found


def undominated(pairs: Sequence[tuple[float, float]]) -> list[bool]:
  """Says of each pair whether no other is as small in both and smaller in one.

  >>> undominated([(1, 3), (2, 2), (2, 3), (3, 2)])
  [True, True, False, False]
  """
  return [
    not any(x <= own_x and y <= own_y and (x, y) != (own_x, own_y) for x, y in pairs)
    for own_x, own_y in pairs
  ]


def _points(compared, phase, front) -> dict[str, dict[str, Any]]:
  """Returns {name of the group: point} of the groups that have both figures."""
  points = {}
  for group in compared["groups"]:
    figures = group["figures"].get(phase, {})
    x, y = figures.get(front.x), figures.get(front.y)
    if x and y:
      points[group["name"]] = {"group": group["name"], "x": x, "y": y}
  best = undominated([(p["x"]["mean"], p["y"]["mean"]) for p in points.values()])
  for point, is_best in zip(points.values(), best, strict=True):
    point["best"] = is_best
  return points


def _curves(runs, compared, points, front) -> list[dict[str, Any]]:
  group_of = {
    run: group["name"] for group in compared["groups"] for run in group["runs"]
  }
  curves = []
  for name, members in groups_of(runs, without=front.along).items():
    names = dict.fromkeys(group_of[run.name] for run in members)
    own = [points[group] for group in names if group in points]
    if own:
      own.sort(key=lambda point: point["x"]["mean"])
      curves.append({"name": name, "points": own})
  return curves
