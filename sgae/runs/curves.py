"""A measure over the images and the seconds of a run, and its mean over runs."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from sgae.reporting.lenient import finite
from sgae.reporting.metrics import spent

AXES = ("images", "seconds")


class Curve(NamedTuple):
  """A measure over images or seconds; arrays of one length, `x` ascending."""

  x: np.ndarray
  values: np.ndarray

  def at(self, x: float | None) -> float | None:
    """Returns the measure, interpolated between evaluations; None outside of them."""
    if x is None or not len(self.x) or not self.x[0] <= x <= self.x[-1]:
      return None
    return float(np.interp(x, self.x, self.values))

  def first_at(self, target: float) -> float | None:
    """Returns the first x with a value of at most `target`, None without one."""
    reached = np.flatnonzero(self.values <= target)
    if not len(reached):
      return None
    index = reached[0]
    if index == 0 or self.values[index] == target:
      return float(self.x[index])
    before, after = self.values[index - 1], self.values[index]
    share = (before - target) / (before - after)
    return float(self.x[index - 1] + share * (self.x[index] - self.x[index - 1]))


def curve_of(
  records: Sequence[Mapping[str, Any]],
  axis: str,
  phase: str,
  metric: str,
  earlier: Sequence[str],
) -> Curve:
  """Returns a metric at each evaluation of a phase; empty without one.

  Args:
    records: of metrics.jsonl.
    axis: 'images' or 'seconds'.
    phase: its name.
    metric: its name.
    earlier: phases that are counted as spent before it.
  """
  counter = {"images": "images_seen", "seconds": "seconds"}[axis]
  before = spent(records, earlier)[counter]
  points = {
    before + record[counter]: record[metric]
    for record in records
    if record.get("phase") == phase
    and record.get(counter) is not None
    and finite(record.get(metric)) is not None
  }
  x = sorted(points)
  return Curve(np.array(x, float), np.array([points[each] for each in x], float))


def mean_curve(curves: Sequence[Curve]) -> dict[str, list]:
  """Returns {x, mean, spread} where all the curves are known, at each evaluation."""
  result: dict[str, list] = {"x": [], "mean": [], "spread": []}
  if not all(len(curve.x) for curve in curves):
    return result
  first = max(curve.x[0] for curve in curves)
  last = min(curve.x[-1] for curve in curves)
  grid = np.unique(np.concatenate([curve.x for curve in curves]))
  for x in grid[(grid >= first) & (grid <= last)]:
    value = statistic([float(np.interp(x, *curve)) for curve in curves])
    result["x"].append(float(x))
    result["mean"].append(value["mean"])
    result["spread"].append(value["spread"])
  return result


def statistic(values: Sequence[float]) -> dict[str, Any]:
  """Returns {mean, spread, n}; the spread is the standard deviation, None for one."""
  return {
    "mean": float(np.mean(values)) if len(values) else None,
    "spread": float(np.std(values, ddof=1)) if len(values) > 1 else None,
    "n": len(values),
  }
