"""`--mode=sample`: writes samples of a finished or running run to files."""

from pathlib import Path
from typing import Any

from sgae.data import sources
from sgae.data.mixture import named
from sgae.devices.mesh import local_mesh, make_mesh
from sgae.errors import UserError
from sgae.methods import METHODS
from sgae.methods.population import chosen_member, state_of
from sgae.methods.sampling import COLUMNS, ROWS, make_sampler
from sgae.reporting import pictures
from sgae.reporting.console import Console
from sgae.runs import directory as run_directory
from sgae.runs.checkpoints import read_state
from sgae.runs.load import stored_config


def sample_run(
  workdir: Path,
  overrides: dict[str, Any],
  num_samples: int,
  format: str,
  console: Console,
  member: int = -1,
) -> None:
  """Draws samples from the generator of a run; needs nothing but the run directory.

  Samples of a mixture are stored in the units of its paper, see sgae/data/mixture.py.

  Args:
    workdir: a run directory with at least one phase that generates; the last is used.
    overrides: as for `evaluate_run`.
    num_samples: number of single samples; 0: only the grid.
    format: 'png' or 'npz', of the single samples.
    console: where the names of the files go.
    member: of a population, whose files go to `members/<member>`; -1: the first one.

  Raises:
    UserError: there is no run, no generator, no checkpoint yet or no such member.
  """
  if num_samples < 0:
    raise UserError(f"--num_samples={num_samples} is too small: choose 0 or more")
  config = stored_config(workdir, overrides)
  generating = [name for name in config.phases if METHODS[name].generates]
  if not generating:
    raise UserError(f"{workdir} has no generator (phases={tuple(config.phases)})")
  name = generating[-1]
  chosen = chosen_member(config, member)
  # of a population each device holds whole members, of which one is taken
  mesh = make_mesh(config.parallel.devices) if chosen is None else local_mesh()
  image_shape = tuple(run_directory.read(workdir)["image_shape"])
  restored = read_state(config, workdir, name, image_shape, mesh, console.line)
  if restored is None:
    raise UserError(f"{workdir} has no checkpoint of the {name} phase yet: train first")
  step, state = restored[0], state_of(restored[1], chosen)
  of = "" if chosen is None else f" of {chosen.describe()}"
  if chosen is not None:
    workdir = workdir / "members" / str(chosen.number)
  points = config.data.source == "mixture"
  shown = pictures.POINTS_SHOWN if points else ROWS * COLUMNS
  program = METHODS[name].build(config, image_shape)
  samples = make_sampler(program, mesh)(state, max(num_samples, shown))
  if points:
    real = sources.load(config.data, console.line).test.images
    picture = pictures.points(real, samples[:shown])
    samples = (samples * named(config.data.name).scale).reshape(-1, 2)
  else:
    picture = pictures.grid(samples[:shown], COLUMNS)
  directory = workdir / "samples"
  if num_samples:
    written = pictures.write_samples(directory, samples[:num_samples], format)
    console.line(f"{num_samples} samples{of} of step {step}: {written}")
  # not in the folder of samples: tools that compute FID take every picture in it
  grid = workdir / "samples.png"
  pictures.write_png(grid, picture)
  console.line(f"Grid{of} of step {step}: {grid}")
