"""Looking at a finished or running run: `--mode=evaluate` and `--mode=sample`."""

from pathlib import Path
from typing import Any

import numpy as np

from sgae.config import RESUMABLE
from sgae.data import resident, sources
from sgae.data.cache import cache_root
from sgae.data.mixture import named
from sgae.devices.backend import enable_compilation_cache
from sgae.devices.mesh import make_mesh
from sgae.diagnostics.health import events
from sgae.errors import UserError
from sgae.evaluation import feature_extractor
from sgae.evaluation.evaluate import assess
from sgae.evaluation.reference import Judge
from sgae.evaluation.sample import COLUMNS, ROWS, make_sampler
from sgae.phases import PHASES, SHOWN, WARNINGS
from sgae.reporting import pictures
from sgae.reporting.console import Console
from sgae.reporting.metrics import read_metrics
from sgae.reporting.report import write_report
from sgae.runs import directory as run_directory
from sgae.runs.checkpoints import read_state


def evaluate(workdir: Path, overrides: dict[str, Any], console: Console) -> None:
  """Prints the measures of each phase on the test split, and stores them.

  Floor and controls of the data set are computed where they are not known yet.

  Args:
    workdir: a run directory; its own config is used.
    overrides: fields set by hand, {'data.directory': ...}; only those that a resume may
      change.
    console: where the tables go.

  Raises:
    UserError: no run, no checkpoint, no data, or another field set.
  """
  config = _config_of(workdir, overrides)
  mesh = make_mesh(config.parallel.devices)
  dataset = sources.load(config.data, console.line)
  mean_image = resident.mean_image(dataset.train.images)
  states = {}
  for name in config.phases:
    phase = PHASES[name](config, mean_image)
    restored = read_state(config, workdir, phase, mesh, console.line)
    if restored is None:
      console.line(f"{name}: no checkpoint yet")
    else:
      states[name] = restored
  if not states:
    raise UserError(f"{workdir} has no checkpoint yet: train first")
  cache = cache_root(config.data.cache_directory)
  judge = Judge(dataset, feature_extractor.obtain(config, dataset, cache, console))
  assess(config, workdir, judge, mesh, states, console, afresh=True)
  write_report(workdir, events(read_metrics(workdir), WARNINGS), SHOWN)
  console.line(f"Report: {workdir}/report.html")


def sample(
  workdir: Path,
  overrides: dict[str, Any],
  num_samples: int,
  format: str,
  console: Console,
) -> None:
  """Draws samples of the averaged generator; needs the run directory alone.

  Samples of a mixture are stored in the units of its authors, see sgae/data/mixture.py.

  Args:
    workdir: a run directory with a `gan` phase.
    overrides: as for `evaluate`.
    num_samples: how many; 0: only a grid.
    format: 'png' or 'npz', of the single samples.
    console: where the names of the files go.

  Raises:
    UserError: no run, no generator, or nothing saved yet.
  """
  if num_samples < 0:
    raise UserError(f"--num_samples={num_samples} is too small: choose 0 or more")
  config = _config_of(workdir, overrides)
  if "gan" not in config.phases:
    raise UserError(f"{workdir} has no generator (phases={tuple(config.phases)})")
  mesh = make_mesh(config.parallel.devices)
  mean_image = np.zeros(run_directory.read(workdir)["image_shape"], np.float32)
  phase = PHASES["gan"](config, mean_image)
  restored = read_state(config, workdir, phase, mesh, console.line)
  if restored is None:
    raise UserError(f"{workdir} has no checkpoint of the gan phase yet: train first")
  step, state = restored
  points = config.data.source == "mixture"
  shown = pictures.POINTS_SHOWN if points else ROWS * COLUMNS
  samples = make_sampler(config, mean_image, mesh)(state, max(num_samples, shown))
  if points:
    real = sources.load(config.data, console.line).test.images
    picture = pictures.points(real, samples[:shown])
    samples = (samples * named(config.data.name).scale).reshape(-1, 2)
  else:
    picture = pictures.grid(samples[:shown], COLUMNS)
  directory = workdir / "samples"
  if num_samples:
    made = pictures.write_samples(directory, samples[:num_samples], format)
    console.line(f"{num_samples} samples of step {step}: {made}")
  # not among the samples: what measures a folder takes every picture in it
  grid = workdir / "samples.png"
  pictures.write_png(grid, picture)
  console.line(f"Grid of step {step}: {grid}")


def _config_of(workdir: Path, overrides: dict[str, Any]) -> Any:
  fixed = [field for field in overrides if not field.startswith(RESUMABLE)]
  if fixed:
    raise UserError(
      f"--config.{fixed[0]} has no effect here: this mode uses the config that "
      f"{workdir} was trained with"
    )
  config = run_directory.stored_config(workdir, overrides)
  enable_compilation_cache(cache_root(config.data.cache_directory) / "jax")
  return config
