"""How cost grows with size on this machine: `python -m sgae.benchmark.growth`.

Images per second and peak memory over batch, width, latents, members of a population,
CPU devices and attended maps, and the seconds in which each config is built and
compiled, from nothing and from the cache. Each point is a process of its own;
`--only=batch,width` chooses curves, `--json=PATH` keeps the points, which stand in
configs/benchmark.py.
"""

import multiprocessing
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any

from configs.benchmark import points
from sgae.benchmark import options
from sgae.benchmark.rows import Point

SECONDS = 2.0  # of each point


def measure(point: Point, cache: str) -> dict[str, float]:
  """Measures one point; runs in a process of its own.

  Args:
    point: what to measure.
    cache: folder of compiled programs.

  Returns:
    `start_seconds`, for building and compiling, and without
    `compiles` also `images_per_second` and `peak_bytes`.
  """
  flag = f"--xla_force_host_platform_device_count={point.devices}"
  os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flag}"
  # imported after XLA's flags are set, which JAX reads once
  from ml_collections import ConfigDict

  from sgae.benchmark.ours import training_of
  from sgae.benchmark.worker import peak_bytes, rate
  from sgae.devices.backend import enable_compilation_cache

  enable_compilation_cache(Path(cache))
  config = ConfigDict(point.config)
  start = perf_counter()
  work = training_of(config, point.phase, point.steps, point.shape, point.devices)
  work()
  first = perf_counter() - start
  start = perf_counter()
  work()
  found = {"start_seconds": first - (perf_counter() - start)}
  if not point.compiles:
    found |= {"images_per_second": rate(work, SECONDS), "peak_bytes": peak_bytes()}
  return found


def main() -> int:
  """Measures and prints the curves asked for; 1 if a point failed."""
  chosen = list(points())
  curves = list(dict.fromkeys(point.curve for point in chosen))
  args = options.parser("sgae.benchmark.growth", __doc__, curves).parse_args()
  found = []
  with tempfile.TemporaryDirectory() as cache:
    for point in chosen:
      if point.curve not in args.only:
        continue
      found.append({"curve": point.curve, "at": point.at} | figures_of(point, cache))
      options.say(describe(found[-1]))
  options.keep(args.json, found)
  return 1 if any("failed" in figures for figures in found) else 0


def figures_of(point: Point, cache: str) -> dict[str, Any]:
  """Returns the figures of a point, or `failed`: why it has none.

  The largest points may need more memory than there is; the others are measured.
  """
  try:
    figures = alone(point, cache)
    if point.compiles:
      figures["second_start_seconds"] = alone(point, cache)["start_seconds"]
  except Exception as error:  # whatever JAX, or the system, says of it
    first, *_ = str(error).strip().splitlines() or [type(error).__name__]
    return {"failed": first}
  return figures


def alone(point: Point, cache: str) -> dict[str, float]:
  """Measures one point in a process of its own."""
  context = multiprocessing.get_context("spawn")
  with ProcessPoolExecutor(1, mp_context=context) as pool:
    return pool.submit(measure, point, cache).result()


def describe(found: dict[str, Any]) -> str:
  """Returns one measured point as a line of text."""
  line = f"{found['curve']:<8} {found['at']:>18}  "
  if "failed" in found:
    return f"{line}failed: {found['failed']}"
  if "images_per_second" in found:
    rate = found["images_per_second"]
    line += f"{rate:>9,.{1 if rate < 100 else 0}f} images/s  "
    line += f"{found['peak_bytes'] / 2**20:>6,.0f} MiB  "
  line += f"start {found['start_seconds']:.1f} s"
  if "second_start_seconds" in found:
    line += f", from the cache {found['second_start_seconds']:.1f} s"
  return line


if __name__ == "__main__":
  sys.exit(main())
