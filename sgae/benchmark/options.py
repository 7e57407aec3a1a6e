"""The command line of the benchmarks."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sgae.reporting.files import write_json


def parser(
  program: str, about: str | None, parts: Sequence[str], named: Sequence[str] = ()
) -> argparse.ArgumentParser:
  """Returns a parser with `--only=PART,PART` (all parts by default) and `--json`.

  Args:
    program: module that is run.
    about: shown by `--help`.
    parts: what `--only` chooses from.
    named: more of them, which run only where they are named.
  """

  known = (*parts, *named)

  def selection(text):
    names = text.split(",")
    for name in names:
      if name not in known:
        raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(known)}")
    return names

  result = argparse.ArgumentParser(f"python -m {program}", description=about)
  result.add_argument("--only", type=selection, default=parts, help=", ".join(known))
  result.add_argument(
    "--json", metavar="PATH", type=_file, help="write the results to this file"
  )
  return result


def keep(path: Path | None, found: Any) -> None:
  """Writes what was measured to the file that `--json` names, if it names one."""
  if path:
    write_json(path, found)


def _file(text: str) -> Path:
  # before hours of measuring, not after
  path = Path(text)
  if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
    raise argparse.ArgumentTypeError(f"{text!r} is no file that can be written")
  return path


def say(text: str) -> None:
  """Prints a line at once, wherever it goes."""
  sys.stdout.write(f"{text}\n")
  sys.stdout.flush()


def seconds(text: str) -> float:
  """Reads a time above 0.

  Raises:
    argparse.ArgumentTypeError: it is none.
  """
  try:
    value = float(text)
  except ValueError:
    value = 0.0
  if not 0 < value < float("inf"):
    raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
  return value
