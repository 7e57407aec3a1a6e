"""Checks a config as a whole before anything is built or written.

Each refusal is one line that names the field, its value and what is allowed.
"""

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict, FrozenConfigDict

from sgae import base_config
from sgae.config_checks import at_least, choice, seed
from sgae.config_history import modernised
from sgae.data import checks as data_checks
from sgae.data.local import absolute
from sgae.data.placement import SECOND_INPUTS
from sgae.data.sources import SOURCES_OF_VECTORS
from sgae.devices.compiled_steps import MODES
from sgae.errors import UserError
from sgae.evaluation.measures.suite import MEASURES
from sgae.methods import METHODS, population
from sgae.methods.config_fields import RESUMABLE
from sgae.networks.network import PRECISIONS

LEAST_SAMPLES = 40  # the cells of a grid

# What features may be of; a network that learnt labels, or one that needed none.
FEATURES = ("auto", "labels", "rotation")
# Data sources whose examples are measured in one way.
ONE_MEASURE = {
  "mixture": "points are compared as they are",
  "vectors": "vectors are compared as they are",
  "patches": "patches are compared as they are",
  "stacked": "modes are counted by the labels of the digits",
}

# Fields of `base_config` that may differ between the run that wrote a checkpoint and
# one that resumes it, by how their names begin.
RESUMABLE_BASE = (
  "data.path",
  "data.directory",
  "data.second.path",
  "data.second.directory",
  "data.allow_changed",
  "data.placement",
  "data.cache_directory",
  "debug",
  "profile.",
  "parallel.",
  "train.microbatches",
  "evaluation.",
  "checkpoint.keep",
  "logging.",
)

# Fields that name a place; '' stands for a default.
PLACES = (
  "data.path",
  "data.directory",
  "data.second.path",
  "data.second.directory",
  "data.cache_directory",
  "checkpoint.directory",
  "start_from",
)


def validate(config: Any) -> Any:
  """Returns the config as a FrozenConfigDict, or refuses it.

  Args:
    config: as `base_config.get_config` makes it, with any values.

  Raises:
    UserError: a value that is impossible, alone or together with others.
  """
  try:
    _validate(config)
  except (AttributeError, KeyError, TypeError) as error:
    raise UserError(
      "the config has not the fields and types of configs/base.py "
      f"({' '.join(str(error).split())}): start from its get_config"
    ) from error
  return FrozenConfigDict(config)


def _validate(config):
  for field, value in flatten(config.to_dict()).items():
    if value is None:  # which a ConfigDict takes for any type
      raise UserError(
        f"{field}=None is not allowed: give a value of its default's type"
      )
  _check_phases(config)
  data_checks.check(config.data)
  _check_methods_of_vectors(config)
  choice("parallel.mode", config.parallel.mode, MODES)
  choice("precision.compute", config.precision.compute, PRECISIONS)
  seed("seed", config.seed)
  for field, least in (
    ("parallel.devices", 0),
    ("train.microbatches", 1),
    ("population.seeds", 1),
    ("profile.steps", 0),
    ("checkpoint.keep", 1),
  ):
    at_least(field, _get(config, field), least)
  for name, method in METHODS.items():
    if name in config:
      method.check(config)
  _check_second_side(config)
  _validate_evaluation(config)
  population.check(config)
  if config.start_from and population.members_of(config):
    raise UserError(
      f"start_from={config.start_from!r} is for a single run: leave out population"
    )


def _check_phases(config):
  """Refuses phases that are no chain of known methods with sections in the config."""
  phases = tuple(config.phases)
  if not phases or len(set(phases)) != len(phases):
    raise UserError(
      f"phases={phases} is not allowed: name methods, each once, from "
      f"{', '.join(METHODS)}"
    )
  for name in phases:
    choice("phases", name, list(METHODS))
    if name not in config:
      own = [known for known in METHODS if known in config]
      raise UserError(
        f"phases={phases} names {name}, but this config has no section of it: choose "
        f"from {', '.join(own)}, or another config"
      )
  for index, name in enumerate(phases):
    takes = METHODS[name].takes
    takes_part = index == 0 or any(earlier in takes for earlier in phases[:index])
    if not takes_part and not _gives_alone(phases, index):
      raise UserError(
        f"phases={phases} is not allowed: {name} can start from "
        f"{' or '.join(takes) or 'no other method'}, not from {phases[index - 1]}"
      )


def _gives_alone(phases, index) -> bool:
  """Says whether a phase gives a later one branches that no other phase gives it."""
  name = phases[index]
  for end in range(index + 1, len(phases)):
    takes = METHODS[phases[end]].takes
    others = [takes.get(phase, {}) for phase in phases[:end] if phase != name]
    taken = {branch for branches in others for branch in branches.values()}
    if name in takes and not taken & set(takes[name].values()):
      return True
  return False


def is_resumable(field: str) -> bool:
  """Says whether a field may differ between a run and one that resumes it.

  Args:
    field: its name with dots, such as 'data.placement'.
  """
  section, _, name = field.rpartition(".")
  if section in METHODS and name in RESUMABLE:
    return True
  return field.startswith(RESUMABLE_BASE)


def used_sections(config: Mapping[str, Any]) -> set[str]:
  """Returns the sections that a run reads: those of all runs, and its methods'.

  Args:
    config: a validated config.
  """
  names = set(base_config.base_fields(()))
  for phase in config["phases"]:
    names |= set(METHODS[phase].uses(config))
  return names


