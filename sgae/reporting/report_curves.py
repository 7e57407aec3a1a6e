"""The curves of a report, from the panels of its methods."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from sgae.reporting.charts import LineChart, Series, line_chart
from sgae.reporting.contents import Curve, Panel, Shown, shown_as
from sgae.reporting.lenient import finite
from sgae.reporting.metrics import of_member


class Group(NamedTuple):
  """Charts under one heading, all of one phase."""

  title: str
  charts: list[LineChart]


THROUGHPUT = Curve("images_per_second", "images/s")

_NO_METRICS = {"phase", "step", "images_seen", "seconds", THROUGHPUT.key}


def groups(
  records: Sequence[dict], phases: Iterable[str], shown: Mapping[str, Shown]
) -> list[Group]:
  """Returns the charts of the known metrics; empty charts and groups are left out.

  Args:
    records: of metrics.jsonl.
    phases: in the order of the page.
    shown: phase -> what is shown of its method.
  """
  found = []
  for phase in phases:
    for title, panels in shown_as(shown, phase).report.panels:
      charts = [_chart(records, phase, panel) for panel in panels]
      found.append(Group(title, [chart for chart in charts if chart]))
  return [group for group in found if group.charts]


def others(records: Sequence[dict], shown: Mapping[str, Shown]) -> list[LineChart]:
  """Returns one chart for each metric that no panel shows (errors excepted)."""
  known = {phase: _NO_METRICS | _keys(shown, phase) for phase in _phases(records)}
  found = {
    (record["phase"], key): None
    for record in records
    for key in record
    if key not in known[record["phase"]]
    and not key.endswith("_error")
    and not of_member(key)
  }
  charts = []
  for phase, key in found:
    title = key if "/" in key else f"{phase}/{key}"
    charts.append(_chart(records, phase, Panel(title, (Curve(key, phase),))))
  return [chart for chart in charts if chart]


def throughput(records: Sequence[dict], shown: Mapping[str, Shown]) -> list[LineChart]:
  """Returns one chart of images per second for each phase."""
  # the records before the first step have a speed of 0 that says nothing
  moving = [record for record in records if finite(record.get(THROUGHPUT.key))]
  charts = [
    _chart(moving, phase, Panel(shown_as(shown, phase).title, (THROUGHPUT,)))
    for phase in _phases(records)
  ]
  return [chart for chart in charts if chart]


def _phases(records: Sequence[dict]) -> list[str]:
  return list(dict.fromkeys(record["phase"] for record in records))


def _keys(shown: Mapping[str, Shown], phase: str) -> set[str]:
  """Returns the metrics that the panels of a phase show, and those of their errors."""
  return {
    key
    for _, panels in shown_as(shown, phase).report.panels
    for panel in panels
    for curve in panel.curves
    for key in (curve.key, curve.error)
  }


def _chart(records: Iterable[dict], phase: str, panel: Panel) -> LineChart | None:
  own = [record for record in records if record["phase"] == phase]
  series = [_series(own, curve) for curve in panel.curves]
  return line_chart(panel.title, series, panel.y_range)


def _series(records: Sequence[dict], curve: Curve) -> Series:
  """Returns a line; of a population the median, and a band with 8 of 10 members."""
  points = []
  for record in records:
    x, y = finite(record.get("images_seen")), finite(record.get(curve.key))
    if x is not None and y is not None:
      points.append((x, y, max(finite(record.get(curve.error)) or 0.0, 0.0)))
  points.sort(key=lambda point: point[0])
  if any(record.get("member") is not None for record in records):
    return _over_members(curve.label, points)
  return Series(
    curve.label,
    [(x, y) for x, y, _ in points],
    [error for *_, error in points] if curve.error else (),
  )


def _over_members(label: str, points: Iterable[tuple[float, float, float]]) -> Series:
  by_x: dict[float, list[float]] = {}
  for x, y, _ in points:
    by_x.setdefault(x, []).append(y)
  return Series(
    label,
    [(x, float(np.median(values))) for x, values in by_x.items()],
    bands=[tuple(np.quantile(values, (0.1, 0.9)).tolist()) for values in by_x.values()],
  )
