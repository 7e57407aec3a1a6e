"""`--mode=compare`: reads run directories, prints the table, writes it and curves."""

import io
from collections import Counter
from collections.abc import Sequence
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
# Measures side by side, and characters of the names of groups in a line: so that a
# table fits into a wide terminal.
COLUMNS = 4
NAME_WIDTH = 36


def compare_runs(
  names: Sequence[str], target: float, workdir: str, console: Console
) -> None:
  """Prints how runs compare and writes compare.json and compare.png.

  Args:
    names: run directories.
    target: Frechet distance that counts as reached; 0: see `sgae.comparison.compare`.
    workdir: where the files go; '': runs/compare.
    console: where the tables go.

  Raises:
    UserError: no run, one that is none or was not evaluated, the same one twice, runs
      on different data, or a target below 0.
  """
  if not 0 <= target < float("inf"):
    raise UserError(
      f"--target={target} is not allowed: choose a Frechet distance above 0, or 0 for "
      "the lowest that every group reached"
    )
  result = compare(_read(names), target)
  for line in describe(result):
    console.line(line)
  directory = Path(workdir or DIRECTORY).expanduser()
  write_json(directory / "compare.json", result)
  written = [directory / "compare.json"]
  if any(group["curves"]["images"]["x"] for group in result["groups"]):
    # Only here: it takes half a second, which training need not wait for.
    from sgae.reporting.comparison_curves import draw

    written.append(directory / "compare.png")
    write_atomically(written[-1], draw(result))
  console.line("Stored in " + " and ".join(map(str, written)))


def describe(result: dict[str, Any]) -> list[str]:
  """Returns the tables of a comparison as lines of plain text.

  Args:
    result: of `sgae.comparison.compare`.
  """
  runs = sum(len(group["runs"]) for group in result["groups"])
  lines = [
    f"{runs} run(s) in {len(result['groups'])} group(s) on {result['data']}",
    "groups: mean +- standard deviation over seeds (seeds); "
    "floor and controls: value (standard error)",
  ]
  for phase in ("sae", "gan"):
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
  beneath = {"floor (real images)": result["floor"].get(phase, {})}
  beneath |= result["controls"].get(phase, {})
  for name, values in beneath.items():
    cells = [_measured(values.get(figure)) for figure in figures]
    if set(cells) != {"-"}:
      rows.append([name, "", *cells])
  return _table([phase, "seeds", *figures], rows)


def _target_table(result) -> list[str]:
  target = result["target"]
  if target is None:
    return ["no run has Frechet distances in its metrics: nothing over images and time"]
  images, seconds = result["same_images_at"], result["same_seconds_at"]
  header = [
    "to a Frechet distance",
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
    "images and seconds count the phases before; between evaluations they are "
    "interpolated, and where some runs never reached the target, the mean is of the "
    "others",
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
  # rendered first, so that a log holds what a terminal shows and no number is cut off
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
      "--mode=evaluate makes it"
    )
  return read_json(path)
