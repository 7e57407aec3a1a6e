"""How well edits of a run succeed, what they keep, and how much a latent means.

Edits are of samples: their points are known exactly, so no inversion stands between.
Each is moved from its own class to each of the others.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from sgae.data.resident import to_model_range
from sgae.devices.batched_apply import batched_apply
from sgae.editing import edits
from sgae.editing.points import (
  Reference,
  drawn_points,
  make_images,
  reference_images,
)
from sgae.editing.trained import Trained
from sgae.errors import UserError
from sgae.evaluation.measures import editing
from sgae.evaluation.measures.estimate import Estimate
from sgae.evaluation.measures.restoration import feature_distances
from sgae.reporting import pictures

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0)
FEW = 10  # latents that an edit of few changes, and principal directions of several
LEVELS = (0.5, 0.8)  # of success, at which changes are compared
TOP = 16  # images of a latent by which its purity is measured
STEP = 1.0  # of a latent, in its standard deviations, whose effect is compared

Change = Callable[[np.ndarray, np.ndarray, int], np.ndarray]


def directions(trained: Trained, reference: Reference) -> dict[str, Change]:
  """Returns ways to a class: name -> `change(points, own classes, target)`.

  `class` is the difference of class means, `few` the same of the 10 latents on which it
  has most effect, `principal` and `principals` the same along the one, or within the
  first 10, of the principal directions, and `random` the difference with its latents in
  another order.

  Args:
    trained: the run.
    reference: points with classes.
  """
  labels: Any = reference.classes
  classes = trained.data.dataset.num_classes
  means = edits.class_means(reference.points, labels, classes)
  found = edits.principal(reference.points, FEW)
  basis = found.directions.reshape(len(found.directions), -1)
  order = np.random.default_rng(0).permutation(reference.points.shape[-1])

  def whole(points, own_n, target):
    del points
    return edits.towards(means, own_n, target)

  def few(points, own_n, target):
    change = edits.towards(means, own_n, target)
    moved = edits.edited(points, change, 1, trained.space.non_negative)
    return edits.strongest(change, moved - points, FEW)

  def within(points, own_n, target, most=FEW):
    change = edits.towards(means, own_n, target)
    along = change.reshape(len(change), -1) @ basis.T
    weakest = np.argsort(-np.abs(along), axis=1)[:, most:]
    np.put_along_axis(along, weakest, 0, axis=1)
    return (along @ basis).reshape(points.shape)

  def single(points, own_n, target):
    return within(points, own_n, target, 1)

  def shuffled(points, own_n, target):
    del points
    return edits.towards(means, own_n, target)[..., order]

  return {
    "class": whole,
    "few": few,
    "principals": within,
    "principal": single,
    "random": shuffled,
  }


def _asked(own_n: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Returns each edit: the row of a sample, and a class that is not its own."""
  pairs = [(row, t) for t in known for row in np.flatnonzero(own_n != t)]
  if not pairs:
    raise UserError(
      "all samples show the only class that training images are known to be of: train "
      "on data with labels of more"
    )
  rows, targets = (np.array(each) for each in zip(*pairs, strict=True))
  return rows, targets


def edit_figures(
  trained: Trained, reference: Reference, samples: int
) -> dict[str, list[dict[str, Estimate]]]:
  """Returns the measures of edits: direction -> for each of `STRENGTHS`, by name.

  `pixels` is a control without a generator: the difference of the mean training images
  of two classes is added to the sample itself; it is measured beside codes.

  Args:
    trained: a run whose feature network names classes.
    reference: points with classes.
    samples: how many are edited.

  Raises:
    UserError: samples show a class that the reference has no point of, or there is no
      other class than theirs.
  """
  images_of, space = make_images(trained), trained.space
  extract: Any = trained.data.extract_features(trained.mesh)
  numbers = np.arange(samples, dtype=np.int32)
  points = drawn_points(trained, trained.seed, numbers)
  before = extract(images_of(points))
  own_n = before.probabilities.argmax(axis=1)
  known = np.unique(np.asarray(reference.classes))
  if missing := set(own_n) - set(known):
    raise UserError(
      f"no training image is known to be of class {min(missing)}, which samples show: "
      "train on data with labels of all classes"
    )

  rows, targets = _asked(own_n, known)

  def by_strength(points, change_of, images_of, non_negative):
    start = points[rows]
    changes = [
      change_of(start[targets == target], own_n[rows[targets == target]], int(target))
      for target in np.unique(targets)
    ]
    change, measures = np.concatenate(changes), []
    for strength in STRENGTHS:
      moved = edits.edited(start, change, strength, non_negative)
      after = extract(images_of(moved))
      measures.append(
        editing.edit_measures(
          rows,
          after.probabilities.argmax(axis=1),
          targets,
          editing.pixel_change(before.images[rows], after.images),
          feature_distances(after.features, before.features[rows]),
          edits.touched(start, moved),
        )
      )
    return measures

  found = {
    name: by_strength(points, change_of, images_of, space.non_negative)
    for name, change_of in directions(trained, reference).items()
  }
  if space.name == "code":  # the other space has the same samples
    pixels = np.asarray(to_model_range(before.images))
    of_classes = _between_mean_images(trained)
    found["pixels"] = by_strength(pixels, of_classes, pictures.to_bytes, False)
  return found


