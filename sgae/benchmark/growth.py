"""How cost grows with size on this machine: `python -m sgae.benchmark.growth`.

Images per second and peak memory over batch, width, latents and CPU devices, and the
seconds in which each config is built and compiled, from nothing and from the cache.
Each point is a process of its own; `--only=batch,width` chooses curves, `--json=PATH`
keeps the points.
"""

import importlib
import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from sgae.benchmark import options
from sgae.benchmark.rows import Row

SECONDS = 2.0  # of each point
IMAGES_PER_CALL = 8192
PIXELS = (28, 28, 1)
# Shapes of the images that configs are for, where they are not MNIST's.
SHAPES = {
  "digits": (16, 16, 1),
  "ring": (1, 1, 2),
  "stacked_mnist": (28, 28, 3),
  "cifar10": (32, 32, 3),
}
# All but those whose programs are another one's: fashion_mnist's, grid's.
CONFIGS = (
  "digits",
  "mnist",
  "seed",
  "ring",
  "classifier",
  "mnist_dcgan",
  "stacked_mnist",
  "cifar10",
  "cifar10:residual",
)


class Point(NamedTuple):
  """One measurement.

  Attributes:
    curve: the name that `--only` chooses it by.
    at: where on the curve it lies.
    config: as a nested dictionary.
    phase: the phase that is timed.
    steps: of one call.
    shape: (H, W, C) of the images.
    devices: CPU devices.
    compiles: whether only the time of compiling is of interest.
  """

  curve: str
  at: str
  config: dict[str, Any]
  phase: str
  steps: int
  shape: tuple[int, int, int] = PIXELS
  devices: int = 1
  compiles: bool = False


def points() -> Iterator[Point]:
  """Yields all points, curve by curve."""
  # imported late: whoever imports this module must be able to set XLA's flags first
  from sgae.benchmark.ours import config_of

  def pair(batch, width=128):
    config = config_of(Row("mlp", "mlp", batch, 1, 0), "float32")
    hidden = (width, width)
    config.gan.update(generator_hidden=hidden, discriminator_hidden=hidden)
    return config.to_dict()

  def calls(batch):
    return max(1, IMAGES_PER_CALL // batch)

  for batch in (16, 64, 256, 1024, 4096):
    yield Point("batch", str(batch), pair(batch), "gan", calls(batch))
  for width in (32, 128, 512, 2048):
    yield Point("width", str(width), pair(128, width), "gan", calls(256))
  for latents in (256, 1024, 4096, 16384, 65536):
    config = config_of(Row("sae", "sae", 512, 1, 0, latents), "float32")
    yield Point("latents", str(latents), config.to_dict(), "sae", 2)
  for devices in (1, 2):
    yield Point("devices", str(devices), pair(512), "gan", calls(512), devices=devices)
  for name in CONFIGS:
    file, _, arg = name.partition(":")
    config = importlib.import_module(f"configs.{file}").get_config(arg)
    for phase in config.phases:
      shape = SHAPES.get(file, PIXELS)
      at = f"{name} {phase}"
      yield Point("compile", at, config.to_dict(), phase, 2, shape, compiles=True)


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


def main() -> None:
  """Measures and prints the curves asked for."""
  chosen = list(points())
  curves = list(dict.fromkeys(point.curve for point in chosen))
  args = options.parser("sgae.benchmark.growth", __doc__, curves).parse_args()
  found = []
  with tempfile.TemporaryDirectory() as cache:
    for point in chosen:
      if point.curve not in args.only:
        continue
      figures = alone(point, cache)
      if point.compiles:
        figures["second_start_seconds"] = alone(point, cache)["start_seconds"]
      found.append({"curve": point.curve, "at": point.at} | figures)
      sys.stdout.write(f"{describe(found[-1])}\n")
      sys.stdout.flush()
  if args.json:
    Path(args.json).write_text(json.dumps(found, indent=2) + "\n")


def alone(point: Point, cache: str) -> dict[str, float]:
  """Measures one point in a process of its own."""
  with multiprocessing.get_context("spawn").Pool(1) as pool:
    return pool.apply(measure, (point, cache))


def describe(found: dict[str, Any]) -> str:
  """Returns one measured point as a line of text."""
  line = f"{found['curve']:<8} {found['at']:>18}  "
  if "images_per_second" in found:
    line += f"{found['images_per_second']:>9,.0f} images/s  "
    line += f"{found['peak_bytes'] / 2**20:>6,.0f} MiB  "
  line += f"start {found['start_seconds']:.1f} s"
  if "second_start_seconds" in found:
    line += f", from the cache {found['second_start_seconds']:.1f} s"
  return line


if __name__ == "__main__":
  main()
