"""Speed of sgae and of PyTorch on this machine: `python -m sgae.benchmark`.

Each side of each row runs in a process of its own, compiled and warm before it counts,
and the two are timed in turn. `--only=mlp,dcgan` chooses lines of configs/benchmark.py,
`--json=PATH` keeps what was measured. `--precision=float32` keeps a GPU from TF32,
`bfloat16` computes networks in it (PyTorch: under autocast). Without PyTorch (the extra
`benchmark`) our column stands alone.

`--only=quality`, which is not among the lines by default, trains each side until its
samples are near the data, for at most `--limit` seconds; see quality.py.
"""

import contextlib
import functools
import importlib.util
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from configs.benchmark import LINES, QUALITY, ROWS, SIDES
from sgae.benchmark import options, quality, table
from sgae.benchmark.rows import PRECISIONS, Row
from sgae.benchmark.worker import Failed, Worker

PAIRS = 5
SECONDS = 1.0  # of each half of a pair
PRODUCT_SECONDS = 0.3


def main() -> int:
  """Measures the rows asked for and prints each as it is done; 1 if one failed."""
  parser = options.parser("sgae.benchmark", __doc__, LINES, (QUALITY,))
  parser.add_argument("--precision", choices=PRECISIONS, default=PRECISIONS[0])
  parser.add_argument(
    "--limit",
    type=options.seconds,
    help=f"seconds of training of each side of `quality`; {quality.LIMIT:g} by default",
  )
  args = parser.parse_args()
  if QUALITY in args.only and args.precision != PRECISIONS[0]:
    parser.error(f"--only={QUALITY} is measured with --precision={PRECISIONS[0]} alone")
  if args.limit and QUALITY not in args.only:
    parser.error(f"--limit is read by --only={QUALITY} alone: leave it out")
  with_pytorch = importlib.util.find_spec("torch") is not None
  machine = describe_machine(with_pytorch)
  options.say(" | ".join(f"{name}: {value}" for name, value in machine.items()))
  asked, rows, notes = [row for row in ROWS if row.line in args.only], [], []
  if set(args.only) != {QUALITY}:
    options.say(table.line(table.HEAD))
  for row in asked:
    try:
      measured = measure(row, args.precision, with_pytorch, notes)
    except Failed as failure:
      notes.append(f"{row.name}: {failure}")
      continue
    rows.append(table.figures(measured))
    options.say(table.line(table.cells(rows[-1])))
  sides = (
    compare_quality(args.limit or quality.LIMIT, with_pytorch, notes)
    if QUALITY in args.only
    else []
  )
  for note in notes:
    options.say(f"note: {note}")
  found = {"machine": machine, "precision": args.precision, "rows": rows}
  options.keep(args.json, found | {"quality": sides, "notes": notes})
  measured = len(rows) + any(side["looks"] for side in sides)
  wanted = len(asked) + (QUALITY in args.only)
  return 0 if wanted and measured == wanted else 1


def compare_quality(
  limit: float, with_pytorch: bool, notes: list[str]
) -> list[dict[str, Any]]:
  """Prints the table of time to quality; returns the figures of each side.

  Args:
    limit: seconds of training of each side.
    with_pytorch: whether it is installed.
    notes: gets what did not work.
  """
  ours = [side for side in SIDES if side.module == "quality_ours"]
  sides = SIDES if with_pytorch else ours
  try:
    found = quality.measure(sides, limit, Worker, options.say, notes)
  except Failed as failure:
    notes.append(f"{QUALITY}: {failure}")
    return []
  figures = [quality.figures(name, looks) for name, looks in found.items()]
  for line in quality.lines(figures, [side.name for side in ours]):
    options.say(line)
  return figures


@functools.cache
def backend_of_jax() -> str:
  """Returns the platform that our side will run on, '' if JAX does not start."""
  # in a process of its own, since this one is to leave a GPU alone
  program = "import jax; print(jax.default_backend())"
  found = subprocess.run(
    [sys.executable, "-c", program], capture_output=True, text=True
  )
  return found.stdout.strip()


def measure(
  row: Row, precision: str, with_pytorch: bool, notes: list[str]
) -> table.Measured:
  """Times one row; adds to `notes` what did not work on the PyTorch side.

  Raises:
    Failed: if our side does not work.
  """
  with contextlib.ExitStack() as ends:

    def start(*args):
      worker = Worker(*args)
      ends.callback(worker.close)
      return worker

    ours = start("ours", row.name, precision)
    theirs, variant, their_peak_bytes = None, "", 0
    if with_pytorch:
      theirs, variant, their_peak_bytes = quickest(
        row, precision, backend_of_jax(), ours, start, notes
      )
    facts = ours.await_start()
    rates: dict[str, list[float]] = {"ours": [], "theirs": [], "product": []}
    for _ in range(PAIRS):
      rates["ours"].append(ours.ask("images", SECONDS))
      rates["product"].append(ours.ask("product", PRODUCT_SECONDS))
      if theirs:
        try:
          rates["theirs"].append(theirs.ask("images", SECONDS))
        except Failed as failure:
          notes.append(f"{row.name}, PyTorch {variant}: {failure}")
          theirs, variant, their_peak_bytes, rates["theirs"] = None, "", 0, []
    return table.Measured(
      row.name,
      row.target,
      **rates,
      variant=variant,
      flops_per_image=facts["flops_per_image"],
      our_peak_bytes=facts["peak_bytes"],
      their_peak_bytes=their_peak_bytes,
      device=facts["device"],
    )


def quickest(
  row: Row,
  precision: str,
  backend: str,
  ours: Worker,
  start: Callable[..., Worker],
  notes: list[str],
) -> tuple[Worker | None, str, int]:
  """Finds the way of writing the PyTorch side that is quickest in one try.

  Each is a process of its own, so that peak memory is that of one alone. On a CPU all
  compile beside each other and beside `ours`; a GPU's compilers choose by what they
  time, so there each compiles alone. `start` makes a `Worker` of its arguments.

  Returns:
    (the quickest, its name, its peak memory in bytes); (None, "", 0) if none works.
  """

  def tried(name, what, *args) -> Any:
    try:
      return what(*args)
    except Failed as failure:
      notes.append(f"{row.name}, PyTorch {name}: {failure}")
      return None

  names = row.variants_on(backend)
  groups = [names]
  if backend != "cpu":
    groups = [(name,) for name in names]
    ours.await_start()
  best, best_rate = (None, "", 0), 0.0
  for group in groups:
    sides = {name: start("pytorch", row.name, precision, name) for name in group}
    facts = {name: tried(name, side.await_start) for name, side in sides.items()}
    ours.await_start()
    for name, side in sides.items():
      rate = facts[name] and tried(name, side.ask, "images", SECONDS)
      slower = side
      if rate and rate > best_rate:
        slower, best_rate = best[0], rate
        best = side, name, facts[name]["peak_bytes"]
      if slower:
        slower.close()
  return best


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


if __name__ == "__main__":
  sys.exit(main())
