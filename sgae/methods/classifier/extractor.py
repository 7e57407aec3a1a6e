"""The classifier as feature extractor of a data set, whatever the run's own seed."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
from ml_collections import ConfigDict, FrozenConfigDict

from sgae.data.dataset import Dataset, has_label
from sgae.errors import UserError
from sgae.methods.classifier.checks import check_data
from sgae.methods.classifier.config import defaults
from sgae.methods.classifier.program import build_network
from sgae.methods.classifier.tasks import TURNS, expected, make_answers, task_of
from sgae.methods.method import Extractor
from sgae.networks.network import Params


def configure(config: Any, dataset: Dataset) -> Any:
  """Returns a config that trains the feature extractor of a data set.

  Args:
    config: of a run; its section `classifier` counts where it has one, and
      `evaluation.features` names the task; 'auto' is that of the section, or
      'rotation' where the data have no labels, or a split has none.
    dataset: the data.

  Raises:
    UserError: the data lack what the task needs.
  """
  own: Any = ConfigDict(
    {"classifier": defaults()} | config.to_dict(), convert_dict=True
  )
  own.seed, own.train.microbatches = 0, 1
  own.data.update(augment=(), balance=False)
  splits = dataset.train, dataset.test
  labelled = dataset.num_classes > 1 and all(map(has_label, splits))
  task = config.evaluation.features
  if task == "labels" and not labelled:
    raise UserError(
      f"evaluation.features='labels', but {dataset.name} has fewer than two classes, "
      "or a split without labels: set it to 'rotation'"
    )
  if task != "auto":
    own.classifier.task = task
  elif not labelled:
    own.classifier.task = "rotation"
  of_labels = own.classifier.task == "labels"
  own.classifier.num_classes = dataset.num_classes if of_labels else TURNS
  own.classifier.batch_size = min(own.classifier.batch_size, len(dataset.train.images))
  check_data(own, dataset)
  return FrozenConfigDict(own)


def extract_features(
  fields: Mapping[str, Any], image_shape: tuple[int, ...]
) -> Callable[[Params, jax.Array], tuple[jax.Array, jax.Array]]:
  """Returns `f(params, images) -> (features [B, D], probabilities [B, K])`."""
  network = build_network(fields, image_shape)

  def features_and_probabilities(params, images_bhwc):
    features_bd = network.features(params, images_bhwc)
    return features_bd, jax.nn.softmax(network.logits(params, features_bd))

  return features_and_probabilities


def answers(
  fields: Mapping[str, Any], image_shape: tuple[int, ...]
) -> Callable[[Params, jax.Array], jax.Array]:
  """Returns `f(params, images) -> int32 [B, T]`, as `tasks.make_answers` says."""
  network, task = build_network(fields, image_shape), task_of(fields, image_shape)

  def answers_of(params, images_bhwc):
    return make_answers(task, lambda views: network.classify(params, views))(
      images_bhwc
    )

  return answers_of


EXTRACTOR = Extractor(
  section="classifier",
  configure=configure,
  extract_features=extract_features,
  params=lambda state: state.player.params,
  task=task_of,
  answers=answers,
  right_answers=expected,
)
