"""The members of a population in the report: a table, and a map of two settings."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sgae.reporting.charts import number
from sgae.reporting.contents import Shown, shown_as
from sgae.reporting.files import member_folder
from sgae.reporting.lenient import finite, items, section


class Row(NamedTuple):
  """A member: its number, seed, settings, headline figure, and a link to its samples.

  Attributes:
    outcome: 'diverged at step 40', 'reached the target', 'missed the target' or ''.
    value: the figure as a number, None where it has none.
    succeeded: whether it reached the target of the evaluation; None: there was none.
  """

  member: int
  seed: int
  settings: dict[str, float]
  figure: str
  outcome: str
  picture: str
  value: float | None
  succeeded: bool | None


class Cell(NamedTuple):
  """What is written in a cell of the map, and how dark it is, from 0 to 1."""

  text: str
  shade: float


class Map(NamedTuple):
  """A table over the values of two varied fields (or one: `across` is '')."""

  title: str
  down: str
  across: str
  columns: list[str]
  rows: list[tuple[str, list[Cell]]]


class Members(NamedTuple):
  """What the page shows of a population; `label` names the figure."""

  label: str
  fields: list[str]
  rows: list[Row]
  map: Map | None


def members(
  workdir: Path,
  records: Sequence[dict],
  evaluation: Mapping[str, Any],
  phases: Iterable[str],
  shown: Mapping[str, Shown],
) -> Members | None:
  """Returns the members of the latest phase that has some; None for a single run.

  Args:
    workdir: the run directory.
    records: of metrics.jsonl.
    evaluation: of evaluation.json.
    phases: the latest first.
    shown: phase -> what is shown of its method.
  """
  for phase in phases:
    own = [
      record
      for record in records
      if record["phase"] == phase and isinstance(record.get("member"), int)
    ]
    if own:
      return _members(workdir, phase, own, section(evaluation, phase), shown)
  return None


def _members(workdir, phase, records, entry, shown) -> Members:
  report = shown_as(shown, phase).report
  name = report.headline[0] if report.headline else ""
  metric, _ = report.while_training.get(name, ("", None))
  last = {record["member"]: record for record in records}
  measured = {
    record["member"]: value
    for record in records
    if (value := finite(record.get(metric))) is not None
  }
  label = report.meanings[name].label if name in report.meanings else name
  final = {
    own.get("member"): own for own in items(entry, "members") if isinstance(own, dict)
  }
  newest = max(record["step"] for record in last.values())
  rows = []
  for member, record in sorted(last.items()):
    own = final.get(member, {})
    figure = finite(section(section(own, "figures"), name).get("value"))
    if figure is None and not own:
      figure = measured.get(member)
    picture = member_folder(workdir, member) / f"{phase}_samples.png"
    rows.append(
      Row(
        member,
        record.get("seed", 0),
        {
          field: value
          for field, given in record.items()
          if "." in field and (value := finite(given)) is not None
        },
        "" if figure is None else number(figure),
        _outcome(own, record, newest),
        picture.relative_to(workdir).as_posix() if picture.exists() else "",
        figure,
        own.get("success"),
      )
    )
  fields = list(dict.fromkeys(field for row in rows for field in row.settings))
  return Members(label, fields, rows, _map(rows, fields, label))


def _outcome(own: Mapping[str, Any], record: Mapping[str, Any], newest: int) -> str:
  failed = finite(own.get("diverged_at"))
  if failed is not None:
    return f"diverged at step {failed:,.0f}"
  if record["step"] < newest:
    return f"diverged after step {record['step']:,}"
  if "success" in own:
    return "reached the target" if own["success"] else "missed the target"
  return ""


def _map(rows: list[Row], fields: list[str], label: str) -> Map | None:
  """Draws success, or else the figure, over the first two fields that differ."""
  # fields that take one value together are one axis
  axes: dict[str, list[float]] = {}
  for field in fields:
    values = [row.settings.get(field, float("nan")) for row in rows]
    if len(set(values)) > 1 and values not in axes.values():
      axes[field] = values
  if not axes:
    return None
  (down, of_rows), *more = axes.items()
  across, of_columns = more[0] if more else ("", [0.0] * len(rows))
  by_success = any(row.succeeded is not None for row in rows)
  table = []
  for y in sorted(set(of_rows)):
    cells = []
    for x in sorted(set(of_columns)):
      inside = [
        row
        for row, own_y, own_x in zip(rows, of_rows, of_columns, strict=True)
        if (own_y, own_x) == (y, x)
      ]
      if by_success:
        share = sum(bool(row.succeeded) for row in inside) / max(len(inside), 1)
        cells.append((f"{share:.0%}", share))
      else:
        values = [row.value for row in inside if row.value is not None]
        cells.append((number(float(np.median(values))) if values else "", values))
    table.append((f"{y:g}", cells))
  if not by_success:
    table = _shaded(table)
  title = (
    "Share of members that reached the target" if by_success else f"Median {label}"
  )
  columns = [f"{x:g}" for x in sorted(set(of_columns))] if across else [title]
  return Map(
    title, down, across, columns, [(y, [Cell(*c) for c in cells]) for y, cells in table]
  )


def _shaded(table):
  """Shades medians by their rank: the least is darkest, an empty cell is white."""
  medians = [float(np.median(v)) for _, cells in table for _, v in cells if v]
  order = sorted(medians, reverse=True)

  def shade(values):
    if not values:
      return 0.0
    return (order.index(float(np.median(values))) + 1) / len(order)

  return [(y, [(text, shade(values)) for text, values in cells]) for y, cells in table]
