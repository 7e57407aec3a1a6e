"""Checks a config as a whole before anything is built or written.

Each refusal is one line that names the field, its value and what is allowed.
"""

from collections.abc import Collection
from typing import Any

from ml_collections import FrozenConfigDict

from sgae.data.mixture import named
from sgae.data.placement import PLACEMENTS
from sgae.data.sources import SOURCES, SOURCES_WITH_PATH
from sgae.data.stacked import DIGITS
from sgae.errors import UserError
from sgae.evaluation.suite import MEASURES
from sgae.losses.adversarial import ADVERSARIAL_LOSSES
from sgae.losses.penalties import PENALTIES
from sgae.losses.sparsity import SPARSITY_PENALTIES
from sgae.networks.build import (
  AUTOENCODERS,
  DISCRIMINATORS,
  GENERATOR_BODIES,
  GENERATORS,
  SPARSITY_MAPS,
)
from sgae.networks.classifier import KERNELS
from sgae.networks.network import ACTIVATIONS, OUTPUT_ACTIVATIONS, PRECISIONS
from sgae.networks.normalization import NORMALIZATIONS
from sgae.networks.residual import EXPANSION
from sgae.parallel import MODES
from sgae.training.latents import LATENT_DISTRIBUTIONS
from sgae.training.optimizers import OPTIMIZERS, SCHEDULES

LEAST_SAMPLES = 40  # the cells of a grid
PHASES = (("sae", "gan"), ("gan",), ("sae",), ("classifier",))

# What configs/default.py has, and other sources than 'stacked' have to keep.
UNSTACKED = {"stacked_digits": 3, "stacked_examples": 128_000}

# Fields that may differ between the run that wrote a checkpoint and one that resumes
# it; every other field belongs to the experiment.
RESUMABLE = (
  "data.directory",
  "data.placement",
  "data.cache_directory",
  "debug",
  "profile.",
  "parallel.",
  "train.microbatches",
  "sae.steps",
  "sae.evaluate_every",
  "sae.save_every",
  "gan.steps",
  "gan.evaluate_every",
  "gan.save_every",
  "classifier.steps",
  "classifier.evaluate_every",
  "classifier.save_every",
  "evaluation.",
  "checkpoint.keep",
)


def validate(config: Any) -> Any:
  """Returns the config as a FrozenConfigDict, or refuses it.

  Args:
    config: with every field of configs/default.py.

  Raises:
    UserError: a value that is impossible, alone or together with others.
  """
  try:
    _validate(config)
  except (AttributeError, KeyError, TypeError) as error:
    raise UserError(
      "the config has not the fields and types of configs/default.py "
      f"({' '.join(str(error).split())}): start from its get_config"
    ) from error
  return FrozenConfigDict(config)


def _validate(config):
  for field, value in flatten(config.to_dict()).items():
    if value is None:  # which a ConfigDict takes for any type
      raise UserError(
        f"{field}=None is not allowed: give a value such as configs/default.py has"
      )
  if tuple(config.phases) not in PHASES:
    raise UserError(
      f"phases={tuple(config.phases)} is not allowed: choose one of "
      + ", ".join(map(str, PHASES))
    )
  _choice("data.source", config.data.source, SOURCES)
  _choice("data.placement", config.data.placement, ["auto", *PLACEMENTS])
  _validate_path(config.data)
  _validate_mixture(config.data)
  _validate_stacked(config.data)
  _choice("parallel.mode", config.parallel.mode, MODES)
  _choice("precision.compute", config.precision.compute, PRECISIONS)
  for field, least in (
    ("seed", 0),
    ("data.image_size", 0),
    ("parallel.devices", 0),
    ("train.microbatches", 1),
    ("profile.steps", 0),
    ("checkpoint.keep", 1),
  ):
    _at_least(field, _get(config, field), least)
  over_batch = [
    f"{field}='{name}'"
    for field, name in (
      ("code.sparsity_map", "batch_topk"),
      ("code.penalty", "kl"),
      ("gan.generator_normalization", "batch"),
      ("gan.discriminator_normalization", "batch"),
    )
    if _get(config, field) == name
  ]
  if config.train.microbatches > 1 and over_batch:
    raise UserError(
      f"train.microbatches={config.train.microbatches} would change what "
      f"{over_batch[0]} means, whose statistics are over the whole batch: set it to 1, "
      "or choose another"
    )
  _validate_code(config.code)
  _validate_sae(config)
  _validate_gan(config)
  _validate_classifier(config.classifier)
  _validate_evaluation(config)


