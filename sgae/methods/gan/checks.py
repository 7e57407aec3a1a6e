"""What a config may say of the GAN."""

from typing import Any

from sgae.config_checks import at_least, below_one, choice, non_negative, widths
from sgae.errors import UserError
from sgae.losses.adversarial import ADVERSARIAL_LOSSES
from sgae.losses.energy import ENERGY_LOSSES
from sgae.losses.penalties import PENALTIES
from sgae.methods.attention import check_attention
from sgae.methods.checks import (
  check_cadence,
  check_optimizer,
  check_penalty,
  refuse_microbatches,
)
from sgae.methods.gan.conditional_checks import check_conditional
from sgae.methods.gan.energy import ENERGIES
from sgae.methods.gan.energy_checks import check_energy, check_whole_start
from sgae.methods.gan.networks import (
  DISCRIMINATORS,
  GENERATOR_BODIES,
  GENERATORS,
  LARGEST,
)
from sgae.methods.gan.noise import LATENT_DISTRIBUTIONS
from sgae.methods.gan.overfitting_checks import check_overfitting
from sgae.methods.gan.starts import STARTS
from sgae.methods.sparse_autoencoder.checks import check_networks
from sgae.networks.network import ACTIVATIONS, OUTPUT_ACTIVATIONS
from sgae.networks.normalization import NORMALIZATIONS
from sgae.networks.residual import EXPANSION

# The methods that train the networks of the sections sae and code.
AUTOENCODERS = ("sae", "sparse_coding")


def check(config: Any) -> None:
  """Refuses an impossible GAN, alone or with code and autoencoder."""
  gan = config.gan
  choice("gan.generator", gan.generator, GENERATORS)
  if gan.generator == "plain" and gan.sparsity_weight:
    raise UserError(
      f"gan.sparsity_weight={gan.sparsity_weight} needs a code: set it to 0 for "
      "gan.generator='plain', or choose gan.generator='sparse'"
    )
  if gan.generator == "plain" and gan.decoder_rate_factor != 1:
    raise UserError(
      f"gan.decoder_rate_factor={gan.decoder_rate_factor} needs a transferred decoder: "
      "set it to 1 for gan.generator='plain', or choose gan.generator='sparse'"
    )
  choice("gan.latent_distribution", gan.latent_distribution, LATENT_DISTRIBUTIONS)
  choice("gan.loss", gan.loss, (*ADVERSARIAL_LOSSES, *ENERGY_LOSSES))
  choice("gan.generator_output", gan.generator_output, OUTPUT_ACTIVATIONS)
  for player in ("generator", "discriminator"):
    widths(f"gan.{player}_hidden", gan[f"{player}_hidden"])
    choice(f"gan.{player}_activation", gan[f"{player}_activation"], ACTIVATIONS)
    at_least(f"gan.{player}_updates", gan[f"{player}_updates"], 1)
    check_optimizer(f"gan.{player}_optimizer", gan[f"{player}_optimizer"])
  _check_architectures(config)
  check_energy(config)
  check_conditional(config)
  if gan.generator == "sparse":
    _check_code(config)
  _check_coder(config)
  _check_discriminator_start(config)
  if "gan" in config.phases and {"vae", "vae_gan"} & set(config.phases):
    _check_generator_start(config)
  check_overfitting(config)
  at_least("gan.latent_dim", gan.latent_dim, 1)
  for name in PENALTIES:
    non_negative(f"gan.penalties.{name}", gan.penalties[name])
  for field in ("sparsity_weight", "decoder_rate_factor"):
    non_negative(f"gan.{field}", gan[field])
  below_one("gan.ema_decay", gan.ema_decay)
  refuse_microbatches(config, "gan.generator_normalization", "batch")
  refuse_microbatches(config, "gan.discriminator_normalization", "batch")
  check_cadence("gan", gan)


