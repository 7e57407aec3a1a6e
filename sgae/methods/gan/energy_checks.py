"""What a config may say of a discriminator that is an energy."""

from typing import Any

from sgae.config_checks import at_least, non_negative, positive
from sgae.errors import UserError
from sgae.losses.energy import ENERGY_LOSSES
from sgae.methods.gan.energy import ENERGIES
from sgae.methods.sparse_autoencoder.checks import check_networks, check_tie


def check_energy(config: Any) -> None:
  """Refuses an energy without its loss or its networks, and a loss without one."""
  gan = config.gan
  positive("gan.energy.margin", gan.energy.margin)
  for field in ("pulling_away", "balance_rate"):
    non_negative(f"gan.energy.{field}", gan.energy[field])
  if not 0 < gan.energy.gamma <= 1:
    raise UserError(
      f"gan.energy.gamma={gan.energy.gamma} is not allowed: choose one above 0, up to 1"
    )
  is_energy = gan.discriminator_architecture in ENERGIES
  if is_energy != (gan.loss in ENERGY_LOSSES):
    raise UserError(
      f"gan.loss='{gan.loss}' does not go with gan.discriminator_architecture="
      f"'{gan.discriminator_architecture}': {' and '.join(map(repr, ENERGY_LOSSES))} "
      f"are for {' and '.join(map(repr, ENERGIES))}, and these for no other loss"
    )
  if gan.energy.pulling_away:
    _check_pulling_away(config, is_energy)
  if gan.discriminator_architecture == "sparse_autoencoder":
    _check_sparse(config)


def check_whole_start(gan: Any) -> None:
  """Refuses a discriminator that is not the autoencoder that it starts as."""
  if gan.discriminator_architecture != "sparse_autoencoder":
    raise UserError(
      "gan.discriminator_start='autoencoder' needs gan.discriminator_architecture="
      f"'sparse_autoencoder', not '{gan.discriminator_architecture}', which has other "
      "shapes: choose it, or 'fresh'"
    )


def _check_pulling_away(config, is_energy):
  weight = f"gan.energy.pulling_away={config.gan.energy.pulling_away}"
  if not is_energy:
    raise UserError(
      f"{weight} needs codes, which gan.discriminator_architecture="
      f"'{config.gan.discriminator_architecture}' has not: set it to 0, or choose "
      f"{' or '.join(map(repr, ENERGIES))}"
    )
  if config.train.microbatches > 1:
    raise UserError(
      f"train.microbatches={config.train.microbatches} would change what {weight} "
      "means, which compares all images of a batch: set it to 1, or "
      "gan.energy.pulling_away=0"
    )
  at_least("gan.batch_size", config.gan.batch_size, 2)


def _check_sparse(config):
  if "sae" not in config:
    raise UserError(
      "gan.discriminator_architecture='sparse_autoencoder' needs the sections sae and "
      "code, which this config has not: choose 'autoencoder', or make the config of "
      "('sae', 'gan')"
    )
  check_networks(config)
  check_tie(config.sae)
  if (
    config.code.sparsity_map == "batch_topk"
    and config.gan.discriminator_start != "autoencoder"
  ):
    raise UserError(
      "code.sparsity_map='batch_topk' has a threshold that the autoencoder's own "
      "training finds: choose gan.discriminator_start='autoencoder', or another map"
    )