def complete(stored: Mapping[str, Any]) -> ConfigDict:
  """Returns a stored config with today's fields, unlocked.

  A field that it lacks has its default, which means "as it was"; sections of methods
  that it does not name stay out.

  Args:
    stored: nested dictionaries, as JSON holds them.

  Raises:
    UserError: it has no phases, or names a method or a field that is not known.
  """
  fields, _ = _of_today(stored)
  config = ConfigDict(base_config.config_for(stored).to_dict())
  for field, value in fields.items():
    *path, name = field.split(".")
    section: Any = _get(config, ".".join(path)) if path else config
    with section.ignore_type():
      section[name] = tuple(value) if isinstance(value, list) else value
  return config


def replaced_fields(stored: Mapping[str, Any]) -> list[str]:
  """Returns a line for each stored field that has another name now, or none."""
  return _of_today(stored)[1]


def _of_today(stored):
  known = flatten(base_config.config_for(stored).to_dict())
  return modernised(flatten(dict(stored)), known)


def changed_fields(old: Mapping[str, Any], new: Any) -> list[str]:
  """Names the fields of the experiment in which a stored config differs from a new one.

  Args:
    old: nested, as `complete` takes it.
    new: a validated config.

  Returns:
    Lines `field: old -> new`, sorted, of the sections that the new one uses; fields
    that a resume may change are left out.
  """
  before, after = (
    flatten(with_absolute_places(config.to_dict())) for config in (complete(old), new)
  )
  used = used_sections(new)
  return [
    f"{name}: {before.get(name)} -> {after.get(name)}"
    for name in sorted(before | after)
    if before.get(name) != after.get(name)
    and name.partition(".")[0] in used
    and not is_resumable(name)
  ]


def with_absolute_places(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
  """Returns a nested config whose `PLACES` hold from any working directory.

  Args:
    tree: with any of the fields; '' and places in a bucket stay as they are.
    prefix: of the names in it.
  """
  placed = dict(tree)
  for name, value in tree.items():
    if isinstance(value, dict):
      placed[name] = with_absolute_places(value, f"{prefix}{name}.")
    elif f"{prefix}{name}" in PLACES and value and "://" not in value:
      placed[name] = absolute(value)
  return placed


def flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
  """Returns {'a.b': value} for a nested dictionary; tuples become lists, as in JSON."""
  flat: dict[str, Any] = {}
  for name, value in tree.items():
    if isinstance(value, dict):
      flat |= flatten(value, f"{prefix}{name}.")
    else:
      flat[prefix + name] = list(value) if isinstance(value, tuple) else value
  return flat


def _check_methods_of_vectors(config):
  source = config.data.source
  able = [name for name in METHODS if METHODS[name].takes_vectors]
  unable = [name for name in config.phases if name not in able]
  # of the points of a mixture the modes are known, which a generator is measured by
  if unable and source in SOURCES_OF_VECTORS and source != "mixture":
    raise UserError(
      f"phases={tuple(config.phases)} names {unable[0]}, which is for images, not for "
      f"data.source={source!r}: choose from {', '.join(able)}"
    )


def _check_second_side(config):
  """Refuses a second side of the data that no phase reads."""
  read = {array for name in config.phases for array in METHODS[name].inputs(config)}
  if read & set(SECOND_INPUTS):
    return
  for field, value in (
    ("data.second.source", config.data.second.source),
    ("data.paired", config.data.paired),
  ):
    if value:
      raise UserError(
        f"{field}={value!r} gives a second side, which "
        f"phases={tuple(config.phases)} do not read: set it to {type(value)()!r}"
      )


def _validate_evaluation(config):
  evaluation = config.evaluation
  for name in evaluation.measures:
    choice("evaluation.measures", name, MEASURES)
  choice("evaluation.features", evaluation.features, FEATURES)
  source = config.data.source
  if source in ONE_MEASURE and evaluation.features != "auto":
    raise UserError(
      f"evaluation.features={evaluation.features!r} has no meaning for "
      f"data.source={source!r}, whose {ONE_MEASURE[source]}: set it to 'auto'"
    )
  at_least("evaluation.num_samples", evaluation.num_samples, LEAST_SAMPLES)
  at_least("evaluation.final_samples", evaluation.final_samples, LEAST_SAMPLES)
  for field, least in (
    ("importance_samples", 1),
    ("importance_examples", 1),
    ("patience", 0),
  ):
    at_least(f"evaluation.{field}", evaluation[field], least)
  chosen = [name for name in config.phases if METHODS[name].selects_by]
  for field in ("keep_best", "patience"):
    if evaluation[field] and not chosen:
      raise UserError(
        f"evaluation.{field}={evaluation[field]} chooses states by a distance, which "
        f"no phase of {tuple(config.phases)} measures: set it to "
        f"{type(evaluation[field])()}"
      )
    if evaluation[field] and "frechet" not in evaluation.measures:
      raise UserError(
        f"evaluation.{field}={evaluation[field]} goes by the Frechet distance: add "
        "'frechet' to evaluation.measures"
      )
    if evaluation[field] and source in SOURCES_OF_VECTORS:
      raise UserError(
        f"evaluation.{field}={evaluation[field]} goes by the Frechet distance, which "
        f"data.source={source!r} has not: set it to {type(evaluation[field])()}"
      )


def _get(config, field):
  for name in field.split("."):
    config = config[name]
  return config
