"""`--mode=edit`: images of a trained generator with some latents changed."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sgae.data.dataset import names_of_classes
from sgae.data.new_images import read_images
from sgae.editing import edits
from sgae.editing.choice import (
  EditChoice,
  check,
  parse_direction,
  parse_sets,
  parse_strengths,
  parse_towards,
  parse_transfer,
)
from sgae.editing.invert import check_seed, inverted
from sgae.editing.points import (
  drawn_points,
  kept_points,
  make_classes,
  make_images,
  reference_points,
)
from sgae.editing.trained import Trained, open_run
from sgae.errors import UserError
from sgae.evaluation.choice import class_number, numbers_of
from sgae.evaluation.measures.editing import pixel_change
from sgae.reporting import pictures
from sgae.reporting.console import Console
from sgae.reporting.files import write_arrays
from sgae.runs.directory import results_place

ARRAYS, PICTURE = "edit.npz", "edit.png"
SAMPLES = 8  # that are edited where nothing says how many
DIRECTIONS = 64  # principal ones, at most
SHOWN = 20  # images in the picture, and in a line

Change = Callable[[np.ndarray, Any], np.ndarray]  # of points and their classes


def edit_run(
  workdir: Path,
  overrides: dict[str, Any],
  choice: EditChoice,
  console: Console,
  member: int = -1,
  output: Path | None = None,
) -> None:
  """Edits images or samples, at several strengths.

  `edit.png` has a row for each image: the given one, where there is one, then one for
  each strength. `edit.npz` has `strengths` [S], `images` uint8 [N, S, H, W, C],
  `codes` or `latents` [N, S, ...], `touched` bool [N, S, K], `pixel_change` float32
  [N, S] and, where the feature network names classes, `classes` int [N, S] and
  `class_before` [N]. A change is from the image of the unchanged point.

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
  check(choice)
  strengths = parse_strengths(choice.strengths)
  trained = open_run(workdir, overrides, choice.space, console, member, output)
  kept = kept_points(choice.images, trained) if choice.images else None
  given = _given(trained, choice, console, kept is not None)
  numbers = _numbers(choice)
  classes_of = make_classes(trained)
  rows = len(numbers if given is None else given)
  # what is asked for is refused before the points are looked for, which takes long
  change_of = _make_change(trained, choice, rows, classes_of is not None)
  points = _points(trained, choice, given, kept, numbers, console)
  images_of, space = make_images(trained), trained.space
  before = images_of(points)
  classes = None if classes_of is None else classes_of(before)
  change = change_of(points, classes)
  changed = [edits.edited(points, change, s, space.non_negative) for s in strengths]
  after = [images_of(each) for each in changed]
  found = {
    "strengths": np.array(strengths, np.float32),
    "images": np.stack(after, axis=1),
    f"{space.name}s": np.stack(changed, axis=1),
    "touched": np.stack([edits.touched(points, each) for each in changed], axis=1),
    "pixel_change": np.stack([pixel_change(before, each) for each in after], axis=1),
  }
  if classes is not None and classes_of is not None:
    by_strength = [classes_of(each) for each in after]
    found |= {"class_before": classes, "classes": np.stack(by_strength, axis=1)}
  place = results_place(workdir, output, trained.member)
  write_arrays(place / ARRAYS, found)
  _draw(place / PICTURE, ([] if given is None else [given]) + after)
  names = names_of_classes(trained.data.dataset)
  for line in described(found, names):
    console.line(line)
  console.line(
    f"{len(points):,} images of {trained.name}: {place / PICTURE} and {place / ARRAYS}"
  )


def _draw(file: Path, columns: list[np.ndarray]) -> None:
  """Draws the first images of each column, a row for each image."""
  cells = np.stack(columns, axis=1)[:SHOWN]
  cells = cells.reshape(-1, *cells.shape[2:])
  pictures.write_png(file, pictures.grid(cells, len(columns)))


