"""The measures of generation by name, and which of them some data allow."""

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sgae.evaluation.measures.classes import class_figures, mode_figures
from sgae.evaluation.measures.estimate import Estimate
from sgae.evaluation.measures.frechet import Gaussian, fit_gaussian, frechet
from sgae.evaluation.measures.kernel import kernel_distance
from sgae.evaluation.measures.manifold import manifold_figures
from sgae.evaluation.measures.memorisation import memorisation_figures, nearest
from sgae.evaluation.measures.mixture import mixture_figures

# Examples whose nearest training image is looked for: all of 10,000 would take five
# times as long, and these tell a share of 1 % within a quarter of it.
NEIGHBOURS_SOUGHT = 2000
# Test examples without which a measure on features is not defined.
LEAST_EXAMPLES = {"frechet": 2, "kernel": 4, "manifold": 6}


class Seen(NamedTuple):
  """Examples, and what the feature network sees in them.

  Attributes:
    images: [N, H, W, C], uint8; points of the plane float32 [N, 1, 1, 2].
    features: float32 [N, D], or None where there is no feature network.
    probabilities: float32 [N, K] of the classes, [N, S, K] of S stacked digits, or
      None.
  """

  images: np.ndarray
  features: np.ndarray | None
  probabilities: np.ndarray | None


@dataclass(frozen=True)
class Reference:
  """What samples are compared with.

  Attributes:
    test: the test split.
    train_images: [N, H, W, C], the images that were trained on.
    means_k2, sigma: of the mixture that points come from, or None.
  """

  test: Seen
  train_images: np.ndarray
  means_k2: np.ndarray | None = None
  sigma: float | None = None

  @functools.cached_property
  def gaussian(self) -> Gaussian:
    """Mean and covariance of the test features."""
    if self.test.features is None:
      raise ValueError("without a feature network there are no features")
    return fit_gaussian(self.test.features)

  @functools.cached_property
  def test_to_train(self) -> np.ndarray:
    """Distances of the first test images to their nearest training images."""
    return self.to_train(self.test.images[:NEIGHBOURS_SOUGHT])[0]

  def to_train(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns distance to, and index of, each image's nearest training image."""
    return nearest(_flat(images), _flat(self.train_images))


def _frechet(seen, reference):
  return {"frechet": frechet(seen.features, reference.gaussian)}


def _kernel(seen, reference):
  return {"kernel": kernel_distance(seen.features, reference.test.features)}


def _manifold(seen, reference):
  # as many of either, which makes recall and coverage fair, and few samples quick
  return manifold_figures(seen.features, reference.test.features[: len(seen.features)])


def _classes(seen, reference):
  return class_figures(seen.probabilities, reference.test.probabilities)


def _modes(seen, reference):
  del reference
  labels_nd = seen.probabilities.argmax(axis=2)
  digits, classes = labels_nd.shape[1], seen.probabilities.shape[2]
  modes_n = labels_nd @ classes ** np.arange(digits)[::-1]
  return mode_figures(modes_n, classes**digits)


def _mixture(seen, reference):
  points_n2 = _flat(seen.images)
  return mixture_figures(points_n2, reference.means_k2, reference.sigma)


def _memorisation(seen, reference):
  distances, _ = reference.to_train(seen.images[:NEIGHBOURS_SOUGHT])
  return memorisation_figures(distances, reference.test_to_train)


MEASURES: dict[str, Callable[[Seen, Reference], dict[str, Estimate]]] = {
  "frechet": _frechet,
  "kernel": _kernel,
  "manifold": _manifold,
  "classes": _classes,
  "modes": _modes,
  "mixture": _mixture,
  "memorisation": _memorisation,
}


def allowed(reference: Reference) -> list[str]:
  """Names the measures that some data allow: those whose ingredients are there."""
  test = reference.test
  if reference.means_k2 is not None:
    return ["mixture"]
  if test.probabilities is None:
    return ["memorisation"]
  on_features = [
    name for name, least in LEAST_EXAMPLES.items() if len(test.images) >= least
  ]
  if test.probabilities.ndim == 3:
    return [*on_features, "modes"]
  return [*on_features, "classes", "memorisation"]


def measure(
  seen: Seen, reference: Reference, names: Iterable[str]
) -> dict[str, Estimate]:
  """Returns the figures of the named measures, of those that the data allow."""
  figures: dict[str, Estimate] = {}
  possible = allowed(reference)
  for name in names:
    if name in possible:
      figures |= MEASURES[name](seen, reference)
  return figures


def _flat(images_nhwc: np.ndarray) -> np.ndarray:
  return images_nhwc.reshape(len(images_nhwc), -1)
