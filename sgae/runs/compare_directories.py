"""`--mode=compare`: reads run directories, prints tables, writes them and curves."""

import os
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sgae.config import complete
from sgae.errors import UserError
from sgae.methods import population
from sgae.reporting.comparison import describe, label
from sgae.reporting.console import Console
from sgae.reporting.contents import Front
from sgae.reporting.files import read_json, write_atomically, write_json
from sgae.reporting.metrics import read_metrics
from sgae.runs import directory as run_directory
from sgae.runs.comparable import Run
from sgae.runs.compare import compare
from sgae.runs.fronts import fronts
from sgae.runs.spreads import spreads

DIRECTORY = "runs/compare"


def compare_runs(
  names: Sequence[str],
  target: float,
  workdir: str,
  console: Console,
  selects_by: Mapping[str, str | None],
  traded: Mapping[str, Front],
) -> None:
  """Prints how runs compare and writes compare.json and pictures of it.

  Args:
    names: run directories.
    target: value of the measure that counts as reached; 0: see
      `sgae.runs.compare.compare`.
    workdir: where the files go; '': runs/compare.
    console: where the tables go.
    selects_by: phase -> the metric whose least value marks its best state, or None.
    traded: phase -> figures that are set against each other.

  Raises:
    UserError: no run, a directory without a run or without an evaluation, the same run
      twice, runs on different data, or a target below 0.
  """
  if not 0 <= target < float("inf"):
    raise UserError(
      f"--target={target} is not allowed: choose a distance above 0, or 0 for the "
      "lowest that every group reached"
    )
  runs = _read(names, console)
  result = compare(runs, target, selects_by)
  result["fronts"] = fronts(runs, result, traded)
  result["spreads"] = spreads(runs, result)
  for line in describe(result):
    console.line(line)
  directory = Path(os.path.expanduser(workdir or DIRECTORY))
  write_json(directory / "compare.json", result)
  written = [directory / "compare.json"]
  if any(group["curves"]["images"]["x"] for group in result["groups"]):
    # imported only here: it takes half a second, for which training need not wait
    from sgae.reporting.comparison_curves import draw

    written.append(directory / "compare.png")
    write_atomically(written[-1], draw(result, label(result)))
  if result["fronts"]:
    from sgae.reporting.comparison_fronts import draw as draw_fronts

    written.append(directory / "fronts.png")
    write_atomically(written[-1], draw_fronts(result["fronts"]))
  if result["spreads"]:
    from sgae.reporting.comparison_spreads import draw as draw_spreads

    written.append(directory / "spreads.png")
    write_atomically(written[-1], draw_spreads(result["spreads"], label(result)))
  console.line("Stored in " + " and ".join(map(str, written)))


def _read(names: Sequence[str], console: Console) -> list[Run]:
  paths = [Path(os.path.expanduser(name.strip())) for name in names if name.strip()]
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
    config = complete(stored["config"])  # an older version's has fewer fields
    members = population.members_of(config)
    run = Run(
      str(path) if shared[place.name] > 1 else place.name,
      config.to_dict(),
      stored["image_shape"],
      read_metrics(path),
      _evaluation(path),
      stored.get("data", {}),
      max(len(members), 1),
    )
    whole = [member for member in members if _is_whole(run, member.number)]
    if len(whole) < len(members):
      console.line(
        f"{run.name}: {len(members) - len(whole)} of {len(members)} members diverged, "
        "and are left out"
      )
    runs += [_as_single_run(run, config, member) for member in whole] or [run]
  return runs


def _is_whole(run: Run, member: int) -> bool:
  """Says whether a member of a population has figures of all phases."""
  return all("figures" in each["members"][member] for each in run.evaluation.values())


def _as_single_run(run: Run, config: Any, member: population.Member) -> Run:
  """Returns a member of a population as the single run that it is."""
  return run._replace(
    name=f"{run.name}, member {member.number}",
    population=run.name,
    config=population.config_of(config, member).to_dict(),
    records=[record for record in run.records if record.get("member") == member.number],
    evaluation={
      phase: entry | {"figures": entry["members"][member.number]["figures"]}
      for phase, entry in run.evaluation.items()
    },
  )


def _evaluation(workdir: Path) -> dict[str, Any]:
  path = workdir / "evaluation.json"
  if not path.exists():
    raise UserError(
      f"{workdir} has no evaluation: python launch.py "
      f"--workdir={shlex.quote(str(workdir))} "
      "--mode=evaluate writes it"
    )
  return read_json(path)