def _between_mean_images(trained: Trained) -> Change:
  dataset = trained.data.dataset
  images, labels = reference_images(trained)
  stored = np.asarray(to_model_range(images))
  means = edits.class_means(stored, labels, dataset.num_classes)
  return lambda points, own_n, target: edits.towards(means, own_n, target)


def level_figures(
  by_strength: Sequence[Mapping[str, float]],
) -> dict[str, Any]:
  """Returns the largest success, and changes where success reaches `LEVELS`.

  Args:
    by_strength: values of the measures of one direction, by rising strength.
  """
  success = [row["success"] for row in by_strength]
  found: dict[str, float | None] = {"success": max(success)}
  for level in LEVELS:
    for name in ("pixel_change", "feature_change"):
      changes = [row[name] for row in by_strength]
      found[f"{name}_at_{level}"] = editing.change_at(success, changes, level)
  found["touched"] = max(row["touched"] for row in by_strength)
  return found


def purity_figures(reference: Reference, classes: int) -> dict[str, Estimate]:
  """Returns how much single latents answer to single classes.

  `latents` is the purity of their 16 strongest images, of each sign where latents have
  both; `principal` that of as many principal coordinates, at most 64 of each sign;
  `chance` that of latents whose images are drawn at random.

  Args:
    reference: points with classes.
    classes: how many there are.

  Raises:
    UserError: no latent is on in as many images.
  """
  labels: Any = reference.classes
  size = reference.points.shape[-1]
  points = reference.points.reshape(len(labels), -1, size).max(axis=1)
  found = edits.principal(points, 64)
  along = (points - points.mean(axis=0)) @ found.directions.T
  random = np.random.default_rng(0).random((len(labels), 256))
  parts = {"latents": points, "principal": along, "chance": random}
  return {name: _purity(values, labels, classes) for name, values in parts.items()}


def _purity(values: np.ndarray, labels: np.ndarray, classes: int) -> Estimate:
  signs = [values, -values] if values.min() < 0 else [values]
  rectified = np.maximum(np.concatenate(signs, axis=1), 0)
  top = editing.top_images(rectified, TOP)
  if (top[:, -1] < 0).all():
    raise UserError(
      f"no latent is on in {TOP} of {len(values)} training images, by which it is "
      "described: choose a run on more of them"
    )
  return editing.purity(editing.class_histograms(top, labels, classes), least=TOP)


def effects(trained: Trained, reference: Reference) -> np.ndarray:
  """Returns what one deviation of each latent adds to the mean point's image, [K, D].

  A linear decoder's are its atoms, scaled; latents that never vary are left out.
  """
  points = reference.points
  centre, spread = points.mean(axis=0), points.std(axis=tuple(range(points.ndim - 1)))
  used = np.flatnonzero(spread)
  moved = np.repeat(centre[None], len(used) + 1, axis=0)
  rows = np.arange(len(used))
  moved[rows, ..., used] += STEP * spread[used].reshape(-1, *[1] * (points.ndim - 2))

  def images(states, points):
    return trained.space.images(states, points)

  found = batched_apply(images, trained.mesh)(trained.states, moved)
  return (found[:-1] - found[-1:]).reshape(len(used), -1)