def _check_code(config):
  """Refuses a sparse generator that does not fit the code and its decoder."""
  gan = config.gan
  if "sae" not in config:
    raise UserError(
      "gan.generator='sparse' needs the sections sae and code, which this config has "
      "not: choose gan.generator='plain', or make the config of ('sae', 'gan')"
    )
  check_networks(config)
  check_penalty("gan", config)
  with_places = config.sae.architecture == "convolutional"
  makes_places = gan.generator_architecture != "mlp"
  if "gan" in config.phases and with_places != makes_places:
    raise UserError(
      f"gan.generator_architecture='{gan.generator_architecture}' does not make the "
      f"code of sae.architecture='{config.sae.architecture}': choose 'mlp' with 'mlp', "
      "and 'dcgan' or 'residual' with 'convolutional'"
    )


def _check_coder(config):
  """Refuses a mixture that nothing is fitted to, or that the noise cannot draw."""
  gan, mixture = config.gan, config.gan.mixture
  choice("gan.coder", gan.coder, ("network", "mixture"))
  for field in ("components", "axes", "rank", "examples"):
    at_least(f"gan.mixture.{field}", mixture[field], 1)
  if gan.coder != "mixture":
    return
  if gan.generator != "sparse":
    raise UserError(
      "gan.coder='mixture' makes a code: choose gan.generator='sparse', or 'network'"
    )
  if "gan" in config.phases and not set(AUTOENCODERS) & set(config.phases):
    raise UserError(
      "gan.coder='mixture' is fitted to the codes of an autoencoder: choose "
      "phases=('sae', 'gan'), or gan.coder='network'"
    )
  if gan.latent_distribution != "normal":
    raise UserError(
      f"gan.coder='mixture' draws Gaussians from normal noise: set "
      f"gan.latent_distribution='normal', not '{gan.latent_distribution}'"
    )
  most = min(mixture.axes, gan.latent_dim - 1)
  if mixture.rank > most:
    raise UserError(
      f"gan.mixture.rank={mixture.rank} is too large: gan.mixture.axes={mixture.axes} "
      f"and gan.latent_dim={gan.latent_dim} (one number chooses the Gaussian) allow "
      f"{most}"
    )


def _check_discriminator_start(config):
  """Refuses an autoencoder that is missing, or that cannot fit."""
  gan, start = config.gan, config.gan.discriminator_start
  choice("gan.discriminator_start", start, ("fresh", *STARTS))
  if start == "fresh":
    return
  if "gan" in config.phases and not set(AUTOENCODERS) & set(config.phases):
    raise UserError(
      f"gan.discriminator_start='{start}' needs an autoencoder: choose "
      "phases=('sae', 'gan'), or 'fresh'"
    )
  if start == "autoencoder":
    check_whole_start(gan)
    return
  sae, architecture = config.sae, gan.discriminator_architecture
  matching = "dcgan" if sae.architecture == "convolutional" else "mlp"
  if architecture != matching:
    raise UserError(
      f"gan.discriminator_start='encoder' with sae.architecture='{sae.architecture}' "
      f"needs gan.discriminator_architecture='{matching}', not '{architecture}': "
      "choose it, or 'fresh'"
    )
  widths_of_encoder = (*sae.encoder_hidden, config.code.num_latents)
  if not gan.discriminator_hidden:
    raise UserError(
      "gan.discriminator_start='encoder' needs a hidden layer: give "
      "gan.discriminator_hidden a width, or choose 'fresh'"
    )
  first, width = widths_of_encoder[0], gan.discriminator_hidden[0]
  fits = width <= first if matching == "mlp" else width == first
  if not fits:
    raise UserError(
      f"gan.discriminator_hidden={tuple(gan.discriminator_hidden)} does not begin with "
      f"the encoder's {first} units: choose {first} for the first"
      f"{' or fewer' if matching == 'mlp' else ''}, or gan.discriminator_start='fresh'"
    )
  if matching == "dcgan" and gan.kernel_size != sae.kernel_size:
    raise UserError(
      f"gan.kernel_size={gan.kernel_size} is not sae.kernel_size={sae.kernel_size}, "
      "which gan.discriminator_start='encoder' needs: make them equal, or choose "
      "'fresh'"
    )
  if sae.encoder_attention:
    raise UserError(
      f"sae.encoder_attention={tuple(sae.encoder_attention)} changes what the layers "
      "after it see, of which gan.discriminator_start='encoder' takes the kernels "
      "alone: set it to (), or choose 'fresh'"
    )
  if gan.discriminator_normalization == "spectral":
    raise UserError(
      "gan.discriminator_start='encoder' sets the norms that "
      "gan.discriminator_normalization='spectral' divides by: choose another, or "
      "'fresh'"
    )


