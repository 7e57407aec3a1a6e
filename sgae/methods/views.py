"""What reporting and diagnostics show of all methods, as data."""

from sgae.diagnostics.rules import Rule
from sgae.methods import METHODS
from sgae.reporting.contents import Shown


def shown() -> dict[str, Shown]:
  """Returns title and report of each method."""
  return {name: Shown(method.title, method.report) for name, method in METHODS.items()}


def warnings() -> tuple[Rule, ...]:
  """Returns the rules of all methods, by which a run warns of itself."""
  return tuple(rule for method in METHODS.values() for rule in method.warnings)


def selects_by() -> dict[str, str | None]:
  """Returns the metric whose least value marks the best state of each method."""
  return {name: method.selects_by for name, method in METHODS.items()}
