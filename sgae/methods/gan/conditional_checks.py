"""What a config may say of classes."""

from typing import Any

from sgae.config_checks import at_least, choice, non_negative
from sgae.errors import UserError
from sgae.losses.classification import CLASS_TERMS
from sgae.methods.gan.energy import ENERGIES
from sgae.networks.conditional import JUDGEMENTS


def check_conditional(config: Any) -> None:
  """Refuses classes that the networks, the loss or the start cannot have."""
  gan, conditional = config.gan, config.gan.conditional
  classes = conditional.classes
  at_least("gan.conditional.classes", classes, 0)
  for field in ("embedding", "width"):
    at_least(f"gan.conditional.{field}", conditional[field], 1)
  choice("gan.conditional.discriminator", conditional.discriminator, JUDGEMENTS)
  non_negative("gan.conditional.weight", conditional.weight)
  kind, weight = conditional.discriminator, conditional.weight
  if not classes:
    if kind != "projection":
      raise UserError(
        f"gan.conditional.discriminator='{kind}' tells classes apart, of which gan."
        "conditional.classes=0 names none: set that to the number of classes"
      )
    return
  if weight != 1 and kind not in CLASS_TERMS:
    raise UserError(
      f"gan.conditional.weight={weight} is that of a term of the classes, which "
      f"gan.conditional.discriminator='{kind}' has not: set it to 1, or choose one of "
      f"{', '.join(CLASS_TERMS)}"
    )
  if classes == 1:
    raise UserError(
      "gan.conditional.classes=1 leaves nothing to choose: set it to the number of "
      "classes of the data, or to 0"
    )
  if gan.discriminator_architecture in ENERGIES:
    raise UserError(
      f"gan.conditional.classes={classes} needs logits, which gan.discriminator_"
      f"architecture='{gan.discriminator_architecture}', an energy, has not: set it to "
      "0, or choose 'mlp', 'dcgan' or 'residual'"
    )
  if gan.packing > 1:
    raise UserError(
      f"gan.conditional.classes={classes} is for a discriminator of single images, and "
      f"gan.packing={gan.packing} gives it several: set one of them to its default"
    )
  _check_discriminator(config)
  components = gan.mixture.components
  if gan.coder == "mixture" and components % classes:
    raise UserError(
      f"gan.mixture.components={components} cannot be shared evenly by gan.conditional."
      f"classes={classes}: choose a multiple"
    )
  if "gan" in config.phases and {"vae", "vae_gan"} & set(config.phases):
    raise UserError(
      f"gan.conditional.classes={classes} is not for a generator that starts from a "
      "decoder of noise alone: set it to 0, or choose phases=('gan',)"
    )


def _check_discriminator(config):
  gan, kind = config.gan, config.gan.conditional.discriminator
  if kind == "concatenation" and gan.discriminator_start == "encoder":
    raise UserError(
      "gan.conditional.discriminator='concatenation' has one more channel than the "
      "encoder of gan.discriminator_start='encoder' sees: choose 'projection', or "
      "'fresh'"
    )
  pairs = kind in CLASS_TERMS and CLASS_TERMS[kind].pairs
  if pairs and config.train.microbatches > 1:
    raise UserError(
      f"train.microbatches={config.train.microbatches} would change what "
      f"gan.conditional.discriminator='{kind}' means, which compares all images of a "
      "batch: set it to 1, or choose another"
    )