def _check_generator_start(config):
  """Refuses a generator that is not the decoder of the variational autoencoder."""
  vae, convolutional = config.vae, config.vae.architecture == "convolutional"
  if vae.posterior != "gaussian":
    raise UserError(
      f"vae.posterior='{vae.posterior}' has a prior that is no noise of the GAN: "
      "choose 'gaussian' for phases=('vae', 'gan')"
    )
  decoder = {
    "generator": "plain",
    "latent_distribution": "normal",
    "latent_dim": vae.latent_dim,
    "generator_architecture": "dcgan" if convolutional else "mlp",
    "generator_hidden": tuple(vae.decoder_hidden),
    "generator_activation": vae.activation,
    "generator_output": vae.output,
  }
  if convolutional:
    decoder |= {"generator_normalization": "none", "kernel_size": vae.kernel_size}
    decoder |= {"generator_attention": ()}
  lists = ("generator_hidden", "generator_attention")  # of JSON
  given = config.gan.to_dict() | {field: tuple(config.gan[field]) for field in lists}
  for field, wanted in decoder.items():
    if given[field] != wanted:
      raise UserError(
        f"gan.{field}={given[field]!r} is not {wanted!r}, as it is of the decoder "
        "that the generator starts from: choose it, or phases=('gan',)"
      )


def _check_architectures(config):
  gan = config.gan
  choice("gan.generator_architecture", gan.generator_architecture, GENERATOR_BODIES)
  known = (*DISCRIMINATORS, *ENERGIES)
  choice("gan.discriminator_architecture", gan.discriminator_architecture, known)
  at_least("gan.kernel_size", gan.kernel_size, 1)
  at_least("gan.residual.blocks", gan.residual.blocks, 1)
  at_least("gan.residual.groups", gan.residual.groups, 1)
  at_least("gan.attention_heads", gan.attention_heads, 1)
  for player in ("generator", "discriminator"):
    _check_player(gan, player)
  penalties = [name for name in PENALTIES if gan.penalties[name]]
  if gan.discriminator_normalization == "batch" and penalties:
    raise UserError(
      f"gan.penalties.{penalties[0]}={gan.penalties[penalties[0]]} takes each logit "
      "for a function of its own image: set it to 0, or choose another "
      "gan.discriminator_normalization than 'batch'"
    )


def _check_player(gan, player):
  architecture = gan[f"{player}_architecture"]
  hidden = gan[f"{player}_hidden"]
  if architecture not in ("mlp", "sparse_autoencoder") and not hidden:
    raise UserError(
      f"gan.{player}_hidden=() is not allowed: gan.{player}_architecture="
      f"'{architecture}' needs a width at least"
    )
  for width in hidden if architecture == "residual" else ():
    if EXPANSION * width % gan.residual.groups:
      raise UserError(
        f"gan.residual.groups={gan.residual.groups} does not divide {EXPANSION} * "
        f"{width}, of gan.{player}_hidden={tuple(hidden)}: choose a divisor"
      )
  check_attention("gan", gan, player, f"{player}_architecture", LARGEST)
  field = f"gan.{player}_normalization"
  normalization = gan[f"{player}_normalization"]
  choice(field, normalization, NORMALIZATIONS)
  if normalization != "none" and architecture != "dcgan":
    raise UserError(
      f"{field}='{normalization}' is not for gan.{player}_architecture="
      f"'{architecture}': set it to 'none', or choose 'dcgan'"
    )
