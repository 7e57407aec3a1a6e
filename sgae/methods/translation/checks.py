"""What a config may say of translation, and which data it can learn from."""

from typing import Any

from sgae.config_checks import at_least, below_one, choice, non_negative, widths
from sgae.data.checks import check_one_shape
from sgae.data.dataset import Dataset
from sgae.errors import UserError
from sgae.losses.adversarial import LOSSES_WITHOUT_BOUND
from sgae.methods.checks import (
  check_cadence,
  check_optimizer,
  check_penalty,
  refuse_microbatches,
  refuse_sparsity,
)
from sgae.methods.population import members_of
from sgae.methods.sparse_autoencoder import checks as autoencoder
from sgae.methods.sparse_autoencoder import networks
from sgae.methods.translation.program import TERMS
from sgae.networks.image_to_image import NORMALIZATIONS, PATCH_NORMALIZATIONS

GENERATORS = ("residual", "mlp", "sparse")
DISCRIMINATORS = ("patch", "mlp")


def check(config: Any) -> None:
  """Refuses impossible fields, alone or together."""
  fields = config.translation
  for player, architectures, normalizations in (
    ("generator", GENERATORS, NORMALIZATIONS),
    ("discriminator", DISCRIMINATORS, PATCH_NORMALIZATIONS),
  ):
    for field, allowed in (
      ("architecture", architectures),
      ("normalization", normalizations),
    ):
      name = f"{player}_{field}"
      choice(f"translation.{name}", fields[name], allowed)
    hidden = f"{player}_hidden"
    widths(f"translation.{hidden}", fields[hidden])
    if not fields[hidden]:
      raise UserError(
        f"translation.{hidden}=() is not allowed: give it a width at least"
      )
    check_optimizer(f"translation.{player}_optimizer", fields[f"{player}_optimizer"])
  choice("translation.loss", fields.loss, LOSSES_WITHOUT_BOUND)
  for field in ("blocks", "history"):
    at_least(f"translation.{field}", fields[field], 0)
  for field in TERMS:
    non_negative(f"translation.{field}", fields[field])
  below_one("translation.ema_decay", fields.ema_decay)
  check_cadence("translation", fields)
  if "translation" in config.phases:
    _check_training(config)


def _check_training(config):
  fields = config.translation
  if fields.pair_weight and not config.data.paired:
    raise UserError(
      f"translation.pair_weight={fields.pair_weight} needs data in pairs: set it to 0, "
      "or data.paired=True"
    )
  if not (fields.adversarial_weight or fields.pair_weight):
    raise UserError(
      "translation.adversarial_weight=0.0 leaves nothing that says how the other side "
      "looks: give it a weight, or pairs with translation.pair_weight"
    )
  _check_members(config)
  _check_classifier(config)
  if fields.generator_architecture != "sparse":
    refuse_sparsity("translation", config, "generator_architecture")
    return
  missing = [section for section in ("sae", "code") if section not in config]
  if missing:
    raise UserError(
      "translation.generator_architecture='sparse' needs the sections sae and code: "
      "start from a config that has them, such as configs/digits_mnist.py:sparse"
    )
  autoencoder.check_networks(config)
  check_penalty("translation", config)
  refuse_microbatches(config, "code.sparsity_map", "batch_topk")
  refuse_microbatches(config, "code.penalty", "kl")


def _check_members(config):
  members = members_of(config)
  weights = {member.settings.get("translation.pair_weight") for member in members}
  if 0 in weights and len(weights) > 1:
    raise UserError(
      "population.vary has translation.pair_weight=0 beside others, with which the "
      "discriminators see the input too: leave it out, and train it by itself"
    )


def _check_classifier(config):
  weight = config.translation.semantic_weight
  if not weight:
    return
  before = config.phases[: tuple(config.phases).index("translation")]
  if "classifier" not in before:
    raise UserError(
      f"translation.semantic_weight={weight} keeps the classes of a classifier: choose "
      f"phases={(*before, 'classifier', 'translation')}, or 0"
    )
  if config.classifier.task != "labels":
    raise UserError(
      f"translation.semantic_weight={weight} needs classes, and classifier.task="
      f"'{config.classifier.task}' has none: choose 'labels', or the weight 0"
    )


def check_data(config: Any, dataset: Dataset) -> None:
  """Refuses sides whose images have not one shape, or that the networks refuse."""
  if dataset.second is None:  # the run says so
    return
  check_one_shape(dataset)
  translation = config.translation
  if translation.generator_architecture == "sparse":
    networks.check_data(config, dataset)
  image_shape = dataset.train.images.shape[1:]
  if translation.generator_architecture == "residual":
    _check_map(
      "generator", translation, image_shape, len(translation.generator_hidden) - 1
    )
  if len(hidden := translation.discriminator_hidden) > 1:  # the first has none
    _check_map("discriminator", translation, image_shape, len(hidden))


def _check_map(player, translation, image_shape, halvings):
  """Refuses to normalize maps of one place, which makes zeros of all that they hold."""
  if translation[f"{player}_normalization"] != "instance":
    return
  height, width = (-(-size // 2**halvings) for size in image_shape[:2])
  if height * width == 1:
    raise UserError(
      f"translation.{player}_normalization='instance' makes zeros of maps of one "
      f"place, to which translation.{player}_hidden="
      f"{tuple(translation[f'{player}_hidden'])} halves images of {image_shape[1]}x"
      f"{image_shape[0]}: give fewer widths, or choose 'none'"
    )
