"""What the report shows of a variational autoencoder."""

from sgae.methods.generation import SAMPLE_MEANINGS
from sgae.reporting.contents import Curve, Meaning, MethodReport, Panel

_TRAINING = (
  Panel(
    "ELBO [nats per image]",
    (
      Curve("vae/elbo", "training"),
      Curve("vae/test_elbo", "test", "vae/test_elbo_error"),
    ),
  ),
  Panel(
    "-log p(x|z) [nats per image]",
    (
      Curve("vae/reconstruction", "training"),
      Curve("vae/test_reconstruction", "test"),
    ),
  ),
  Panel(
    "KL [nats per image]",
    (Curve("vae/kl", "training"), Curve("vae/test_kl", "test")),
  ),
  Panel("Loss", (Curve("vae/loss", "loss"),)),
  Panel("Active units", (Curve("vae/active_units", "test"),)),
  Panel("Gradient norm", (Curve("vae/grad_norm", "autoencoder"),)),
)

_SAMPLES = (
  Panel(
    "Fréchet distance",
    (Curve("vae/frechet", "samples to reference", "vae/frechet_error"),),
  ),
)

REPORT = MethodReport(
  title="Variational autoencoder",
  panels=(("Variational autoencoder", _TRAINING), ("Samples", _SAMPLES)),
  meanings={
    "log_likelihood": Meaning(
      "log p(x)", "higher", "bound from many draws, nats per image"
    ),
    "test_elbo": Meaning("ELBO", "higher", "bound from one draw, nats per image"),
    "test_reconstruction": Meaning("-log p(x|z)", "lower", "nats per image"),
    "test_kl": Meaning("KL", "", "of posterior from prior, nats per image"),
    "active_units": Meaning("Active units", "", "latents that depend on the image"),
    "fvu": Meaning("FVU", "lower", "fraction of variance unexplained"),
    "l0": Meaning("L0", "", "active latents per image"),
    "reconstruction_frechet": Meaning(
      "Fréchet distance of reconstructions", "lower", "to the reference"
    ),
    **SAMPLE_MEANINGS,
  },
  headline=("log_likelihood", "test_elbo", "frechet", "active_units", "fvu"),
  while_training={
    "test_elbo": ("vae/test_elbo", "vae/test_elbo_error"),
    "frechet": ("vae/frechet", "vae/frechet_error"),
    "active_units": ("vae/active_units", None),
    "fvu": ("vae/fvu", "vae/fvu_error"),
  },
)
