"""How far the members of populations end: the values that a histogram is drawn of."""

from collections.abc import Mapping, Sequence
from typing import Any

from sgae.reporting.lenient import finite, section
from sgae.runs.comparable import Run, part_of


def spreads(
  runs: Sequence[Run], compared: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
  """Returns where the members of each population end, whatever their settings.

  Args:
    runs: that were compared; single runs are left out.
    compared: of `compare`, with the measure that it follows.

  Returns:
    name of the run directory -> {members: how many there are, values: of the measure,
    rising, of the members that have it}. Members that diverged have none.
  """
  found: dict[str, dict[str, Any]] = {}
  for run in runs:
    if run.population:
      own = found.setdefault(run.population, {"members": run.together, "values": []})
      own["values"] += _values(run, compared["measure"])
  for own in found.values():
    own["values"].sort()
  return {name: own for name, own in found.items() if own["values"]}


def _values(run: Run, measure: str) -> list[float]:
  """Returns the value of the last phase that has the measure, or nothing."""
  of_phases = [part_of(run, phase, "figures") for phase in run.config["phases"]]
  values = [finite(section(part, measure).get("value")) for part in of_phases]
  return [value for value in values if value is not None][-1:]
