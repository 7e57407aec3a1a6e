"""Command lines of the benchmarks: what to measure, and where to keep it."""

import argparse
from collections.abc import Sequence


def parser(
  program: str, about: str | None, parts: Sequence[str]
) -> argparse.ArgumentParser:
  """Returns a parser with `--only=PART,PART` (all of them by default) and `--json`."""

  def some(text):
    chosen = text.split(",")
    for name in chosen:
      if name not in parts:
        raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(parts)}")
    return chosen

  made = argparse.ArgumentParser(f"python -m {program}", description=about)
  made.add_argument("--only", type=some, default=parts, help=", ".join(parts))
  made.add_argument("--json", metavar="PATH", help="write what was measured there")
  return made
