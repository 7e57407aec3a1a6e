"""The tables of a comparison of runs, as lines of text."""

import io
from typing import Any

import rich.console
from rich.table import Table

# Figures in a row and characters of a group's name in a line, so that a table fits into
# a wide terminal.
COLUMNS = 4
NAME_WIDTH = 36
_LABELS = {"frechet": "Frechet distance"}  # of measures with a longer name


def describe(result: dict[str, Any]) -> list[str]:
  """Returns the tables of a comparison as lines of plain text.

  Args:
    result: of `sgae.runs.compare.compare`, with `fronts` of `sgae.runs.fronts`.
  """
  runs = sum(len(group["runs"]) for group in result["groups"])
  lines = [
    f"{runs} run(s) in {len(result['groups'])} group(s) on {result['data']}",
    "groups: mean +- standard deviation over seeds (seeds); "
    "floor and controls: value (standard error)",
  ]
  for phase in result["phases"]:
    named = [
      name for group in result["groups"] for name in group["figures"].get(phase, {})
    ]
    figures = list(dict.fromkeys(named))
    for first in range(0, len(figures), COLUMNS):
      lines += ["", *_figures_table(result, phase, figures[first : first + COLUMNS])]
  for phase, front in result.get("fronts", {}).items():
    lines += ["", *_front_table(phase, front)]
  return lines + ["", *_target_table(result)]


def label(result: dict[str, Any]) -> str:
  """Returns the name of the measure that a comparison follows."""
  measure: str = result["measure"]
  return _LABELS.get(measure, measure.replace("_", " "))


def _figures_table(result, phase, figures) -> list[str]:
  rows = [
    [
      group["name"],
      str(len(group["seeds"])),
      *(_statistic(group["figures"].get(phase, {}).get(name)) for name in figures),
    ]
    for group in result["groups"]
  ]
  others = {"floor (real images)": result["floor"].get(phase, {})}
  others |= result["controls"].get(phase, {})
  for name, values in others.items():
    cells = [_measured(values.get(figure)) for figure in figures]
    if set(cells) != {"-"}:
      rows.append([name, "", *cells])
  return _table([phase, "seeds", *figures], rows)


def _front_table(phase, front) -> list[str]:
  rows = []
  for curve in front["curves"]:
    for number, point in enumerate(curve["points"]):
      rows.append(
        [
          "" if number else curve["name"],
          _statistic(point["x"]),
          _statistic(point["y"]),
          "yes" if point["best"] else "",
        ]
      )
  header = [f"{phase}: {front['y']} against {front['x']}", front["x"], front["y"]]
  return _table([*header, "on the front"], rows)


def _target_table(result) -> list[str]:
  target = result["target"]
  images, seconds = result["same_images_at"], result["same_seconds_at"]
  if images is None or seconds is None:
    measured = f"has a {label(result)}" if result["measure"] else "is selected by one"
    return [f"no run {measured} in its metrics: nothing over images and time"]
  header = [
    f"to a {label(result)}",
    f"images to {target:.3g}",
    f"seconds to {target:.3g}",
    f"at {_count(images)} images",
    f"at {_count(seconds)} s",
  ]
  rows = []
  for group in result["groups"]:
    rows.append(
      [
        group["name"],
        _reached(group["images_to_target"], len(group["runs"])),
        _reached(group["seconds_to_target"], len(group["runs"])),
        _statistic(group["same_images"]),
        _statistic(group["same_seconds"]),
      ]
    )
  together = [
    f"seconds of {group['name']} are of {group['together']} members in one program"
    for group in result["groups"]
    if group["together"] > 1
  ]
  return [
    *_table(header, rows),
    *together,
    "images and seconds include earlier phases and are interpolated between "
    "evaluations; where some runs never reached the target, the mean is of the others",
  ]


def _statistic(value) -> str:
  if value is None or value["mean"] is None:
    return "-"
  spread = "-" if value["spread"] is None else f"{value['spread']:.3g}"
  return f"{value['mean']:.3g} +- {spread} ({value['n']})"


def _reached(value, runs: int) -> str:
  if not value["reached"]:
    return f"not reached (0 of {runs})"
  spread = "-" if value["spread"] is None else _count(value["spread"])
  return f"{_count(value['mean'])} +- {spread} ({value['reached']} of {runs})"


def _count(value: float) -> str:
  return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _measured(figure: Any) -> str:
  if not isinstance(figure, dict) or figure.get("value") is None:
    return "-"
  error = figure.get("error")
  return f"{figure['value']:.3g}" + ("" if error is None else f" ({error:.2g})")


def _table(header: list[str], rows: list[list[str]]) -> list[str]:
  table = Table(box=None, padding=(0, 2, 0, 0), header_style="")
  table.add_column(header[0], overflow="fold", max_width=NAME_WIDTH)
  for name in header[1:]:
    table.add_column(name, no_wrap=True)
  for row in rows:
    table.add_row(*row)
  text = io.StringIO()
  # rendered to text first: a terminal or log of any width gets the whole numbers
  wide = rich.console.Console(file=text, width=1000, markup=False, emoji=False)
  wide.print(table)
  return [line.rstrip() for line in text.getvalue().splitlines()]
