"""What the feature network of a data set sees, in samples and in the test split."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from sgae.data.dataset import Dataset
from sgae.devices.mesh import local_mesh
from sgae.evaluation.feature_extractor import FeatureNetwork, make_look
from sgae.evaluation.measures.suite import Reference, Seen

REFERENCE_EXAMPLES = 10_000


class Judge:
  """Looks at images with the feature network of one data set."""

  def __init__(self, dataset: Dataset, network: FeatureNetwork | None):
    """Binds both; without a network, images alone are seen."""
    self.dataset = dataset
    self.network = network

  def seer(self, mesh: Any) -> Callable[[np.ndarray], Seen]:
    """Returns `see(images) -> Seen`, run by every process of the mesh.

    Stacked digits, one in each channel, are looked at one by one, and their features
    laid beside each other.
    """
    if self.network is None:
      return lambda images: Seen(images, None, None)
    look = make_look(self.network, mesh)
    channels = self.network.about["image_shape"][2]

    def see(images):
      digits = images.shape[3] // channels
      if digits == 1:
        return Seen(images, *look(images))
      each = [look(images[..., [digit]]) for digit in range(digits)]
      features, probabilities = zip(*each, strict=True)
      return Seen(images, np.concatenate(features, axis=1), np.stack(probabilities, 1))

    return see

  @functools.cached_property
  def reference(self) -> Reference:
    """What samples are compared with: the first 10,000 of the test split.

    This process looks at them alone.
    """
    see = self.seer(local_mesh())
    mixture = self.dataset.mixture
    return Reference(
      see(self.dataset.test.images[:REFERENCE_EXAMPLES]),
      self.dataset.train.images,
      None if mixture is None else mixture.means_k2,
      None if mixture is None else mixture.sigma,
    )
