"""Checks a config as a whole before anything is built or written.

Each refusal is one line that names the field, its value and what is allowed.
"""

from typing import Any

from ml_collections import FrozenConfigDict

from sgae.config_checks import at_least, choice
from sgae.config_phases import (
  validate_classifier,
  validate_code,
  validate_gan,
  validate_sae,
)
from sgae.data.mixture import named
from sgae.data.placement import PLACEMENTS
from sgae.data.sources import SOURCES, SOURCES_WITH_PATH
from sgae.data.stacked import DIGITS
from sgae.devices.compiled_steps import MODES
from sgae.errors import UserError
from sgae.evaluation.measures.suite import MEASURES
from sgae.networks.network import PRECISIONS

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
  choice("data.source", config.data.source, SOURCES)
  choice("data.placement", config.data.placement, ["auto", *PLACEMENTS])
  _validate_path(config.data)
  _validate_mixture(config.data)
  _validate_stacked(config.data)
  choice("parallel.mode", config.parallel.mode, MODES)
  choice("precision.compute", config.precision.compute, PRECISIONS)
  for field, least in (
    ("seed", 0),
    ("data.image_size", 0),
    ("parallel.devices", 0),
    ("train.microbatches", 1),
    ("profile.steps", 0),
    ("checkpoint.keep", 1),
  ):
    at_least(field, _get(config, field), least)
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
  validate_code(config.code)
  validate_sae(config)
  validate_gan(config)
  validate_classifier(config.classifier)
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
  at_least("data.stacked_examples", data.stacked_examples, 0)
  for field, default in UNSTACKED.items():
    if data.source != "stacked" and data[field] != default:
      raise UserError(
        f"data.{field}={data[field]} is not read by data.source={data.source!r}: set "
        f"it to {default}, or choose data.source='stacked'"
      )


def _validate_evaluation(config):
  evaluation = config.evaluation
  for name in evaluation.measures:
    choice("evaluation.measures", name, MEASURES)
  at_least("evaluation.num_samples", evaluation.num_samples, LEAST_SAMPLES)
  at_least("evaluation.final_samples", evaluation.final_samples, LEAST_SAMPLES)
  at_least("evaluation.patience", evaluation.patience, 0)
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


def _get(config, field):
  for name in field.split("."):
    config = config[name]
  return config
