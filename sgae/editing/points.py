"""Points of a trained run: of given images, of samples, and of its training data."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from sgae import randomness
from sgae.data import npz
from sgae.data.dataset import Split, labelled
from sgae.data.local import absolute, shown
from sgae.data.resident import to_model_range
from sgae.devices.batched_apply import batched_apply
from sgae.editing.trained import Trained
from sgae.errors import UserError
from sgae.methods.sampling import STREAM, as_stored

REFERENCE = 10_000  # points that classes and directions are found from, at most


class Reference(NamedTuple):
  """Points that classes and directions are found from.

  Attributes:
    points: float32 [N, ...].
    classes: int [N]; None where no class is known.
  """

  points: np.ndarray
  classes: np.ndarray | None


def make_images(trained: Trained) -> Callable[[np.ndarray], np.ndarray]:
  """Returns `images(points)`, uint8 [N, H, W, C] of points [N, ...] of the space."""

  def rows(states, points):
    return as_stored(trained.space.images(states, points))

  run = batched_apply(rows, trained.mesh)
  return lambda points: run(trained.states, points)


def make_classes(trained: Trained) -> Callable[[np.ndarray], np.ndarray] | None:
  """Returns `classes(images)`, int [N], by the feature network of the data.

  None where there is no such network, or it names no class of a whole image.
  """
  extractor = trained.data.extractor
  if extractor is None or extractor.task != "labels" or trained.digits() > 1:
    return None
  run = extractor.extract_features(trained.mesh)
  return lambda images: run(images)[1].argmax(axis=1)


def drawn_points(trained: Trained, seed: int, numbers: np.ndarray) -> np.ndarray:
  """Returns the points of samples, float32 [N, ...], as `--mode=sample` numbers them.

  Args:
    trained: the run.
    seed: of the samples.
    numbers: int32 [N].
  """
  space = trained.space
  key = randomness.stream_key(randomness.root_key(seed), STREAM)

  def rows(states, positions_b):
    return space.place(states, space.draw(states, key, positions_b))

  return batched_apply(rows, trained.mesh)(trained.states, numbers)


def encoded(trained: Trained, images: np.ndarray) -> np.ndarray:
  """Returns the points of images by the encoder, float32 [N, ...].

  Args:
    trained: a run whose space has an encoder.
    images: uint8 [N, H, W, C].
  """
  encode: Any = trained.space.encode

  def rows(states, images_bhwc):
    return encode(states, to_model_range(images_bhwc))

  return batched_apply(rows, trained.mesh)(trained.states, images)


def reconstructions(trained: Trained, images: np.ndarray) -> np.ndarray:
  """Returns what the phase that encodes makes of images, uint8 [N, H, W, C].

  Args:
    trained: a run whose space has a phase that reconstructs.
    images: uint8 [N, H, W, C].
  """
  reconstruct: Any = trained.space.reconstruct

  def rows(states, images_bhwc):
    return as_stored(reconstruct(states, to_model_range(images_bhwc)))

  return batched_apply(rows, trained.mesh)(trained.states, images)


def reference_images(trained: Trained) -> Split:
  """Returns at most 10,000 of the training images that have a label.

  They are taken at equal distances, since data may be sorted by class.
  """
  split = labelled(trained.data.dataset.train)
  every = max(-(-len(split.images) // REFERENCE), 1)
  return Split(split.images[::every], split.labels[::every])


def reference_points(trained: Trained) -> Reference:
  """Returns the points of `reference_images`, with their classes.

  Where nothing encodes images, the points are those of 10,000 samples, and their
  classes the feature network's.
  """
  if trained.space.encode is not None:
    dataset = trained.data.dataset
    images, labels = reference_images(trained)
    known = dataset.num_classes > 1 and trained.digits() == 1
    return Reference(encoded(trained, images), labels if known else None)
  numbers = np.arange(REFERENCE, dtype=np.int32)
  points = drawn_points(trained, trained.seed, numbers)
  classes = make_classes(trained)
  if classes is None:
    return Reference(points, None)
  return Reference(points, classes(make_images(trained)(points)))


def kept_points(file: str, trained: Trained) -> np.ndarray | None:
  """Returns the points that an `invert.npz` of the run holds; None: it holds none.

  Args:
    file: what a user gave as images.
    trained: the run.

  Raises:
    UserError: the file cannot be read, or its points are of other weights.
  """
  name, path = f"{trained.space.name}s", absolute(file)
  if not path.lower().endswith(".npz"):
    return None
  advice = "write it again with --mode=invert"
  with npz.opened(path, shown(path), advice) as stored:
    if not {name, "states"} <= set(stored.files):
      return None
    points, states = (
      npz.array_of(shown(path), stored, key, advice) for key in (name, "states")
    )
  if str(states) != trained.digest() or points.shape[1:] != trained.space.shape:
    raise UserError(
      f"--images={file} holds {name} of another run, member or step: {advice}, or "
      "give the images alone"
    )
  return points