def changed_fields(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
  """Names the fields of the experiment in which two resolved configs differ.

  Args:
    old, new: flat dictionaries as `flatten` makes them.

  Returns:
    Lines `field: old -> new`, sorted; fields that a resume may change are left out.
  """
  names = sorted(set(old) | set(new))
  return [
    f"{name}: {old.get(name)} -> {new.get(name)}"
    for name in names
    if old.get(name) != new.get(name) and not name.startswith(RESUMABLE)
  ]


def flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
  """Returns {'a.b': value} for a nested dictionary; tuples become lists, as in JSON."""
  flat: dict[str, Any] = {}
  for name, value in tree.items():
    if isinstance(value, dict):
      flat |= flatten(value, f"{prefix}{name}.")
    else:
      flat[prefix + name] = list(value) if isinstance(value, tuple) else value
  return flat


def _validate_path(data):
  if data.source in SOURCES_WITH_PATH and not data.path:
    raise UserError(
      f"data.path={data.path!r} names nothing to read: data.source={data.source!r} "
      "needs a .npz file ('npz') or a folder of images ('folder')"
    )
  # Training on other data than the user's own would pass unnoticed.
  if data.path and data.source not in SOURCES_WITH_PATH:
    raise UserError(
      f"data.path={data.path!r} is not read by data.source={data.source!r}: choose "
      f"data.source from {', '.join(SOURCES_WITH_PATH)}, or data.path=''"
    )


def _validate_mixture(data):
  if data.source != "mixture":
    return
  named(data.name)
  if data.image_size:
    raise UserError(
      f"data.image_size={data.image_size} has no meaning for the points of "
      "data.source='mixture': set it to 0"
    )


def _validate_stacked(data):
  if data.stacked_digits not in DIGITS:
    raise UserError(
      f"data.stacked_digits={data.stacked_digits} is not allowed: choose one of "
      f"{', '.join(map(str, DIGITS))}"
    )
  _at_least("data.stacked_examples", data.stacked_examples, 0)
  for field, default in UNSTACKED.items():
    if data.source != "stacked" and data[field] != default:
      raise UserError(
        f"data.{field}={data[field]} is not read by data.source={data.source!r}: set "
        f"it to {default}, or choose data.source='stacked'"
      )


def _validate_code(code):
  _choice("code.sparsity_map", code.sparsity_map, SPARSITY_MAPS)
  _choice("code.penalty", code.penalty, SPARSITY_PENALTIES)
  _at_least("code.num_latents", code.num_latents, 1)
  for field in ("threshold", "bandwidth"):
    _positive(f"code.{field}", code[field])
  if not 0 < code.rho < 1:
    raise UserError(f"code.rho={code.rho} is not allowed: choose one between 0 and 1")
  for penalty, needed in (("kl", "sigmoid"), ("l0", "jumprelu")):
    if code.penalty == penalty and code.sparsity_map != needed:
      raise UserError(
        f"code.penalty='{penalty}' needs code.sparsity_map='{needed}', not "
        f"'{code.sparsity_map}': change either"
      )


def _validate_sae(config):
  sae, code = config.sae, config.code
  _choice("sae.architecture", sae.architecture, AUTOENCODERS)
  _at_least("sae.kernel_size", sae.kernel_size, 1)
  if sae.architecture == "convolutional" and len(sae.encoder_hidden) != len(
    sae.decoder_hidden
  ):
    raise UserError(
      f"sae.encoder_hidden={tuple(sae.encoder_hidden)} and sae.decoder_hidden="
      f"{tuple(sae.decoder_hidden)} meet at different sizes of the code: give "
      "sae.architecture='convolutional' as many widths in both"
    )
  # a code with places has more elements than latents
  most = code.num_latents if sae.architecture == "mlp" else code.k
  if code.sparsity_map in ("topk", "batch_topk") and not 1 <= code.k <= most:
    raise UserError(
      f"code.k={code.k} is not allowed: choose one from 1 to "
      f"code.num_latents={code.num_latents}"
    )
  _widths("sae.encoder_hidden", sae.encoder_hidden)
  _widths("sae.decoder_hidden", sae.decoder_hidden)
  _choice("sae.activation", sae.activation, ACTIVATIONS)
  _choice("sae.output", sae.output, OUTPUT_ACTIVATIONS)
  linear = not sae.encoder_hidden and not sae.decoder_hidden
  if "sae" in config.phases and sae.tied_start and not linear:
    raise UserError(
      "sae.tied_start=True needs linear networks: set it to False, or "
      "sae.encoder_hidden=() and sae.decoder_hidden=()"
    )
  for field in ("sparsity_weight", "auxiliary_weight"):
    _non_negative(f"sae.{field}", sae[field])
  _needs_penalty("sae", config)
  if sae.auxiliary_weight and config.code.sparsity_map in ("sigmoid", "none"):
    raise UserError(
      f"sae.auxiliary_weight={sae.auxiliary_weight} does nothing for code.sparsity_map="
      f"'{config.code.sparsity_map}', whose latents never die: set it to 0"
    )
  _at_least("sae.dead_after", sae.dead_after, 1)
  if sae.auxiliary_weight and not 1 <= sae.auxiliary_k <= config.code.num_latents:
    raise UserError(
      f"sae.auxiliary_k={sae.auxiliary_k} is not allowed: choose one from 1 to "
      f"code.num_latents={config.code.num_latents}, or sae.auxiliary_weight=0"
    )
  _validate_optimizer("sae.optimizer", sae.optimizer)
  _validate_cadence("sae", sae)


def _validate_gan(config):
  gan = config.gan
  _choice("gan.generator", gan.generator, GENERATORS)
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
  _choice("gan.latent_distribution", gan.latent_distribution, LATENT_DISTRIBUTIONS)
  _choice("gan.loss", gan.loss, ADVERSARIAL_LOSSES)
  _choice("gan.generator_output", gan.generator_output, OUTPUT_ACTIVATIONS)
  for player in ("generator", "discriminator"):
    _widths(f"gan.{player}_hidden", gan[f"{player}_hidden"])
    _choice(f"gan.{player}_activation", gan[f"{player}_activation"], ACTIVATIONS)
    _at_least(f"gan.{player}_updates", gan[f"{player}_updates"], 1)
    _validate_optimizer(f"gan.{player}_optimizer", gan[f"{player}_optimizer"])
  _validate_architectures(config)
  _at_least("gan.latent_dim", gan.latent_dim, 1)
  for name in PENALTIES:
    _non_negative(f"gan.penalties.{name}", gan.penalties[name])
  for field in ("sparsity_weight", "decoder_rate_factor"):
    _non_negative(f"gan.{field}", gan[field])
  _needs_penalty("gan", config)
  if not 0 <= gan.ema_decay < 1:
    raise UserError(
      f"gan.ema_decay={gan.ema_decay} is not allowed: choose one from 0 to below 1"
    )
  _validate_cadence("gan", gan)


def _validate_architectures(config):
  gan = config.gan
  _choice("gan.generator_architecture", gan.generator_architecture, GENERATOR_BODIES)
  _choice(
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
  _at_least("gan.kernel_size", gan.kernel_size, 1)
  _at_least("gan.residual.blocks", gan.residual.blocks, 1)
  _at_least("gan.residual.groups", gan.residual.groups, 1)
  for player in ("generator", "discriminator"):
    architecture = gan[f"{player}_architecture"]
    widths = gan[f"{player}_hidden"]
    if architecture != "mlp" and not widths:
      raise UserError(
        f"gan.{player}_hidden=() is not allowed: gan.{player}_architecture="
        f"'{architecture}' needs a width at least"
      )
    for width in widths if architecture == "residual" else ():
      if EXPANSION * width % gan.residual.groups:
        raise UserError(
          f"gan.residual.groups={gan.residual.groups} does not divide {EXPANSION} * "
          f"{width}, of gan.{player}_hidden={tuple(widths)}: choose a divisor"
        )
    field = f"gan.{player}_normalization"
    normalization = gan[f"{player}_normalization"]
    _choice(field, normalization, NORMALIZATIONS)
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


def _validate_classifier(classifier):
  _widths("classifier.channels", classifier.channels)
  if len(classifier.channels) != len(KERNELS):
    raise UserError(
      f"classifier.channels={tuple(classifier.channels)} is not allowed: give "
      f"{len(KERNELS)} widths"
    )
  for field, least in (("num_classes", 2), ("num_features", 1), ("shift", 0)):
    _at_least(f"classifier.{field}", classifier[field], least)
  if not 0 <= classifier.dropout < 1:
    raise UserError(
      f"classifier.dropout={classifier.dropout} is not allowed: choose one from 0 to "
      "below 1"
    )
  _validate_optimizer("classifier.optimizer", classifier.optimizer)
  _validate_cadence("classifier", classifier)


def _validate_evaluation(config):
  evaluation = config.evaluation
  for name in evaluation.measures:
    _choice("evaluation.measures", name, MEASURES)
  _at_least("evaluation.num_samples", evaluation.num_samples, LEAST_SAMPLES)
  _at_least("evaluation.final_samples", evaluation.final_samples, LEAST_SAMPLES)
  _at_least("evaluation.patience", evaluation.patience, 0)
  for field in ("keep_best", "patience"):
    if evaluation[field] and "frechet" not in evaluation.measures:
      raise UserError(
        f"evaluation.{field}={evaluation[field]} goes by the Frechet distance: add "
        "'frechet' to evaluation.measures"
      )
    if evaluation[field] and config.data.source == "mixture":
      raise UserError(
        f"evaluation.{field}={evaluation[field]} goes by the Frechet distance, which "
        f"data.source='mixture' has not: set it to {type(evaluation[field])()}"
      )


def _needs_penalty(phase, config):
  weight = config[phase].sparsity_weight
  if weight and config.code.penalty == "none":
    raise UserError(
      f"{phase}.sparsity_weight={weight} needs a code.penalty other than 'none': "
      "choose one, or set it to 0"
    )


def _validate_optimizer(field, optimizer):
  _choice(f"{field}.name", optimizer.name, OPTIMIZERS)
  _choice(f"{field}.schedule", optimizer.schedule, SCHEDULES)
  _non_negative(f"{field}.learning_rate", optimizer.learning_rate)
  for name in ("beta1", "beta2"):
    if not 0 <= optimizer[name] < 1:
      raise UserError(
        f"{field}.{name}={optimizer[name]} is not allowed: choose one from 0 to below 1"
      )
  _at_least(f"{field}.warmup_updates", optimizer.warmup_updates, 0)


def _validate_cadence(phase, config):
  for field in ("batch_size", "steps", "log_every", "evaluate_every", "save_every"):
    _at_least(f"{phase}.{field}", config[field], 1)
  for field in ("steps", "evaluate_every", "save_every"):
    if config[field] % config.log_every:
      raise UserError(
        f"{phase}.{field}={config[field]} is not a multiple of "
        f"{phase}.log_every={config.log_every}: one compiled call runs log_every steps"
      )


def _get(config, field):
  for name in field.split("."):
    config = config[name]
  return config


def _choice(field: str, value: Any, allowed: Collection[str]) -> None:
  if value not in allowed:
    raise UserError(f"{field}={value!r} is unknown: choose one of {', '.join(allowed)}")


def _at_least(field: str, value: int, least: int) -> None:
  if value < least:
    raise UserError(f"{field}={value} is too small: choose {least} or more")
  if value >= 2**32:  # what a step, an index or a seed is counted in
    raise UserError(f"{field}={value} is too large: choose one below 2**32")


def _positive(field: str, value: float) -> None:
  if not 0 < value < float("inf"):
    raise UserError(f"{field}={value} is not allowed: choose a finite number above 0")


def _non_negative(field: str, value: float) -> None:
  if not 0 <= value < float("inf"):
    raise UserError(f"{field}={value} is not allowed: choose a finite number from 0 up")


def _widths(field: str, widths: Any) -> None:
  if not all(isinstance(width, int) and width >= 1 for width in widths):
    raise UserError(f"{field}={tuple(widths)} is not allowed: choose whole widths >= 1")