def described(found: dict[str, np.ndarray], names: tuple[str, ...]) -> list[str]:
  """Returns a line for each strength: latents touched, pixel change and classes.

  Args:
    found: as `edit.npz` has it.
    names: of the classes.
  """
  lines = []
  for s, strength in enumerate(found["strengths"]):
    touched = found["touched"][:, s]
    line = (
      f"strength {strength:g}: {touched.sum(axis=1).mean():.4g} of {touched.shape[1]} "
      f"latents touched, pixel change {found['pixel_change'][:, s].mean():.4f}"
    )
    if "classes" in found:
      pairs = zip(found["class_before"], found["classes"][:, s], strict=True)
      said = [f"{names[a]} -> {names[b]}" if a != b else names[a] for a, b in pairs]
      more = f" and {len(said) - SHOWN} more" if len(said) > SHOWN else ""
      line += f", classes {', '.join(said[:SHOWN])}{more}"
    lines.append(line)
  return lines


def _given(
  trained: Trained, choice: EditChoice, console: Console, inverted: bool
) -> np.ndarray | None:
  """Returns the images to edit, uint8 [N, H, W, C]; None: samples are edited.

  Of a file with their points, which are `inverted`, no array is left out.
  """
  if not choice.images:
    return None
  report = Console(quiet=True).line if inverted else console.line
  return read_images(
    choice.images, trained.config.data, trained.image_shape, report
  ).images


def _numbers(choice: EditChoice) -> np.ndarray:
  """Returns the numbers of the samples to edit, int32 [N], if samples are edited."""
  if choice.indices:
    return numbers_of(choice.indices)
  return np.arange(choice.num_samples or SAMPLES, dtype=np.int32)


def _points(
  trained: Trained,
  choice: EditChoice,
  given: np.ndarray | None,
  kept: np.ndarray | None,
  numbers: np.ndarray,
  console: Console,
) -> np.ndarray:
  """Returns the points of the given images, or of samples where there are none."""
  seed = trained.seed if choice.seed == -1 else choice.seed
  if given is None:
    return drawn_points(trained, seed, numbers)
  if kept is None:
    check_seed(trained, choice.seed)
    return inverted(trained, given, choice.iterations, seed, console)["points"]
  if choice.iterations != EditChoice().iterations or choice.seed != -1:
    raise UserError(
      f"--iterations and --seed are of the search for points, and --images="
      f"{choice.images} holds them already: leave both out"
    )
  return kept


def _make_change(
  trained: Trained, choice: EditChoice, rows: int, named: bool
) -> Change:
  """Returns `change(points, classes)`: that of each point which the user asks for.

  Args:
    trained: the run.
    choice: of the user.
    rows: how many points there are.
    named: whether the feature network names their classes.

  Raises:
    UserError: the edit cannot be read, or names what there is not.
  """
  shape = trained.space.shape
  if choice.set:
    sets = parse_sets(choice.set, shape[-1])
    return lambda points, classes: edits.of_sets(points, sets)
  if choice.transfer:
    row, latents = parse_transfer(choice.transfer, rows, shape[-1])
    return lambda points, classes: edits.transfer(points, points[row], latents)
  if choice.along:
    number = parse_direction(choice.along, min(DIRECTIONS, math.prod(shape)))
    reference = reference_points(trained).points
    if number >= len(reference):
      raise UserError(
        f"--along=pca:{number} is no direction of {len(reference)} reference points: "
        f"choose one below {len(reference)}"
      )
    found = edits.principal(reference, number + 1)
    return lambda points, classes: edits.along(found, number, points)
  return _make_towards(trained, choice.towards, named)


def _make_towards(trained: Trained, text: str, named: bool) -> Change:
  dataset = trained.data.dataset
  if not named or dataset.num_classes < 2:
    raise UserError(
      f"--towards={text} needs classes, and no feature network names those of "
      f"{dataset.name}: choose another edit"
    )
  names = names_of_classes(dataset)
  name, most = parse_towards(text, names)
  target = class_number(name, names)
  if target is None:
    raise UserError(
      f"--towards={text!r} names no class: choose one of {', '.join(names[:20])}"
    )

  def towards(points, classes):
    reference: Any = reference_points(trained)
    means = edits.class_means(reference.points, reference.classes, dataset.num_classes)
    change = edits.towards(means, classes, target)
    if not np.isfinite(change).all():
      raise UserError(
        f"--towards={text}: {dataset.name} has no example of a class that is needed: "
        "choose another one"
      )
    if not 0 < most < points.shape[-1]:
      return change
    effect = edits.edited(points, change, 1, trained.space.non_negative) - points
    return edits.strongest(change, effect, most)

  return towards
