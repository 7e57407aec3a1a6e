"""`--mode=sample`: writes samples of a finished or running run to files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sgae import randomness
from sgae.data import sources
from sgae.data.local import absolute
from sgae.data.mixture import named
from sgae.devices.mesh import replicate
from sgae.errors import UserError
from sgae.evaluation.choice import (
  Choice,
  check,
  numbers_of,
  numbers_of_classes,
  read_latents,
)
from sgae.methods import METHODS
from sgae.methods.method import Sampling
from sgae.methods.population import (
  build_one,
  chosen_member,
  mesh_for,
  of_member,
  state_of,
)
from sgae.methods.sampling import (
  COLUMNS,
  centres_of,
  grid_cells,
  make_draw,
  make_generate,
  make_truncated,
)
from sgae.reporting import pictures
from sgae.reporting.console import Console
from sgae.reporting.files import write_json
from sgae.runs import directory as run_directory
from sgae.runs.load import stored_config
from sgae.runs.states import read_state


class Samples(NamedTuple):
  """Samples with what made them.

  Attributes:
    numbers: int32 [N], their numbers; of given latents their rows.
    latents: float32 [N, ...].
    images: [N, H, W, C] as stored.
    single: how many of them, from the first on, are written one by one; the others are
      for the grid alone.
    cells: rows of `images` that the grid shows.
    names: of the classes that latents have weights of; () where they have none.
  """

  numbers: np.ndarray
  latents: np.ndarray
  images: np.ndarray
  single: int
  cells: np.ndarray
  names: tuple[str, ...] = ()


def sample_run(
  workdir: Path,
  overrides: dict[str, Any],
  num_samples: int,
  format: str,
  console: Console,
  member: int = -1,
  choice: Choice = Choice(),  # noqa: B008 (a tuple)
  output: Path | None = None,
) -> None:
  """Draws samples from the generator of a run; needs nothing but the run directory.

  Sample i depends on the seed and on i alone. Samples of a mixture are stored in the
  units of its paper, see sgae/data/mixture.py.

  Args:
    workdir: a run directory with at least one phase that generates; the last is used.
    overrides: as for `evaluate_run`.
    num_samples: number of single samples; 0: only the grid.
    format: 'png' or 'npz', of the single samples.
    console: where the names of the files go.
    member: of a population, whose files go to `members/<member>`; -1: the first one.
    choice: which samples, of which state.
    output: the directory that files go to; None: the run directory.

  Raises:
    UserError: there is no run, no generator, no checkpoint yet, no such member, or a
      choice that is impossible.
  """
  check(choice, num_samples)
  config = stored_config(workdir, overrides, console.line)
  chosen = chosen_member(config, member)
  mesh = mesh_for(config, chosen)
  name, step, state, sampling = _generator(workdir, config, mesh, choice, console)
  points = config.data.source == "mixture"
  names = _names_of_classes(workdir, sampling)
  shown = np.arange(pictures.POINTS_SHOWN) if points else grid_cells(len(names))
  samples = _sampled(
    sampling, state_of(state, chosen), mesh, choice, num_samples, shown, names
  )
  images = samples.images
  if points:
    real = sources.load(config.data, console.line).test.images
    picture = pictures.points(real, images[samples.cells])
    images = (images * named(config.data.name).scale).reshape(-1, 2)
  else:
    picture = pictures.grid(images[samples.cells], COLUMNS)
  folder, of = run_directory.results_place(workdir, output, chosen), of_member(chosen)
  own_seed = config.seed if chosen is None else chosen.seed
  about = {"phase": name, "step": step, **_how(choice, own_seed)}
  if chosen is not None:
    about["member"] = chosen.number
  if samples.single:
    written = _write(folder / "samples", samples, images, format, about)
    console.line(f"{samples.single} samples{of} of step {step}: {written}")
  # not in the folder of samples: tools that compute FID take every picture in it
  grid = folder / "samples.png"
  pictures.write_png(grid, picture)
  console.line(f"Grid{of} of step {step}: {grid}")


def _generator(
  workdir: Path, config: Any, mesh: Any, choice: Choice, console: Console
) -> tuple[str, int, Any, Sampling]:
  """Returns the last phase that generates: name, step, state, how it makes images."""
  generating = [name for name in config.phases if METHODS[name].generates]
  if not generating:
    raise UserError(
      f"{workdir} has no generator (phases={tuple(config.phases)}): choose a run with "
      f"one of {', '.join(name for name in METHODS if METHODS[name].generates)}"
    )
  name = generating[-1]
  shape = tuple(run_directory.read(workdir)["image_shape"])
  wanted = None if choice.step == -1 else choice.step
  restored = read_state(config, workdir, name, shape, mesh, console.line, wanted)
  if restored is None:
    raise UserError(f"{workdir} has no checkpoint of the {name} phase yet: train first")
  sampling: Any = build_one(name, config, shape).sampling
  return name, *restored, sampling


def _names_of_classes(workdir: Path, sampling: Sampling) -> tuple[str, ...]:
  if not sampling.classes:
    return ()
  return tuple(run_directory.read(workdir)["data"]["class_names"])


def _sampled(
  sampling: Sampling,
  state: Any,
  mesh: Any,
  choice: Choice,
  num_samples: int,
  shown: np.ndarray,
  names: tuple[str, ...],
) -> Samples:
  """Returns the chosen samples of a state; without a choice those that are shown, too.

  Args:
    sampling: how they are made.
    state: on the mesh.
    mesh: the devices.
    choice, num_samples: as for `sample_run`.
    shown: their numbers, int [S].
    names: of the classes that latents have weights of; () for none.
  """
  if choice.raw:
    if sampling.last is None:
      raise UserError("--raw has no meaning here: the method keeps no average")
    state = sampling.last(state)
  # before the seed is another one: the mean code belongs to the state
  centres = centres_of(sampling, mesh, state) if choice.truncation != 1 else None
  cells = np.arange(len(shown))
  if choice.latents:
    latents = read_latents(choice.latents, sampling.latent_shape)
    numbers, single = np.arange(len(latents), dtype=np.int32), len(latents)
  else:
    if choice.seed != -1:
      key = randomness.root_key(choice.seed)
      state = state.replace(key=replicate(key, mesh))
    if choice.classes and not names:
      raise UserError(
        f"--classes={choice.classes} is for a conditional run, and this one has no "
        "classes: leave it out, or give --workdir of a run with classes"
      )
    if choice.classes or choice.indices:
      numbers = (
        numbers_of_classes(choice.classes, names)
        if choice.classes
        else numbers_of(choice.indices)
      )
      single = len(numbers)
    else:
      numbers = np.union1d(np.arange(num_samples), shown).astype(np.int32)
      single, cells = num_samples, np.searchsorted(numbers, shown)
    latents = make_draw(sampling, mesh)(state, numbers)
  if centres is None:
    images = make_generate(sampling, mesh)(state, latents)
  else:
    images = make_truncated(sampling, mesh)(state, latents, centres, choice.truncation)
  return Samples(numbers, latents, images, single, cells[cells < len(images)], names)


def _how(choice: Choice, own_seed: int) -> dict[str, Any]:
  """Returns what samples.json says of all samples of a set.

  Args:
    choice: of the user.
    own_seed: of the run, or the member.
  """
  origin: dict[str, Any] = {"seed": own_seed if choice.seed == -1 else choice.seed}
  if choice.latents:
    origin = {"latents_from": absolute(choice.latents)}
  return {**origin, "truncation": choice.truncation, "raw": choice.raw}


def _class_of(samples: Samples, row: int) -> dict[str, Any]:
  """Returns the class of a sample, that of the largest weight in its latent."""
  if not samples.names:
    return {}
  number = int(samples.latents[row, -len(samples.names) :].argmax())
  return {"class": number, "class_name": samples.names[number]}


def _write(
  directory: Path, samples: Samples, images: np.ndarray, format: str, about: dict
) -> Path:
  """Writes single samples, and beside them `latents.npz` and `samples.json`."""
  count = samples.single
  numbers = samples.numbers[:count].tolist()

  def write_more(folder: Path, names: Sequence[str]) -> None:
    np.savez(folder / "latents.npz", latents=samples.latents[:count])
    own = {"seed": about["seed"]} if "seed" in about else {}
    entries = [
      {"file": file, "row": row, "index": number, **own, **_class_of(samples, row)}
      for row, (file, number) in enumerate(zip(names, numbers, strict=True))
    ]
    write_json(
      folder / "samples.json", about | {"latents": "latents.npz", "samples": entries}
    )

  return pictures.write_samples(directory, images[:count], format, numbers, write_more)
