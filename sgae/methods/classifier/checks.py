"""What a config may say of the classifier."""

from typing import Any

from sgae.config_checks import at_least, widths
from sgae.errors import UserError
from sgae.methods.checks import check_cadence, check_optimizer
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
  if not 0 <= classifier.dropout < 1:
    raise UserError(
      f"classifier.dropout={classifier.dropout} is not allowed: choose one from 0 to "
      "below 1"
    )
  check_optimizer("classifier.optimizer", classifier.optimizer)
  check_cadence("classifier", classifier)


def check_data(config: Any, dataset: Any) -> None:
  """Refuses data with another number of classes than the classifier."""
  wanted, classes = config.classifier.num_classes, dataset.num_classes
  if wanted != classes:
    raise UserError(
      f"classifier.num_classes={wanted}, but {dataset.name} has {classes}: set it to "
      "that, or give labels to data of one class"
    )
