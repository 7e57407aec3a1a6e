"""Speed of sgae and of PyTorch on this machine: `python -m sgae.benchmark`.

Each side of each row runs in a process of its own, compiled and warm before it counts,
and the two are timed in turn. `--only=mlp,sae` chooses lines, `--json=PATH` keeps what
was measured, `--precision=bfloat16` computes in it (PyTorch: under autocast). Without
PyTorch (the extra `benchmark`) our column stands alone.
"""

import importlib.util
import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sgae.benchmark import options, table
from sgae.benchmark.rows import LINES, ROWS, VARIANTS, Row
from sgae.benchmark.worker import Failed, Worker

PAIRS = 5
SECONDS = 1.0  # of each half of a pair
PRODUCT_SECONDS = 0.3


def main() -> int:
  """Measures the rows asked for and prints each as it is done; 1 if one failed."""
  parser = options.parser("sgae.benchmark", __doc__, LINES)
  parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
  args = parser.parse_args()
  with_pytorch = importlib.util.find_spec("torch") is not None
  machine = describe_machine(with_pytorch)
  _say(" | ".join(f"{name}: {value}" for name, value in machine.items()))
  _say(table.line(table.HEAD))
  rows, notes = [], []
  for row in ROWS:
    if row.line not in args.only:
      continue
    try:
      measured = measure(row, args.precision, with_pytorch, notes)
    except Failed as failure:
      notes.append(f"{row.name}: {failure}")
      continue
    rows.append(table.figures(measured))
    _say(table.line(table.cells(rows[-1])))
  for note in notes:
    _say(f"note: {note}")
  if args.json:
    found = {"machine": machine, "precision": args.precision, "rows": rows}
    Path(args.json).write_text(json.dumps(found | {"notes": notes}, indent=2) + "\n")
  return 0 if rows else 1


def measure(
  row: Row, precision: str, with_pytorch: bool, notes: list[str]
) -> table.Measured:
  """Times one row; adds to `notes` what did not work on the PyTorch side.

  Raises:
    Failed: if our side does not work.
  """
  ours = Worker("ours", row.name, precision)
  theirs, variant = None, ""
  try:
    if with_pytorch:
      theirs, variant = quickest(row, precision, notes)
    rates: dict[str, list[float]] = {"ours": [], "theirs": [], "product": []}
    ours_last = theirs_last = {"peak_bytes": 0}
    for _ in range(PAIRS):
      ours_last = ours.ask("images", SECONDS)
      rates["ours"].append(ours_last["rate"])
      rates["product"].append(ours.ask("product", PRODUCT_SECONDS)["rate"])
      if theirs:
        theirs_last = theirs.ask("images", SECONDS)
        rates["theirs"].append(theirs_last["rate"])
    return table.Measured(
      row.name,
      row.target,
      **rates,
      variant=variant,
      flops_per_image=ours.facts["flops_per_image"],
      our_peak_bytes=ours_last["peak_bytes"],
      their_peak_bytes=theirs_last["peak_bytes"],
    )
  finally:
    ours.close()
    if theirs:
      theirs.close()


def quickest(row: Row, precision: str, notes: list[str]) -> tuple[Worker | None, str]:
  """Returns the PyTorch side in the way of writing it that is quickest in one try.

  Each is tried in a process of its own, so that peak memory is that of one alone.
  """
  best, best_variant, best_rate = None, "", 0.0
  for variant in VARIANTS[row.network]:
    try:
      worker = Worker("pytorch", row.name, precision, variant)
      rate = worker.ask("images", SECONDS)["rate"]
    except Failed as failure:
      notes.append(f"{row.name}, PyTorch {variant}: {failure}")
      continue
    if rate > best_rate:
      worker, best = best, worker
      best_variant, best_rate = variant, rate
    if worker:
      worker.close()
  return best, best_variant


def describe_machine(with_pytorch: bool) -> dict[str, Any]:
  """Returns what the figures depend on, by name."""
  names = ("jax", "jaxlib", "torch") if with_pytorch else ("jax", "jaxlib")
  return {
    "processor": _processor(),
    "cores": len(os.sched_getaffinity(0))
    if hasattr(os, "sched_getaffinity")
    else os.cpu_count(),
    "load before": f"{os.getloadavg()[0]:.2f}",
    "python": platform.python_version(),
  } | {name: version(name) for name in names}


def _processor() -> str:
  info = Path("/proc/cpuinfo")
  for line in info.read_text().splitlines() if info.exists() else ():
    if line.startswith("model name"):
      return line.partition(":")[2].strip()
  return platform.processor() or platform.machine()


def _say(text: str) -> None:
  sys.stdout.write(f"{text}\n")
  sys.stdout.flush()


if __name__ == "__main__":
  sys.exit(main())
