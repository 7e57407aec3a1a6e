"""The classifier as feature extractor of a data set, whatever the run's own seed."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
from ml_collections import ConfigDict, FrozenConfigDict

from sgae.data.dataset import Dataset
from sgae.methods.classifier.config import defaults
from sgae.methods.classifier.program import build_network
from sgae.methods.method import Extractor
from sgae.networks.network import Params


def configure(config: Any, dataset: Dataset) -> Any:
  """Returns a config that trains the feature extractor of a data set.

  Args:
    config: of a run; its section `classifier` counts where it has one.
    dataset: the data.
  """
  own: Any = ConfigDict(
    {"classifier": defaults()} | config.to_dict(), convert_dict=True
  )
  own.seed, own.train.microbatches = 0, 1
  own.classifier.num_classes = dataset.num_classes
  own.classifier.batch_size = min(own.classifier.batch_size, len(dataset.train.images))
  return FrozenConfigDict(own)


def extract_features(
  fields: Mapping[str, Any], image_shape: tuple[int, ...]
) -> Callable[[Params, jax.Array], tuple[jax.Array, jax.Array]]:
  """Returns `f(params, images) -> (features [B, D], class probabilities [B, K])`."""
  network = build_network(fields, image_shape)

  def features_and_probabilities(params, images_bhwc):
    features_bd = network.features(params, images_bhwc)
    return features_bd, jax.nn.softmax(network.logits(params, features_bd))

  return features_and_probabilities


EXTRACTOR = Extractor(
  section="classifier",
  configure=configure,
  extract_features=extract_features,
  params=lambda state: state.player.params,
)
