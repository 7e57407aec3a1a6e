"""The measures of generation by name, and which of them a data set allows."""

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sgae.evaluation.measures.classes import class_figures, mode_figures
from sgae.evaluation.measures.conditional import class_accuracy, class_frechet
from sgae.evaluation.measures.estimate import Estimate
from sgae.evaluation.measures.frechet import Gaussian, fit_gaussian, frechet
from sgae.evaluation.measures.kernel import kernel_distance
from sgae.evaluation.measures.manifold import manifold_figures
from sgae.evaluation.measures.memorisation import memorisation_figures, nearest
from sgae.evaluation.measures.mixture import mixture_figures

# Examples whose nearest training image is searched: all 10,000 would take five times as
# long, and these measure a share of 1 % to within a quarter of it.
NEIGHBOURS_SOUGHT = 2000
# Fewest test examples for which a measure on features is defined.
LEAST_EXAMPLES = {"frechet": 2, "kernel": 4, "manifold": 6}


class Extracted(NamedTuple):
  """Examples with their features and class probabilities.

  Attributes:
    images: [N, H, W, C], uint8; points of the plane float32 [N, 1, 1, 2].
    features: float32 [N, D], or None without a feature extractor.
    probabilities: of the classes, float32 [N, K]; [N, S, K] for S stacked digits; None
      without a feature extractor that learnt them.
    labels: integers [N], classes of real examples or those that samples were asked for;
      None: there are none.
  """

  images: np.ndarray
  features: np.ndarray | None
  probabilities: np.ndarray | None
  labels: np.ndarray | None = None


@dataclass(frozen=True)
class Reference:
  """What samples are compared with.

  Attributes:
    test: examples of the test split.
    train_images: [N, H, W, C], the training images.
    means_k2, sigma: of the mixture for points of the plane, else None.
  """

  test: Extracted
  train_images: np.ndarray
  means_k2: np.ndarray | None = None
  sigma: float | None = None

  @functools.cached_property
  def gaussian(self) -> Gaussian:
    """Mean and covariance of the test features."""
    if self.test.features is None:
      raise ValueError("without a feature extractor there are no features")
    return fit_gaussian(self.test.features)

  @functools.cached_property
  def test_to_train(self) -> np.ndarray:
    """Distances of the first test images to their nearest training images."""
    return self.to_train(self.test.images[:NEIGHBOURS_SOUGHT])[0]

  def to_train(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns distance to, and index of, each image's nearest training image."""
    return nearest(_flat(images), _flat(self.train_images))


def _frechet(extracted, reference):
  figures = {"frechet": frechet(extracted.features, reference.gaussian)}
  test = reference.test
  if extracted.labels is not None and test.labels is not None:
    figures |= class_frechet(
      extracted.features, extracted.labels, test.features, test.labels
    )
  return figures


def _kernel(extracted, reference):
  return {"kernel": kernel_distance(extracted.features, reference.test.features)}


def _manifold(extracted, reference):
  # No more test images than samples, so that few samples take less time than many.
  # Recall and coverage rise with the number of samples: compare equal numbers.
  return manifold_figures(
    extracted.features, reference.test.features[: len(extracted.features)]
  )


def _classes(extracted, reference):
  figures = class_figures(extracted.probabilities, reference.test.probabilities)
  if extracted.labels is not None:
    figures |= class_accuracy(extracted.probabilities, extracted.labels)
  return figures


def _modes(extracted, reference):
  del reference
  labels_nd = extracted.probabilities.argmax(axis=2)
  digits, classes = labels_nd.shape[1], extracted.probabilities.shape[2]
  modes_n = labels_nd @ classes ** np.arange(digits)[::-1]
  return mode_figures(modes_n, classes**digits)


def _mixture(extracted, reference):
  points_n2 = _flat(extracted.images)
  return mixture_figures(points_n2, reference.means_k2, reference.sigma)


def _memorisation(extracted, reference):
  distances, _ = reference.to_train(extracted.images[:NEIGHBOURS_SOUGHT])
  return memorisation_figures(distances, reference.test_to_train)


MEASURES: dict[str, Callable[[Extracted, Reference], dict[str, Estimate]]] = {
  "frechet": _frechet,
  "kernel": _kernel,
  "manifold": _manifold,
  "classes": _classes,
  "modes": _modes,
  "mixture": _mixture,
  "memorisation": _memorisation,
}


def allowed(reference: Reference) -> list[str]:
  """Returns the names of the measures whose inputs the data set has."""
  test = reference.test
  if reference.means_k2 is not None:
    return ["mixture"]
  if test.features is None:
    return ["memorisation"]
  on_features = [
    name for name, least in LEAST_EXAMPLES.items() if len(test.images) >= least
  ]
  if test.probabilities is None:
    return [*on_features, "memorisation"]
  if test.probabilities.ndim == 3:
    return [*on_features, "modes"]
  return [*on_features, "classes", "memorisation"]


def measure(
  extracted: Extracted, reference: Reference, names: Iterable[str]
) -> dict[str, Estimate]:
  """Returns the figures of the named measures, as far as the data set allows them."""
  figures: dict[str, Estimate] = {}
  possible = allowed(reference)
  for name in names:
    if name in possible:
      figures |= MEASURES[name](extracted, reference)
  return figures


def _flat(images_nhwc: np.ndarray) -> np.ndarray:
  return images_nhwc.reshape(len(images_nhwc), -1)
