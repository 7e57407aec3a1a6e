"""What reporting and diagnostics show of all methods, as data."""

from sgae.diagnostics.rules import Rule
from sgae.methods import METHODS
from sgae.reporting.contents import Front, Shown


def shown() -> dict[str, Shown]:
  """Returns what a report shows of each method."""
  return {
    name: Shown(method.title, method.report, method.selects_by)
    for name, method in METHODS.items()
  }


def warnings() -> tuple[Rule, ...]:
  """Returns the rules of all methods, by which a run warns of itself."""
  return tuple(rule for method in METHODS.values() for rule in method.warnings)


def selects_by() -> dict[str, str | None]:
  """Returns the metric whose least value marks the best state of each method."""
  return {name: method.selects_by for name, method in METHODS.items()}


def fronts() -> dict[str, Front]:
  """Returns the figures that are traded for each other, of methods that have any."""
  of_all = {name: method.report.front for name, method in METHODS.items()}
  return {name: front for name, front in of_all.items() if front is not None}
