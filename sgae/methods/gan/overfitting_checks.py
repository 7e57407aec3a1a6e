"""What a config may say of what keeps the discriminator from overfitting."""

from typing import Any

from sgae.config_checks import at_least, below_one, choice, non_negative
from sgae.data.augment import ALTERATIONS
from sgae.data.sources import SOURCES_OF_VECTORS
from sgae.errors import UserError
from sgae.losses.adversarial import ADVERSARIAL_LOSSES
from sgae.losses.energy import ENERGY_LOSSES
from sgae.methods.gan.energy import ENERGIES
from sgae.methods.gan.presentation import SIDES, THINNED

WITH_TARGETS = [name for name, loss in ADVERSARIAL_LOSSES.items() if loss.cost]


def check_overfitting(config: Any) -> None:
  """Refuses options that are impossible, alone or with others."""
  gan = config.gan
  _check_kinds(config)
  _check_augmentation(gan)
  for side in SIDES:
    non_negative(f"gan.consistency.{side}", gan.consistency[side])
  if (gan.consistency.real or gan.consistency.fake) and not gan.consistency.kinds:
    raise UserError(
      "gan.consistency.kinds=() alters nothing whose logits could be held alike: name "
      f"some of {', '.join(ALTERATIONS)}, or set gan.consistency.real and fake to 0"
    )
  non_negative("gan.lecam.weight", gan.lecam.weight)
  below_one("gan.lecam.decay", gan.lecam.decay)
  at_least("gan.lecam.start", gan.lecam.start, 0)
  if gan.lecam.weight and gan.lecam.start >= gan.steps:
    raise UserError(
      f"gan.lecam.start={gan.lecam.start} is not before the end at gan.steps="
      f"{gan.steps}, so that gan.lecam.weight={gan.lecam.weight} never acts: lower it, "
      "or set the weight to 0"
    )
  _refuse_energies(gan, "gan.lecam.weight", gan.lecam.weight)
  for field in ("label_smoothing", "label_noise"):
    below_one(f"gan.{field}", gan[field])
    if gan[field] and gan.loss not in WITH_TARGETS:
      raise UserError(
        f"gan.{field}={gan[field]} needs a loss with targets, which gan.loss="
        f"'{gan.loss}' has not: set it to 0, or choose {', '.join(WITH_TARGETS)}"
      )
  _check_dropout(gan)
  _check_groups(config)


def _check_kinds(config):
  for section in ("augmentation", "consistency"):
    kinds = config.gan[section].kinds
    for name in kinds:
      choice(f"gan.{section}.kinds", name, ALTERATIONS)
    if len(set(kinds)) != len(kinds):
      raise UserError(
        f"gan.{section}.kinds={tuple(kinds)} names a kind twice: give each once"
      )
  used = [("augmentation.kinds", tuple(config.gan.augmentation.kinds))]
  used += [(f"consistency.{side}", config.gan.consistency[side]) for side in SIDES]
  for field, value in used:
    if value and config.data.source in SOURCES_OF_VECTORS and "gan" in config.phases:
      raise UserError(
        f"gan.{field}={value} is for images, not for data.source="
        f"'{config.data.source}': set it to {type(value)()}"
      )


def _check_augmentation(gan):
  augmentation = gan.augmentation
  if not 0 <= augmentation.probability <= 1:
    raise UserError(
      f"gan.augmentation.probability={augmentation.probability} is not allowed: choose "
      "one from 0 to 1"
    )
  below_one("gan.augmentation.target", augmentation.target)
  at_least("gan.augmentation.speed", augmentation.speed, 1)
  for field, none in (("target", 0), ("probability", 1)):
    if augmentation[field] != none and not augmentation.kinds:
      raise UserError(
        f"gan.augmentation.{field}={augmentation[field]} is of the chance of "
        "alterations, of which gan.augmentation.kinds=() has none: name some of "
        f"{', '.join(ALTERATIONS)}, or set it to {none}"
      )
  if augmentation.target and not augmentation.probability:
    raise UserError(
      f"gan.augmentation.target={augmentation.target} moves the chance of alterations "
      "up to gan.augmentation.probability=0: set that to 1"
    )
  _refuse_energies(gan, "gan.augmentation.target", augmentation.target)


def _check_dropout(gan):
  below_one("gan.discriminator_dropout", gan.discriminator_dropout)
  if not gan.discriminator_dropout:
    return
  setting = f"gan.discriminator_dropout={gan.discriminator_dropout}"
  architecture = gan.discriminator_architecture
  if architecture not in THINNED:
    raise UserError(
      f"{setting} is not for gan.discriminator_architecture='{architecture}': choose "
      f"{' or '.join(map(repr, THINNED))}, or set it to 0"
    )
  if gan.conditional.classes:
    raise UserError(
      f"{setting} is not for a discriminator of classes: set it to 0, or "
      "gan.conditional.classes to 0"
    )
  if not THINNED[architecture](gan.discriminator_hidden):
    raise UserError(
      f"{setting} leaves out hidden units, and gan.discriminator_hidden="
      f"{tuple(gan.discriminator_hidden)} has none: give it another width, or set this "
      "to 0"
    )


def _refuse_energies(gan, field, value):
  if value and gan.loss in ENERGY_LOSSES:
    raise UserError(
      f"{field}={value} reads logits, which gan.loss='{gan.loss}' has not: set it to "
      f"0, or choose one of {', '.join(ADVERSARIAL_LOSSES)}"
    )


def _check_groups(config):
  """Refuses images that are judged together where each has to be judged alone."""
  gan = config.gan
  at_least("gan.packing", gan.packing, 1)
  at_least("gan.deviation_group", gan.deviation_group, 0)
  if gan.deviation_group == 1:
    raise UserError(
      "gan.deviation_group=1 has nothing that differs: choose 2 or more, or 0"
    )
  for field, none in (("packing", 1), ("deviation_group", 0)):
    if gan[field] != none:
      _check_together(config, f"gan.{field}={gan[field]}", none)
  together = gan.packing * max(gan.deviation_group, 1)
  if gan.batch_size % together:
    raise UserError(
      f"gan.batch_size={gan.batch_size} is not divisible by gan.packing={gan.packing} "
      f"x gan.deviation_group={gan.deviation_group} (0 counts as 1): choose a multiple "
      f"of {together}"
    )


def _check_together(config, choice, none):
  gan = config.gan
  if gan.discriminator_architecture in ENERGIES:
    raise UserError(
      f"{choice} is not for gan.discriminator_architecture="
      f"'{gan.discriminator_architecture}', the energy of one image: set it to {none}"
    )
  if gan.discriminator_start != "fresh":
    raise UserError(
      f"{choice} needs a discriminator of another shape than gan.discriminator_start="
      f"'{gan.discriminator_start}' gives: choose 'fresh', or set it to {none}"
    )
  if config.train.microbatches > 1:
    raise UserError(
      f"train.microbatches={config.train.microbatches} would part images that {choice} "
      f"takes together: set it to 1, or that to {none}"
    )
  if gan.deviation_group and not gan.discriminator_hidden:
    raise UserError(
      f"{choice} needs features: give gan.discriminator_hidden a width, or set it to "
      f"{none}"
    )
