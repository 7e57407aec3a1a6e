"""What a config may say of VAE-GAN."""

from typing import Any

from sgae.config_checks import below_one, choice, non_negative, widths
from sgae.errors import UserError
from sgae.methods.checks import check_cadence, check_optimizer
from sgae.methods.vae import checks as autoencoder
from sgae.networks.network import ACTIVATIONS


def check(config: Any) -> None:
  """Refuses an impossible VAE-GAN, or networks of the section `vae` that it has not."""
  autoencoder.check(config)
  fields, vae = config.vae_gan, config.vae
  if "vae_gan" in config.phases and vae.posterior != "gaussian":
    raise UserError(
      f"vae.posterior='{vae.posterior}' is not for VAE-GAN, whose latents are "
      "Gaussian: choose 'gaussian'"
    )
  hidden = fields.discriminator_hidden
  widths("vae_gan.discriminator_hidden", hidden)
  least = 2 if vae.architecture == "convolutional" else 1
  if len(hidden) < least:
    raise UserError(
      f"vae_gan.discriminator_hidden={tuple(hidden)} is too short: choose {least} or "
      f"more for vae.architecture='{vae.architecture}', the last one of the features"
    )
  choice(
    "vae_gan.discriminator_activation", fields.discriminator_activation, ACTIVATIONS
  )
  for field in ("beta", "reconstruction_weight", "least_cost", "most_cost"):
    non_negative(f"vae_gan.{field}", fields[field])
  if fields.most_cost < fields.least_cost:
    raise UserError(
      f"vae_gan.most_cost={fields.most_cost} is below vae_gan.least_cost="
      f"{fields.least_cost}: choose a larger one"
    )
  below_one("vae_gan.ema_decay", fields.ema_decay)
  for player in ("autoencoder", "discriminator"):
    check_optimizer(f"vae_gan.{player}_optimizer", fields[f"{player}_optimizer"])
  check_cadence("vae_gan", fields)
