"""What a config may say of the variational autoencoder."""

from typing import Any

from sgae.config_checks import at_least, choice, non_negative, positive, widths
from sgae.errors import UserError
from sgae.methods.checks import check_cadence, check_optimizer
from sgae.methods.vae.likelihoods import LIKELIHOODS, PIXELS
from sgae.methods.vae.networks import ARCHITECTURES
from sgae.methods.vae.posteriors import POSTERIORS
from sgae.networks.network import ACTIVATIONS, OUTPUT_ACTIVATIONS
from sgae.reporting.pictures import are_points


def check(config: Any) -> None:
  """Refuses an impossible variational autoencoder."""
  vae = config.vae
  choice("vae.architecture", vae.architecture, ARCHITECTURES)
  # of one latent XLA's CPU backend makes all products sums, fuses them with the noise,
  # and compiles a step for longer than ten minutes (JAX 0.10.2)
  at_least("vae.latent_dim", vae.latent_dim, 2)
  at_least("vae.kernel_size", vae.kernel_size, 1)
  for field in ("encoder_hidden", "decoder_hidden"):
    widths(f"vae.{field}", vae[field])
    if vae.architecture == "convolutional" and not vae[field]:
      raise UserError(
        f"vae.{field}=() is not allowed: vae.architecture='convolutional' needs a "
        "width at least"
      )
  choice("vae.activation", vae.activation, ACTIVATIONS)
  choice("vae.output", vae.output, OUTPUT_ACTIVATIONS)
  choice("vae.posterior", vae.posterior, POSTERIORS)
  _check_likelihood(vae)
  if not 0 < vae.active_share < 1:
    raise UserError(
      f"vae.active_share={vae.active_share} is not allowed: choose one between 0 and 1"
    )
  positive("vae.gate_sharpness", vae.gate_sharpness)
  for field in ("beta", "free_bits"):
    non_negative(f"vae.{field}", vae[field])
  at_least("vae.beta_warmup", vae.beta_warmup, 0)
  if "vae" in config.phases and vae.free_bits and config.train.microbatches > 1:
    raise UserError(
      f"train.microbatches={config.train.microbatches} would change what "
      f"vae.free_bits={vae.free_bits} means, which is of the whole batch: set one of "
      "them to its default"
    )
  check_optimizer("vae.optimizer", vae.optimizer)
  check_cadence("vae", vae)


def check_data(config: Any, dataset: Any) -> None:
  """Refuses pixels that the data have not."""
  pixels, images = config.vae.pixels, dataset.train.images
  if pixels != "real" and are_points(images.shape[1:]):
    raise UserError(
      f"vae.pixels='{pixels}' is not for points of the plane: choose 'real', with "
      "vae.likelihood='gaussian' and vae.output='linear'"
    )
  if pixels == "dequantised" and images.dtype != "uint8":
    raise UserError(
      f"vae.pixels='dequantised' is for images of bytes, and {dataset.name} has "
      f"{images.dtype}: choose 'real'"
    )


def _check_likelihood(vae):
  choice("vae.likelihood", vae.likelihood, LIKELIHOODS)
  choice("vae.pixels", vae.pixels, PIXELS)
  if vae.pixels not in LIKELIHOODS[vae.likelihood]:
    raise UserError(
      f"vae.pixels='{vae.pixels}' is not for vae.likelihood='{vae.likelihood}': choose "
      f"{' or '.join(LIKELIHOODS[vae.likelihood])}, or another likelihood"
    )
  if vae.likelihood == "bernoulli" and vae.output != "tanh":
    raise UserError(
      f"vae.output='{vae.output}' is not for vae.likelihood='bernoulli', whose mean "
      "image lies in [-1, 1]: choose 'tanh', or vae.likelihood='gaussian'"
    )
