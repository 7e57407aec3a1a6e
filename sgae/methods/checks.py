"""Checks of fields that several methods have; each refusal is one line."""

from typing import Any

from sgae.config_checks import at_least, below_one, choice, non_negative
from sgae.errors import UserError
from sgae.methods.optimizers import OPTIMIZERS, SCHEDULES


def check_optimizer(field: str, optimizer: Any) -> None:
  """Refuses an impossible optimizer, whose section is called `field`."""
  choice(f"{field}.name", optimizer.name, OPTIMIZERS)
  choice(f"{field}.schedule", optimizer.schedule, SCHEDULES)
  non_negative(f"{field}.learning_rate", optimizer.learning_rate)
  for name in ("beta1", "beta2"):
    below_one(f"{field}.{name}", optimizer[name])
  at_least(f"{field}.warmup_updates", optimizer.warmup_updates, 0)


def check_cadence(phase: str, config: Any) -> None:
  """Refuses impossible lengths; `config` is the section of the method `phase`."""
  for field in ("batch_size", "steps", "log_every", "evaluate_every", "save_every"):
    at_least(f"{phase}.{field}", config[field], 1)
  for field in ("steps", "evaluate_every", "save_every"):
    if config[field] % config.log_every:
      raise UserError(
        f"{phase}.{field}={config[field]} is not a multiple of "
        f"{phase}.log_every={config.log_every}: one compiled call runs log_every steps"
      )


def check_penalty(phase: str, config: Any) -> None:
  """Refuses a weight for a penalty on the code where there is none."""
  weight = config[phase].sparsity_weight
  if weight and config.code.penalty == "none":
    raise UserError(
      f"{phase}.sparsity_weight={weight} needs a code.penalty other than 'none': "
      "choose one, or set it to 0"
    )


def refuse_sparsity(phase: str, config: Any, field: str) -> None:
  """Refuses a weight for a penalty on the code of a generator that has no code.

  Args:
    phase: whose generator it is.
    config: the whole config.
    field: of the phase, which chooses the generator; 'sparse' has a code.
  """
  fields = config[phase]
  if fields.sparsity_weight:
    raise UserError(
      f"{phase}.sparsity_weight={fields.sparsity_weight} is of a code, which "
      f"{phase}.{field}='{fields[field]}' has not: set it to 0, or choose 'sparse'"
    )


def refuse_microbatches(config: Any, field: str, value: str) -> None:
  """Refuses microbatches where a choice has statistics over the whole batch.

  Args:
    config: the whole config.
    field: its field.
    value: the choice that it must not have; any other one is fine.
  """
  section, _, name = field.partition(".")
  if config.train.microbatches > 1 and config[section][name] == value:
    raise UserError(
      f"train.microbatches={config.train.microbatches} would change what "
      f"{field}='{value}' means, whose statistics are over the whole batch: set it to "
      "1, or choose another"
    )
