"""A data set as evaluation needs it: with its feature extractor and its test split."""

import functools
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from sgae.data.dataset import Dataset
from sgae.devices.mesh import local_mesh
from sgae.evaluation.measures.suite import Reference, Seen

REFERENCE_EXAMPLES = 10_000


class FeatureExtractor(Protocol):
  """A trained network whose features are compared; `about` says which one."""

  @property
  def about(self) -> dict[str, Any]: ...

  def extract(
    self, mesh: Any
  ) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]: ...


class EvaluationData:
  """A data set with the feature extractor that its examples are compared by."""

  def __init__(self, dataset: Dataset, extractor: FeatureExtractor | None):
    """Binds both; without an extractor, only images are compared."""
    self.dataset = dataset
    self.extractor = extractor

  def extract(self, mesh: Any) -> Callable[[np.ndarray], Seen]:
    """Returns `extract(images) -> Seen`, which every process of the mesh calls.

    Stacked digits, one in each channel, are seen one by one, and their features are
    concatenated.
    """
    if self.extractor is None:
      return lambda images: Seen(images, None, None)
    extract = self.extractor.extract(mesh)
    channels = self.extractor.about["image_shape"][2]

    def extract_all(images):
      digits = images.shape[3] // channels
      if digits == 1:
        return Seen(images, *extract(images))
      each = [extract(images[..., [digit]]) for digit in range(digits)]
      features, probabilities = zip(*each, strict=True)
      return Seen(images, np.concatenate(features, axis=1), np.stack(probabilities, 1))

    return extract_all

  @functools.cached_property
  def reference(self) -> Reference:
    """What samples are compared with: the first 10,000 of the test split.

    This process extracts their features by itself.
    """
    extract = self.extract(local_mesh())
    mixture = self.dataset.mixture
    return Reference(
      extract(self.dataset.test.images[:REFERENCE_EXAMPLES]),
      self.dataset.train.images,
      None if mixture is None else mixture.means_k2,
      None if mixture is None else mixture.sigma,
    )
