"""A data set for evaluation: with its feature extractor and its reference examples."""

import functools
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from sgae.data import order
from sgae.data.dataset import Dataset, Split, by_class
from sgae.devices.mesh import local_mesh
from sgae.evaluation.measures.suite import Extracted, Reference

REFERENCE_EXAMPLES = 10_000


class FeatureExtractor(Protocol):
  """A trained network whose features are compared.

  `about` describes it; `task` is what it learnt, 'labels' or what needs none.
  """

  @property
  def about(self) -> dict[str, Any]: ...

  @property
  def task(self) -> str: ...

  def extract_features(
    self, mesh: Any
  ) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]: ...


class EvaluationData:
  """A data set with the feature extractor that compares its examples."""

  def __init__(
    self,
    dataset: Dataset,
    extractor: FeatureExtractor | None,
    second: "EvaluationData | None" = None,
  ):
    """Binds both; without an extractor, only images are compared, not features.

    Args:
      dataset: the data.
      extractor: of their examples.
      second: the same of the second side, if there is one.
    """
    self.dataset = dataset
    self.extractor = extractor
    self.second = second

  def extract_features(self, mesh: Any) -> Callable[[np.ndarray], Extracted]:
    """Returns `f(images) -> Extracted`, which every process of the mesh calls.

    The features of stacked digits are extracted channel by channel and concatenated.
    There are class probabilities only of a network that learnt labels.
    """
    if self.extractor is None:
      return lambda images: Extracted(images, None, None)
    extract_features = self.extractor.extract_features(mesh)
    channels = self.extractor.about["image_shape"][2]
    of_labels = self.extractor.task == "labels"

    def extract_all(images):
      digits = images.shape[3] // channels
      if digits == 1:
        features, probabilities = extract_features(images)
        return Extracted(images, features, probabilities if of_labels else None)
      by_digit = [extract_features(images[..., [digit]]) for digit in range(digits)]
      features, probabilities = zip(*by_digit, strict=True)
      return Extracted(
        images, np.concatenate(features, axis=1), np.stack(probabilities, 1)
      )

    return extract_all

  @functools.cached_property
  def test(self) -> Split:
    """The test examples that are measured: all, or 10,000 drawn from more.

    Of data that are stored by class the order is drawn too, since some measures are of
    the first of them.
    """
    whole = self.dataset.test
    count = min(len(whole.images), REFERENCE_EXAMPLES)
    if count == len(whole.images) and not by_class(whole.labels):
      return whole
    return order.drawn(whole, "reference", count)

  def tested(self, config: Any, full: bool) -> Split:
    """Returns the examples of `test` that images made of images are measured on.

    Args:
      config: validated.
      full: after training, not in it.
    """
    evaluation = config.evaluation
    count = evaluation.final_samples if full else evaluation.num_samples
    return Split(*(part[:count] for part in self.test))

  @functools.cached_property
  def reference(self) -> Reference:
    """What samples are compared with: `test`.

    This process extracts their features alone, on its own devices.
    """
    extract_features = self.extract_features(local_mesh())
    mixture = self.dataset.mixture
    return Reference(
      extract_features(self.test.images)._replace(labels=self.test.labels),
      self.dataset.train.images,
      None if mixture is None else mixture.means_k2,
      None if mixture is None else mixture.sigma,
    )
