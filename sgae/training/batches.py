"""Refuses batches that the devices, the microbatches or the data do not allow."""

from typing import Any

from sgae.errors import UserError
from sgae.methods import METHODS, population


def check_batches(config: Any, devices: int) -> None:
  """Raises UserError if devices x microbatches does not divide a batch size.

  So must devices x the examples that a step looks at together.
  """
  if population.members_of(config):
    devices = 1  # each takes whole members, and not parts of a batch
  parts = devices * config.train.microbatches
  for name in config.phases:
    if config[name].batch_size % parts:
      raise UserError(
        f"{name}.batch_size={config[name].batch_size} is not divisible by {devices} "
        f"devices x train.microbatches={config.train.microbatches}: choose a multiple "
        f"of {parts}, or fewer devices or microbatches"
      )
    together = METHODS[name].together(config)
    if config[name].batch_size % (devices * together):
      raise UserError(
        f"{name}.batch_size={config[name].batch_size} is not divisible by {devices} "
        f"devices x {together} examples that are looked at together: choose a multiple "
        f"of {devices * together}, or fewer devices"
      )


def check_examples(config: Any, count: int) -> None:
  """Raises UserError if a batch is larger than the training split."""
  for name in config.phases:
    if config[name].batch_size > count:
      raise UserError(
        f"{name}.batch_size={config[name].batch_size} is more than the {count} "
        "training images: choose a smaller one"
      )
