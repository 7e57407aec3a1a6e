"""A full evaluation as a table of plain text."""

from collections.abc import Mapping
from typing import Any

WIDTH = 23


def describe(phase: str, entry: Mapping[str, Any]) -> list[str]:
  """Returns the lines that show one phase of evaluation.json.

  Args:
    phase: its name.
    entry: `step`, `protocol`, `figures`, `floor`, `controls`, and of a population
      `members`, of evaluation.json.
  """
  protocol = ", ".join(
    f"{key.replace('_', ' ')} {value[:12] if key.endswith('_sha256') else value}"
    for key, value in entry["protocol"].items()
  )
  figures = entry["figures"]
  columns = {phase: figures}
  if entry["floor"]:
    columns["floor"] = entry["floor"]
  columns |= entry["controls"]
  widths = [max(WIDTH, len(name) + 2) for name in columns]

  def row(first, cells):
    aligned = (f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
    return f"  {first:<{WIDTH}}{''.join(aligned)}"

  lines = [f"{phase}, step {entry['step']}: {protocol}"]
  members = entry.get("members", ())
  whole = sum("figures" in member for member in members)
  if members:
    lines.append(
      f"  mean and standard deviation of {whole} of {len(members)} members"
      f"{'' if whole == len(members) else ', the others diverged'}"
    )
  if "success" in entry:
    ending = "_covered"
    counted = [name.removesuffix(ending) for name in figures if name.endswith(ending)]
    covering = f" and with all {' and '.join(counted)}" if counted else ""
    lines.append(
      f"  {entry['success']:.0%} of them within the target of {entry['target']:g}"
      f"{covering}"
    )
  if len(columns) > 1:
    lines.append(row("", columns))
  for name, figure in figures.items():
    line = row(name, [_cell(part.get(name)) for part in columns.values()])
    few = members and figure["members"] < whole
    lines.append(f"{line}  ({figure['members']} of {whole} members)" if few else line)
  return lines


def _cell(figure: Mapping[str, Any] | None) -> str:
  if figure is None:
    return "-"
  value, error = figure["value"], figure["error"]
  return f"{value:.4g}" if error is None else f"{value:.4g} +- {error:.2g}"
