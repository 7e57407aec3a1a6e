"""`--mode=invert`: the codes or latents of given images under a trained generator."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from sgae.data.new_images import read_images
from sgae.devices.batched_apply import batched_apply
from sgae.devices.mesh import replicate
from sgae.editing import inversion
from sgae.editing.choice import InvertChoice, check_inversion
from sgae.editing.inversion import Tree, draw_candidates, make_invert
from sgae.editing.points import reconstructions
from sgae.editing.trained import Trained, open_run
from sgae.errors import UserError
from sgae.reporting import pictures
from sgae.reporting.console import Console
from sgae.reporting.files import (
  explained,
  read_json,
  require_writable,
  write_arrays,
  write_json,
)
from sgae.runs.directory import results_place

ARRAYS, PICTURE = "invert.npz", "invert.png"
PARTS, ABOUT = "invert.parts", "about.json"
PART = 256  # images whose results are kept together
ROWS_PER_CALL = 64
SHOWN = 20  # images in the picture


def invert_run(
  workdir: Path,
  overrides: dict[str, Any],
  choice: InvertChoice,
  console: Console,
  member: int = -1,
  output: Path | None = None,
) -> None:
  """Finds the points whose images are nearest to given images.

  `invert.npz` has `names`, the given `images` and the `inverted` ones, uint8
  [N, H, W, C], `codes` or `latents` [N, ...], errors [N] as `make_invert` says, and
  `states`, a digest of the weights.
  `invert.png` shows the first images above what was found and, where there is an
  autoencoder, its reconstructions. What is done is kept in parts: a second call of the
  same goes on where the first one ended.

  Args:
    workdir: a run directory.
    overrides: as for `evaluate_run`.
    choice: of the user.
    console: where lines go.
    member: of a population; -1: the first one.
    output: the directory that files go to; None: the run directory.

  Raises:
    UserError: there is no run or no generator, the images do not fit, or a choice is
      impossible.
  """
  check_inversion(choice)
  trained = open_run(workdir, overrides, choice.space, console, member, output)
  check_seed(trained, choice.seed)
  found = read_images(
    choice.images, trained.config.data, trained.image_shape, console.line
  )
  place = results_place(workdir, output, trained.member)
  seed = trained.seed if choice.seed == -1 else choice.seed
  results = inverted(
    trained, found.images, choice.iterations, seed, console, place / PARTS
  )
  space = trained.space
  kept = {f"{space.name}s": results.pop("points"), "inverted": results.pop("images")}
  kept |= {
    "names": np.array(found.names),
    "images": found.images,
    "states": np.array(trained.digest()),
  }
  write_arrays(place / ARRAYS, kept | results)
  _draw(place / PICTURE, trained, found.images[:SHOWN], kept["inverted"][:SHOWN])
  shutil.rmtree(place / PARTS, ignore_errors=True)
  start = f"codes of {space.encoder}" if space.encoder else "random draws"
  console.line(
    f"{len(found.images):,} images as {space.name}s of {trained.name}, from "
    f"{start}: {described(results)}"
  )
  console.line(f"Stored in {place / ARRAYS} and {place / PICTURE}")


def check_seed(trained: Trained, seed: int) -> None:
  """Refuses a seed of draws where images start from codes; -1: none was given."""
  if seed != -1 and trained.space.encode is not None:
    raise UserError(
      f"--seed={seed} is of random draws, but images start from the codes of "
      f"{trained.space.encoder}: leave it out"
    )


def _draw(file: Path, trained: Trained, images: np.ndarray, found: np.ndarray) -> None:
  """Draws images, below them what was found and reconstructions, if there are any."""
  rows = [images, found]
  if trained.space.reconstruct is not None:
    rows.append(reconstructions(trained, images))
  pictures.write_png(file, pictures.grid(np.concatenate(rows), len(images)))


def inverted(
  trained: Trained,
  images: np.ndarray,
  iterations: int,
  seed: int,
  console: Console,
  parts: Path | None = None,
  part: int = PART,
) -> dict[str, np.ndarray]:
  """Returns the results of `make_invert` for any number of images.

  Args:
    trained: the run.
    images: uint8 [N, H, W, C].
    iterations: of Adam.
    seed: of the draws, where nothing encodes images.
    console: where progress goes.
    parts: the folder that keeps finished parts, and is left to the caller; None: none
      are kept.
    part: images whose results are kept together.
  """
  features, params = trained.features()
  space, states = trained.space, trained.states
  drawn = None if space.encode else draw_candidates(space, states, seed, trained.mesh)
  tree = replicate(Tree(states, params, drawn), trained.mesh)
  run = batched_apply(
    make_invert(space, features, iterations), trained.mesh, ROWS_PER_CALL
  )
  if parts is not None:
    _claim(parts, _identity(trained, images, iterations, seed, part), console)
  found = []
  for start in range(0, len(images), part):
    file = None if parts is None else parts / f"{start:08d}.npz"
    if file is not None and file.exists():
      with explained(file), np.load(file, allow_pickle=False) as kept:
        found.append(dict(kept))
      continue
    found.append(run(tree, images[start : start + part]))
    if file is not None:
      write_arrays(file, found[-1])
    if len(images) > part:
      console.line(f"{min(start + part, len(images)):,} of {len(images):,} inverted")
  return {name: np.concatenate([part[name] for part in found]) for name in found[0]}


def _identity(trained, images, iterations, seed, part) -> dict[str, Any]:
  """Returns what the parts of an inversion depend on, in what JSON can hold."""
  extractor = trained.data.extractor
  return {
    "states": trained.digest(),
    "images": hashlib.sha256(np.ascontiguousarray(images).data).hexdigest(),
    "space": trained.space.name,
    "iterations": iterations,
    "seed": seed,
    "part": part,
    "features": extractor.about["sha256"] if extractor else "",
    "rates": [inversion.RATE, inversion.FEATURE_WEIGHT, inversion.STARTS],
  }


def _claim(parts: Path, identity: dict[str, Any], console: Console) -> None:
  """Makes the folder of parts; those of another inversion go."""
  known = read_json(parts / ABOUT)
  if known == json.loads(json.dumps(identity)):
    done = len(list(parts.glob("*.npz")))
    console.line(f"Going on: {done} parts of the images are done ({parts})")
    return
  shutil.rmtree(parts, ignore_errors=True)
  require_writable(parts)
  write_json(parts / ABOUT, identity)


def described(results: dict[str, np.ndarray]) -> str:
  """Returns the mean errors in words."""
  mean = {name: float(values.mean()) for name, values in results.items()}
  parts = [f"pixel error {mean['pixel_error']:.4f} (start {mean['start_error']:.4f}"]
  if "reconstruction_error" in mean:
    parts.append(f", autoencoder {mean['reconstruction_error']:.4f}")
  parts.append(")")
  if "feature_error" in mean:
    parts.append(f", feature error {mean['feature_error']:.4f}")
  return "".join(parts)
