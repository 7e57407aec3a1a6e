"""What a config may say of the classifier."""

from typing import Any

from sgae.config_checks import at_least, below_one, choice, widths
from sgae.data.dataset import has_label
from sgae.errors import UserError
from sgae.methods.checks import check_cadence, check_optimizer
from sgae.methods.classifier.tasks import TASKS, TURNS, task_of
from sgae.networks.classifier import KERNELS


def check(config: Any) -> None:
  """Refuses an impossible classifier."""
  classifier = config.classifier
  widths("classifier.channels", classifier.channels)
  if len(classifier.channels) != len(KERNELS):
    raise UserError(
      f"classifier.channels={tuple(classifier.channels)} is not allowed: give "
      f"{len(KERNELS)} widths"
    )
  for field, least in (("num_classes", 2), ("num_features", 1), ("shift", 0)):
    at_least(f"classifier.{field}", classifier[field], least)
  choice("classifier.task", classifier.task, TASKS)
  if classifier.task == "rotation" and classifier.num_classes != TURNS:
    raise UserError(
      f"classifier.num_classes={classifier.num_classes} does not fit "
      f"classifier.task='rotation': set it to {TURNS}"
    )
  below_one("classifier.dropout", classifier.dropout)
  check_optimizer("classifier.optimizer", classifier.optimizer)
  check_cadence("classifier", classifier)


def check_data(config: Any, dataset: Any) -> None:
  """Refuses data whose classes, or flips, the classifier cannot learn."""
  classifier = config.classifier
  wanted, classes = classifier.num_classes, dataset.num_classes
  if classifier.task == "labels" and wanted != classes:
    raise UserError(
      f"classifier.num_classes={wanted}, but {dataset.name} has {classes}: set it to "
      "that, or give labels to data of one class, or choose "
      "classifier.task='rotation', which needs none"
    )
  for what, split in (("training", dataset.train), ("test", dataset.test)):
    if classifier.task == "labels" and not has_label(split):
      raise UserError(
        f"no {what} image of {dataset.name} has a label, which the classifier needs: "
        "give some, or choose classifier.task='rotation', which needs none"
      )
  task = task_of(classifier, dataset.train.images.shape[1:])
  mirrors = classifier.flip or "mirror" in config.data.augment
  if task == "flips" and mirrors:
    raise UserError(
      "classifier.flip and 'mirror' of data.augment mirror images at random, but of "
      "images that are not square classifier.task='rotation' learns whether they are "
      "mirrored: set classifier.flip=False, and leave 'mirror' out"
    )
