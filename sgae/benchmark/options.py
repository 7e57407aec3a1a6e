"""The command line of the benchmarks."""

import argparse
from collections.abc import Sequence


def parser(
  program: str, about: str | None, parts: Sequence[str]
) -> argparse.ArgumentParser:
  """Returns a parser with `--only=PART,PART` (all parts by default) and `--json`."""

  def selection(text):
    names = text.split(",")
    for name in names:
      if name not in parts:
        raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(parts)}")
    return names

  result = argparse.ArgumentParser(f"python -m {program}", description=about)
  result.add_argument("--only", type=selection, default=parts, help=", ".join(parts))
  result.add_argument("--json", metavar="PATH", help="write the results to this file")
  return result
