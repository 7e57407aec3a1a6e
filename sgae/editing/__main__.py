"""Measures edits of trained runs: `python -m sgae.editing NAME=RUN[,RUN...] ...`.

Each NAME stands for runs of one config with different seeds; a population counts as the
runs of its members. Of each run, edits by its codes and by its latents are measured,
where these differ, the inversion of test images, and how much single latents mean.
`--output=DIR` gets `editing.json` and `editing.png`; tables are printed, their numbers
means over seeds.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sgae.config_checks import at_least
from sgae.editing import figures
from sgae.editing.invert import inverted
from sgae.editing.points import Reference, make_classes, reference_points
from sgae.editing.space import SPACES
from sgae.editing.trained import Trained, open_run
from sgae.errors import MemberDiverged, UserError
from sgae.evaluation.measures.codes import dictionary_stability
from sgae.methods.population import members_of
from sgae.reporting import edit_curves
from sgae.reporting.console import Console
from sgae.reporting.files import write_atomically, write_json
from sgae.runs import directory

ITERATIONS = 300  # of an inversion


def main(arguments: Sequence[str] | None = None) -> int:
  """Measures the runs that the command line names; returns the exit code."""
  parser = argparse.ArgumentParser("python -m sgae.editing", description=__doc__)
  parser.add_argument("runs", nargs="+", metavar="NAME=RUN[,RUN...]")
  parser.add_argument("--output", type=Path, default=Path("."))
  parser.add_argument("--samples", type=int, default=200, help="that are edited")
  parser.add_argument("--inverted", type=int, default=100, help="test images")
  asked, console = parser.parse_args(arguments), Console()
  try:
    for flag in ("samples", "inverted"):
      at_least(f"--{flag}", getattr(asked, flag), 1)
    results = {}
    for name, runs in _named(asked.runs).items():
      results |= measured(name, runs, asked, console)
      write_json(asked.output / "editing.json", results)
    curves = {
      f"{name}, {way}": rows
      for name, found in results.items()
      for way, rows in found["edits"].items()
    }
    write_atomically(asked.output / "editing.png", edit_curves.draw(curves))
  except UserError as error:
    console.error(str(error))
    return 2
  for line in described(results):
    console.line(line)
  return 0


def _named(entries: Sequence[str]) -> dict[str, list[str]]:
  """Returns the runs of each NAME.

  Raises:
    UserError: an entry is not NAME=RUN[,RUN...], or a name is given twice.
  """
  named: dict[str, list[str]] = {}
  for entry in entries:
    name, _, runs = entry.partition("=")
    if not name or not all(runs.split(",")):
      raise UserError(
        f"{entry!r} is not allowed: write NAME=RUN, or NAME=RUN,RUN for runs of other "
        "seeds"
      )
    if name in named:
      raise UserError(f"{name}= is given twice: write its runs once, split by commas")
    named[name] = runs.split(",")
  return named


def measured(
  name: str, runs: Sequence[str], asked: argparse.Namespace, console: Console
) -> dict[str, Any]:
  """Returns the figures of the runs of a config: `NAME SPACE` -> kind of figure.

  Numbers are means over the runs; members that diverged are left out.

  Args:
    name: of the config.
    runs: run directories, of one seed each or of a population.
    asked: of the command line.
    console: where progress goes.

  Raises:
    UserError: a run cannot be edited, its feature network names no classes, or all
      members diverged.
  """
  results: dict[str, Any] = {}
  members = _members(runs)
  for space in SPACES:
    found, effects = [], []
    for run, member in tuple(members):
      try:
        trained = open_run(run, {}, space, console, member, asked.output)
      except MemberDiverged:
        console.line(f"{run}: member {member} diverged, and is left out")
        members.remove((run, member))
        continue
      if space == "latent" and not trained.space.coded:
        break  # the same points as its codes
      reference = reference_points(trained)
      if reference.classes is None or make_classes(trained) is None:
        raise UserError(
          f"{run}: no class of its images is known: choose labelled data, and "
          "evaluation.features='labels'"
        )
      found.append(_of_run(trained, reference, asked, console))
      effects.append(figures.effects(trained, reference))
    if found:
      results[f"{name} {space}"] = _mean(found)
      if len(effects) > 1:
        pairs = zip(effects, effects[1:], strict=False)
        stable = [dictionary_stability(*pair).value for pair in pairs]
        results[f"{name} {space}"]["stability"] = float(np.mean(stable))
  if not results:
    raise UserError(f"{name}: all members diverged: choose another run")
  return results


def _members(runs: Sequence[str]) -> list[tuple[Path, int]]:
  """Returns each run with -1, or each member of a population with its number."""
  found = []
  for run in map(Path, runs):
    members = members_of(directory.stored_config(run, {}))
    found += [(run, member.number) for member in members] or [(run, -1)]
  return found


def _of_run(
  trained: Trained,
  reference: Reference,
  asked: argparse.Namespace,
  console: Console,
) -> dict[str, Any]:
  edits = figures.edit_figures(trained, reference, asked.samples)
  dataset = trained.data.dataset
  purity = figures.purity_figures(reference, dataset.num_classes)
  images = trained.data.test.images[: asked.inverted]
  errors = inverted(trained, images, ITERATIONS, trained.seed, console)
  return {
    "edits": {
      way: [{name: each.value for name, each in row.items()} for row in rows]
      for way, rows in edits.items()
    },
    "purity": {name: each.value for name, each in purity.items()},
    "inversion": {
      name: float(values.mean())
      for name, values in errors.items()
      if name.endswith("_error")
    },
  }


def _mean(found: Sequence[Any]) -> Any:
  """Returns trees of numbers with one structure as one tree of their means."""
  first = found[0]
  if isinstance(first, Mapping):
    return {name: _mean([each[name] for each in found]) for name in first}
  if isinstance(first, list):
    return [_mean(list(each)) for each in zip(*found, strict=True)]
  return float(np.mean(found))


def described(results: Mapping[str, Any]) -> list[str]:
  """Returns the figures as tables in Markdown."""
  levels = [f"pixel, feature change at {level:.0%}" for level in figures.LEVELS]
  lines = [f"| edit | most success | {' | '.join(levels)} | latents touched |"]
  lines.append("|---|---|" + "---|" * len(levels) + "---|")
  for name, found in results.items():
    for way, rows in found["edits"].items():
      own = figures.level_figures(rows)
      cells = [f"{own['success']:.1%}"]
      for level in figures.LEVELS:
        pair = (own[f"{kind}_at_{level}"] for kind in edit_curves.CHANGES)
        cells.append(", ".join("-" if each is None else f"{each:.3f}" for each in pair))
      cells.append(f"{own['touched']:.1%}")
      lines.append(f"| {name}, {way} | {' | '.join(cells)} |")
  for kind in ("purity", "inversion"):
    for name, found in results.items():
      said = ", ".join(f"{key} {value:.4f}" for key, value in found[kind].items())
      lines.append(f"{name}, {kind}: {said}")
  for name, found in results.items():
    if "stability" in found:
      lines.append(f"{name}, stability between seeds: {found['stability']:.3f}")
  return lines


if __name__ == "__main__":
  sys.exit(main())
