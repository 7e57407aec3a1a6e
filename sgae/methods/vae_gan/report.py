"""What the report shows of VAE-GAN."""

from sgae.methods.vae.report import REPORT as AUTOENCODER
from sgae.reporting.contents import Curve, MethodReport, Panel

_SAMPLES = (
  Panel(
    "Fréchet distance",
    (Curve("vae_gan/frechet", "samples to reference", "vae_gan/frechet_error"),),
  ),
)

_TRAINING = (
  Panel(
    "Discriminator's costs [nats]",
    (Curve("vae_gan/cost_real", "real"), Curve("vae_gan/cost_fake", "generated")),
  ),
  Panel(
    "Mean logits",
    (Curve("vae_gan/d_real", "real"), Curve("vae_gan/d_fake", "generated")),
  ),
  Panel(
    "Feature error [nats per image]", (Curve("vae_gan/feature_error", "training"),)
  ),
  Panel(
    "KL [nats per image]",
    (Curve("vae_gan/kl", "training"), Curve("vae_gan/test_kl", "test")),
  ),
  Panel("-log p(x|z) [nats per image]", (Curve("vae_gan/pixel_nll", "training"),)),
  Panel(
    "Losses",
    (
      Curve("vae_gan/encoder_loss", "encoder"),
      Curve("vae_gan/decoder_loss", "decoder"),
      Curve("vae_gan/d_loss", "discriminator"),
    ),
  ),
  Panel(
    "Share of updates",
    (
      Curve("vae_gan/decoder_updated", "decoder"),
      Curve("vae_gan/discriminator_updated", "discriminator"),
    ),
    (0.0, 1.0),
  ),
  Panel("Active units", (Curve("vae_gan/active_units", "test"),)),
  Panel(
    "Gradient norms",
    (
      Curve("vae_gan/encoder_grad_norm", "encoder"),
      Curve("vae_gan/decoder_grad_norm", "decoder"),
      Curve("vae_gan/discriminator_grad_norm", "discriminator"),
    ),
  ),
)

REPORT = MethodReport(
  title="VAE-GAN",
  panels=(("Samples", _SAMPLES), ("VAE-GAN", _TRAINING)),
  meanings=AUTOENCODER.meanings,
  headline=("frechet", "reconstruction_frechet", "test_elbo", "active_units", "fvu"),
  while_training={
    "frechet": ("vae_gan/frechet", "vae_gan/frechet_error"),
    "test_elbo": ("vae_gan/test_elbo", "vae_gan/test_elbo_error"),
    "active_units": ("vae_gan/active_units", None),
    "fvu": ("vae_gan/fvu", "vae_gan/fvu_error"),
  },
)
