"""What `validate` asks of the code and of each phase, alone and together."""

from typing import Any

from sgae.config_checks import at_least, choice, non_negative, positive, widths
from sgae.errors import UserError
from sgae.losses.adversarial import ADVERSARIAL_LOSSES
from sgae.losses.penalties import PENALTIES
from sgae.losses.sparsity import SPARSITY_PENALTIES
from sgae.methods.gan.noise import LATENT_DISTRIBUTIONS
from sgae.methods.optimizers import OPTIMIZERS, SCHEDULES
from sgae.networks.build import (
  AUTOENCODERS,
  DISCRIMINATORS,
  GENERATOR_BODIES,
  GENERATORS,
  SPARSITY_MAPS,
)
from sgae.networks.classifier import KERNELS
from sgae.networks.network import ACTIVATIONS, OUTPUT_ACTIVATIONS
from sgae.networks.normalization import NORMALIZATIONS
from sgae.networks.residual import EXPANSION


def validate_code(code: Any) -> None:
  """Refuses an impossible `config.code`; what depends on others: `validate_sae`."""
  choice("code.sparsity_map", code.sparsity_map, SPARSITY_MAPS)
  choice("code.penalty", code.penalty, SPARSITY_PENALTIES)
  at_least("code.num_latents", code.num_latents, 1)
  for field in ("threshold", "bandwidth"):
    positive(f"code.{field}", code[field])
  if not 0 < code.rho < 1:
    raise UserError(f"code.rho={code.rho} is not allowed: choose one between 0 and 1")
  for penalty, needed in (("kl", "sigmoid"), ("l0", "jumprelu")):
    if code.penalty == penalty and code.sparsity_map != needed:
      raise UserError(
        f"code.penalty='{penalty}' needs code.sparsity_map='{needed}', not "
        f"'{code.sparsity_map}': change either"
      )


def validate_sae(config: Any) -> None:
  """Refuses an impossible autoencoder, and one that does not fit its code."""
  sae, code = config.sae, config.code
  choice("sae.architecture", sae.architecture, AUTOENCODERS)
  at_least("sae.kernel_size", sae.kernel_size, 1)
  if sae.architecture == "convolutional" and len(sae.encoder_hidden) != len(
    sae.decoder_hidden
  ):
    raise UserError(
      f"sae.encoder_hidden={tuple(sae.encoder_hidden)} and sae.decoder_hidden="
      f"{tuple(sae.decoder_hidden)} meet at different sizes of the code: give "
      "sae.architecture='convolutional' as many widths in both"
    )
  if code.sparsity_map in ("topk", "batch_topk"):
    # a code with places has more elements than latents
    if sae.architecture == "mlp" and not 1 <= code.k <= code.num_latents:
      raise UserError(
        f"code.k={code.k} is not allowed: choose one from 1 to "
        f"code.num_latents={code.num_latents}"
      )
    at_least("code.k", code.k, 1)
  widths("sae.encoder_hidden", sae.encoder_hidden)
  widths("sae.decoder_hidden", sae.decoder_hidden)
  choice("sae.activation", sae.activation, ACTIVATIONS)
  choice("sae.output", sae.output, OUTPUT_ACTIVATIONS)
  linear = not sae.encoder_hidden and not sae.decoder_hidden
  if "sae" in config.phases and sae.tied_start and not linear:
    raise UserError(
      "sae.tied_start=True needs linear networks: set it to False, or "
      "sae.encoder_hidden=() and sae.decoder_hidden=()"
    )
  for field in ("sparsity_weight", "auxiliary_weight"):
    non_negative(f"sae.{field}", sae[field])
  _needs_penalty("sae", config)
  if sae.auxiliary_weight and code.sparsity_map in ("sigmoid", "none"):
    raise UserError(
      f"sae.auxiliary_weight={sae.auxiliary_weight} does nothing for code.sparsity_map="
      f"'{code.sparsity_map}', whose latents never die: set it to 0"
    )
  at_least("sae.dead_after", sae.dead_after, 1)
  if sae.auxiliary_weight and not 1 <= sae.auxiliary_k <= code.num_latents:
    raise UserError(
      f"sae.auxiliary_k={sae.auxiliary_k} is not allowed: choose one from 1 to "
      f"code.num_latents={code.num_latents}, or sae.auxiliary_weight=0"
    )
  _validate_optimizer("sae.optimizer", sae.optimizer)
  _validate_cadence("sae", sae)


