"""`--mode=compare`: reads run directories, prints tables, writes them and curves."""

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import rich.console
from rich.table import Table

from sgae.errors import UserError
from sgae.reporting.console import Console
from sgae.reporting.files import read_json, write_atomically, write_json
from sgae.reporting.metrics import read_metrics
from sgae.runs import directory as run_directory
from sgae.runs.compare import Run, compare

DIRECTORY = "runs/compare"
# Figures in a row and characters of a group's name in a line, so that a table fits into
# a wide terminal.
COLUMNS = 4
NAME_WIDTH = 36
_LABELS = {"frechet": "Frechet distance"}  # of measures with a longer name


def compare_runs(
  names: Sequence[str],
  target: float,
  workdir: str,
  console: Console,
  selects_by: Mapping[str, str | None],
) -> None:
  """Prints how runs compare and writes compare.json and compare.png.

  Args:
    names: run directories.
    target: value of the measure that counts as reached; 0: see
      `sgae.runs.compare.compare`.
    workdir: where the files go; '': runs/compare.
    console: where the tables go.
    selects_by: phase -> the metric whose least value marks its best state, or None.

  Raises:
    UserError: no run, a directory without a run or without an evaluation, the same run
      twice, runs on different data, or a target below 0.
  """
  if not 0 <= target < float("inf"):
    raise UserError(
      f"--target={target} is not allowed: choose a distance above 0, or 0 for the "
      "lowest that every group reached"
    )
  result = compare(_read(names), target, selects_by)
  for line in describe(result):
    console.line(line)
  directory = Path(workdir or DIRECTORY).expanduser()
  write_json(directory / "compare.json", result)
  written = [directory / "compare.json"]
  if any(group["curves"]["images"]["x"] for group in result["groups"]):
    # imported only here: it takes half a second, for which training need not wait
    from sgae.reporting.comparison_curves import draw

    written.append(directory / "compare.png")
    write_atomically(written[-1], draw(result, _label(result)))
  console.line("Stored in " + " and ".join(map(str, written)))


def describe(result: dict[str, Any]) -> list[str]:
  """Returns the tables of a comparison as lines of plain text.

  Args:
    result: of `sgae.runs.compare.compare`.
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
  return lines + ["", *_target_table(result)]


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


def _target_table(result) -> list[str]:
  target = result["target"]
  images, seconds = result["same_images_at"], result["same_seconds_at"]
  if images is None or seconds is None:
    measured = f"has a {_label(result)}" if result["measure"] else "is selected by one"
    return [f"no run {measured} in its metrics: nothing over images and time"]
  header = [
    f"to a {_label(result)}",
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
  return [
    *_table(header, rows),
    "images and seconds include earlier phases and are interpolated between "
    "evaluations; where some runs never reached the target, the mean is of the others",
  ]


def _label(result) -> str:
  measure: str = result["measure"]
  return _LABELS.get(measure, measure.replace("_", " "))


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


def _read(names: Sequence[str]) -> list[Run]:
  paths = [Path(name.strip()).expanduser() for name in names if name.strip()]
  resolved = [path.resolve() for path in paths]
  for path, place in zip(paths, resolved, strict=True):
    if resolved.count(place) > 1:
      raise UserError(f"--runs names {path} twice: name each run directory once")
    if not (path / run_directory.FILE_NAME).exists():
      raise UserError(
        f"--runs: {path} holds no run ({run_directory.FILE_NAME} is missing): name run "
        "directories, split by commas"
      )
  shared = Counter(place.name for place in resolved)
  runs = []
  for path, place in zip(paths, resolved, strict=True):
    stored = run_directory.read(path)
    runs.append(
      Run(
        str(path) if shared[place.name] > 1 else place.name,
        stored["config"],
        stored["image_shape"],
        read_metrics(path),
        _evaluation(path),
      )
    )
  return runs


def _evaluation(workdir: Path) -> dict[str, Any]:
  path = workdir / "evaluation.json"
  if not path.exists():
    raise UserError(
      f"{workdir} has no evaluation: python launch.py --workdir={workdir} "
      "--mode=evaluate writes it"
    )
  return read_json(path)
