"""What a config may say of super-resolution, and which data it can learn from."""

from typing import Any

from sgae.config_checks import at_least, below_one, choice, non_negative, widths
from sgae.data.dataset import are_vectors
from sgae.errors import UserError
from sgae.losses.adversarial import LOSSES_WITHOUT_BOUND
from sgae.methods.checks import (
  check_cadence,
  check_optimizer,
  check_penalty,
  refuse_sparsity,
)
from sgae.methods.sparse_autoencoder.checks import check_networks
from sgae.methods.super_resolution.networks import GENERATORS
from sgae.methods.super_resolution.program import OF_CODE, PLAYERS, WEIGHTS

# Methods whose decoder a sparse generator takes.
AUTOENCODERS = ("sae", "sparse_coding")


def check(config: Any) -> None:
  """Refuses impossible fields, or an earlier phase that is missing."""
  fields = config.super_resolution
  choice("super_resolution.generator", fields.generator, GENERATORS)
  choice("super_resolution.loss", fields.loss, LOSSES_WITHOUT_BOUND)
  for field, least in (
    ("factor", 2),
    ("channels", 1),
    ("blocks", 0),
    ("kernel_size", 1),
  ):
    at_least(f"super_resolution.{field}", fields[field], least)
  for field in ("encoder_hidden", "discriminator_hidden"):
    widths(f"super_resolution.{field}", fields[field])
  if not fields.discriminator_hidden:
    raise UserError(
      "super_resolution.discriminator_hidden=() is not allowed: give it a width"
    )
  for field in (*WEIGHTS, *OF_CODE):
    non_negative(f"super_resolution.{field}", fields[field])
  if not any(fields[name] for name in WEIGHTS):
    raise UserError(
      f"super_resolution.{WEIGHTS[0]}=0 leaves no loss: set one of "
      f"{', '.join(WEIGHTS)} above 0"
    )
  below_one("super_resolution.ema_decay", fields.ema_decay)
  for player in PLAYERS:
    check_optimizer(
      f"super_resolution.{player}_optimizer", fields[f"{player}_optimizer"]
    )
  check_cadence("super_resolution", fields)
  if "super_resolution" in config.phases:
    _check_phases(config)


def _check_phases(config):
  fields = config.super_resolution
  before = config.phases[: tuple(config.phases).index("super_resolution")]
  if fields.feature_weight and "classifier" not in before:
    raise UserError(
      f"super_resolution.feature_weight={fields.feature_weight} compares the features "
      f"of a classifier: choose phases={(*before, 'classifier', 'super_resolution')}, "
      "or 0"
    )
  if fields.generator != "sparse":
    refuse_sparsity("super_resolution", config, "generator")
    return
  if not set(AUTOENCODERS) & set(before):
    raise UserError(
      "super_resolution.generator='sparse' needs the decoder of an autoencoder: choose "
      f"phases={('sae', *before, 'super_resolution')}, or 'residual'"
    )
  check_networks(config)
  check_penalty("super_resolution", config)
  if config.sae.architecture == "convolutional":
    raise UserError(
      "super_resolution.generator='sparse' makes a code without places: choose another "
      "sae.architecture than 'convolutional', or 'residual'"
    )


def check_data(config: Any, dataset: Any) -> None:
  """Refuses what are no images, or sides that the factor does not divide."""
  height, width, channels = dataset.train.images.shape[1:]
  if dataset.mixture is not None or are_vectors((height, width, channels)):
    raise UserError(
      f"super_resolution is for images, and {dataset.name} has none: choose other data"
    )
  if dataset.train.images.dtype != "uint8":
    raise UserError(
      f"super_resolution is for images of bytes, and {dataset.name} has "
      f"{dataset.train.images.dtype}: choose other data"
    )
  factor = config.super_resolution.factor
  if height % factor or width % factor:
    raise UserError(
      f"super_resolution.factor={factor} does not divide the {width}x{height} pixels "
      f"of {dataset.name}: choose another, or resize them with --config.data.image_size"
    )
