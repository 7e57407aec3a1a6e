"""Checks of a single value of a config, each refusal one line that names its field."""

from collections.abc import Collection, Sequence
from typing import Any

from sgae.errors import UserError


def choice(field: str, value: Any, allowed: Collection[str]) -> None:
  """Refuses a name that is not one of those allowed."""
  if value not in allowed:
    raise UserError(f"{field}={value!r} is unknown: choose one of {', '.join(allowed)}")


def chosen(what: str, arg: str, known: Sequence[str]) -> str:
  """Returns what the argument of a config file chooses: '' is the first one known.

  Args:
    what: is chosen, such as 'kind', for the message.
    arg: as `FILE.py:ARG` has it.
    known: names.

  Raises:
    UserError: there is none of that name.
  """
  if arg and arg not in known:
    raise UserError(f"the {what} :{arg} is unknown: choose one of {', '.join(known)}")
  return arg or known[0]


def no_kinds(arg: str) -> None:
  """Refuses an argument, as `FILE.py:ARG` has it, of a config file that takes none."""
  if arg:
    raise UserError(f"the config has no kinds, and :{arg} names one: leave it out")


def at_least(field: str, value: int, least: int) -> None:
  """Refuses a count below the least, or beyond what a step counts in, int32."""
  _within(field, value, least, 31)


def seed(field: str, value: int) -> None:
  """Refuses all but 0 to 2**32 - 1."""
  _within(field, value, 0, 32)


def _within(field, value, least, bits):
  if value < least:
    raise UserError(f"{field}={value} is too small: choose {least} or more")
  if value >= 2**bits:
    raise UserError(f"{field}={value} is too large: choose one below 2**{bits}")


def positive(field: str, value: float) -> None:
  """Refuses all but finite numbers above 0."""
  if not 0 < value < float("inf"):
    raise UserError(f"{field}={value} is not allowed: choose a finite number above 0")


def non_negative(field: str, value: float) -> None:
  """Refuses all but finite numbers from 0 up."""
  if not 0 <= value < float("inf"):
    raise UserError(f"{field}={value} is not allowed: choose a finite number from 0 up")


def below_one(field: str, value: float) -> None:
  """Refuses all but numbers from 0 to below 1."""
  if not 0 <= value < 1:
    raise UserError(f"{field}={value} is not allowed: choose one from 0 to below 1")


def widths(field: str, widths: Any) -> None:
  """Refuses widths that are not whole numbers from 1 up."""
  if not all(isinstance(width, int) and width >= 1 for width in widths):
    raise UserError(f"{field}={tuple(widths)} is not allowed: choose whole widths >= 1")