def validate_gan(config: Any) -> None:
  """Refuses an impossible GAN, and one that does not fit code and autoencoder."""
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
  choice("gan.loss", gan.loss, ADVERSARIAL_LOSSES)
  choice("gan.generator_output", gan.generator_output, OUTPUT_ACTIVATIONS)
  for player in ("generator", "discriminator"):
    widths(f"gan.{player}_hidden", gan[f"{player}_hidden"])
    choice(f"gan.{player}_activation", gan[f"{player}_activation"], ACTIVATIONS)
    at_least(f"gan.{player}_updates", gan[f"{player}_updates"], 1)
    _validate_optimizer(f"gan.{player}_optimizer", gan[f"{player}_optimizer"])
  _validate_architectures(config)
  at_least("gan.latent_dim", gan.latent_dim, 1)
  for name in PENALTIES:
    non_negative(f"gan.penalties.{name}", gan.penalties[name])
  for field in ("sparsity_weight", "decoder_rate_factor"):
    non_negative(f"gan.{field}", gan[field])
  _needs_penalty("gan", config)
  if not 0 <= gan.ema_decay < 1:
    raise UserError(
      f"gan.ema_decay={gan.ema_decay} is not allowed: choose one from 0 to below 1"
    )
  _validate_cadence("gan", gan)


def _validate_architectures(config):
  gan = config.gan
  choice("gan.generator_architecture", gan.generator_architecture, GENERATOR_BODIES)
  choice(
    "gan.discriminator_architecture", gan.discriminator_architecture, DISCRIMINATORS
  )
  with_places = config.sae.architecture == "convolutional"
  makes_places = gan.generator_architecture != "mlp"
  sparse = "gan" in config.phases and gan.generator == "sparse"
  if sparse and with_places != makes_places:
    raise UserError(
      f"gan.generator_architecture='{gan.generator_architecture}' does not make the "
      f"code of sae.architecture='{config.sae.architecture}': choose 'mlp' with 'mlp', "
      "and 'dcgan' or 'residual' with 'convolutional'"
    )
  at_least("gan.kernel_size", gan.kernel_size, 1)
  at_least("gan.residual.blocks", gan.residual.blocks, 1)
  at_least("gan.residual.groups", gan.residual.groups, 1)
  for player in ("generator", "discriminator"):
    architecture = gan[f"{player}_architecture"]
    hidden = gan[f"{player}_hidden"]
    if architecture != "mlp" and not hidden:
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
    field = f"gan.{player}_normalization"
    normalization = gan[f"{player}_normalization"]
    choice(field, normalization, NORMALIZATIONS)
    if normalization != "none" and architecture != "dcgan":
      raise UserError(
        f"{field}='{normalization}' is not for gan.{player}_architecture="
        f"'{architecture}': set it to 'none', or choose 'dcgan'"
      )
  penalties = [name for name in PENALTIES if gan.penalties[name]]
  if gan.discriminator_normalization == "batch" and penalties:
    raise UserError(
      f"gan.penalties.{penalties[0]}={gan.penalties[penalties[0]]} takes each logit "
      "for a function of its own image: set it to 0, or choose another "
      "gan.discriminator_normalization than 'batch'"
    )


def validate_classifier(classifier: Any) -> None:
  """Refuses an impossible `config.classifier`."""
  widths("classifier.channels", classifier.channels)
  if len(classifier.channels) != len(KERNELS):
    raise UserError(
      f"classifier.channels={tuple(classifier.channels)} is not allowed: give "
      f"{len(KERNELS)} widths"
    )
  for field, least in (("num_classes", 2), ("num_features", 1), ("shift", 0)):
    at_least(f"classifier.{field}", classifier[field], least)
  if not 0 <= classifier.dropout < 1:
    raise UserError(
      f"classifier.dropout={classifier.dropout} is not allowed: choose one from 0 to "
      "below 1"
    )
  _validate_optimizer("classifier.optimizer", classifier.optimizer)
  _validate_cadence("classifier", classifier)


def _needs_penalty(phase, config):
  weight = config[phase].sparsity_weight
  if weight and config.code.penalty == "none":
    raise UserError(
      f"{phase}.sparsity_weight={weight} needs a code.penalty other than 'none': "
      "choose one, or set it to 0"
    )


def _validate_optimizer(field, optimizer):
  choice(f"{field}.name", optimizer.name, OPTIMIZERS)
  choice(f"{field}.schedule", optimizer.schedule, SCHEDULES)
  non_negative(f"{field}.learning_rate", optimizer.learning_rate)
  for name in ("beta1", "beta2"):
    if not 0 <= optimizer[name] < 1:
      raise UserError(
        f"{field}.{name}={optimizer[name]} is not allowed: choose one from 0 to below 1"
      )
  at_least(f"{field}.warmup_updates", optimizer.warmup_updates, 0)


def _validate_cadence(phase, config):
  for field in ("batch_size", "steps", "log_every", "evaluate_every", "save_every"):
    at_least(f"{phase}.{field}", config[field], 1)
  for field in ("steps", "evaluate_every", "save_every"):
    if config[field] % config.log_every:
      raise UserError(
        f"{phase}.{field}={config[field]} is not a multiple of "
        f"{phase}.log_every={config.log_every}: one compiled call runs log_every steps"
      )
