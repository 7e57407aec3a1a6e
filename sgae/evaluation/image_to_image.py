"""New images through a trained run that makes images of images."""

import functools
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from sgae.data import npz
from sgae.data.local import absolute
from sgae.errors import UserError
from sgae.evaluation.apply import apply_to_images
from sgae.methods.population import build_one
from sgae.reporting import pictures
from sgae.reporting.console import Console
from sgae.reporting.files import explained, write_arrays


def image_to_image_run(
  workdir: Path,
  overrides: dict[str, Any],
  mode: str,
  images: str,
  console: Console,
  member: int = -1,
  output: Path | None = None,
  function: str = "",
  second: bool = False,
) -> None:
  """Writes what a function of a run makes of new images.

  The folder named like the mode gets a PNG file for each image, under its own name;
  `<mode>.npz` beside it has `files` and `images`, uint8 [N, H, W, C]. Pictures that an
  earlier call made of other images go.

  Args:
    workdir: a run directory; its last phase with the function is used.
    overrides: as for `evaluate_run`.
    mode: of the command line.
    images: an image, a folder, an archive or a .npz file, of the shape that the
      function takes, see `data.new_images`.
    console: where the names of the files go.
    member: of a population; -1: the first one.
    output: the directory that files go to; None: the run directory.
    function: of the phase's program, float32 images in [-1, 1] to such; '': that named
      like the mode.
    second: whether images are read as those of the second side of the run's data.

  Raises:
    UserError: there is no run, no phase with the function, no checkpoint or no such
      member, or the images do not fit or lie where the results go.
  """
  function = function or mode
  applied = apply_to_images(
    workdir,
    overrides,
    mode,
    function,
    images,
    console,
    member,
    output,
    phase_of=functools.partial(_phase_with, function, workdir, mode),
    finish=pictures.to_bytes,
    check_place=functools.partial(_check_apart, images, mode),
    check=pictures_of,
    second=second,
  )
  folder, arrays = _places(applied.place, mode)
  names, older = pictures_of(applied.files), _older(arrays)
  for name, image in zip(names, applied.results, strict=True):
    pictures.write_png(folder / name, image)
  _remove(folder, older - set(names))
  results = {"files": np.array(applied.files), "images": applied.results}
  write_arrays(arrays, results)
  height, width = applied.results.shape[1:3]
  console.line(
    f"{len(applied.files):,} images of {width}x{height} pixels by {applied.phase}"
    f"{applied.of} of step {applied.step}: {folder} and {arrays}"
  )


def _places(place: Path, mode: str) -> tuple[Path, Path]:
  """Returns the folder of the pictures, and the file of the arrays."""
  return place / mode, place / f"{mode}.npz"


def _check_apart(images: str, mode: str, place: Path) -> None:
  """Refuses images that the results would replace."""
  given = Path(absolute(images)).resolve()
  if {each.resolve() for each in _places(place, mode)} & {given, *given.parents}:
    raise UserError(f"--images={images} is where the results go: give another --output")


def _older(arrays: Path) -> set[str]:
  """Returns the names of the pictures that an earlier call made."""
  if not arrays.exists():
    return set()
  advice = "delete it, with the pictures beside it"
  with npz.opened(str(arrays), str(arrays), advice) as stored:
    files = npz.array_of(str(arrays), stored, "files", advice).tolist()
  # of a file from elsewhere a name could lead out of the folder
  return {name for name in pictures_of(files) if not {"/", ".."} & {*Path(name).parts}}


def _remove(folder: Path, names: set[str]) -> None:
  with explained(folder):
    for name in names:
      (folder / name).unlink(missing_ok=True)


def _phase_with(
  function: str, workdir: Path, mode: str, config: Any, image_shape: tuple[int, ...]
) -> str:
  """Returns the last phase whose program has a function."""
  for name in reversed(config.phases):
    if function in build_one(name, config, image_shape).functions:
      return name
  raise UserError(
    f"{workdir} has no {function!r} for --mode={mode} "
    f"(phases={tuple(config.phases)}): choose another run"
  )


def pictures_of(files: list[str]) -> list[str]:
  """Returns the name of the PNG file of each image.

  Raises:
    UserError: two of them have the same one.
  """
  names: dict[str, str] = {}
  for file in files:
    name = PurePosixPath(file).with_suffix(".png").as_posix()
    if name in names:
      raise UserError(
        f"--images has {names[name]} and {file}, which would both become {name}: "
        "rename one"
      )
    names[name] = file
  return list(names)
