"""The warnings of training VAE-GAN."""

from sgae.diagnostics.rules import Rule, exploding_gradient
from sgae.methods.gan.warnings import discriminator_won
from sgae.methods.vae.warnings import posterior_collapse

WARNINGS: tuple[Rule, ...] = (
  exploding_gradient(
    tuple(f"vae_gan/{name}_grad_norm" for name in ("encoder", "decoder")),
    "lower vae_gan.autoencoder_optimizer.learning_rate",
  ),
  discriminator_won(
    "vae_gan",
    "raise vae_gan.least_cost, or lower vae_gan.discriminator_optimizer.learning_rate",
  ),
  posterior_collapse(
    "vae_gan/kl", "lower vae_gan.beta, or start from a trained variational autoencoder"
  ),
)
