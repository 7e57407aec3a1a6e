"""How long ago a phase was at its best."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from sgae.reporting.lenient import finite


class Evaluations:
  """The values of one metric of a phase, whose least marks the best state."""

  def __init__(self, metric: str | None, records: Iterable[Mapping[str, Any]] = ()):
    """Takes in records; a phase without such a metric never has values."""
    self._metric = metric or ""
    # by step, of each member of a population
    self._values: dict[int, dict[int | None, float]] = {}
    for record in records:
      self.add(record)

  def add(self, record: Mapping[str, Any]) -> None:
    """Takes in a record of the phase, which may lack the metric."""
    value = finite(record.get(self._metric))
    if value is not None:
      member = record.get("member")
      of_whom = member if isinstance(member, int) else None
      self._values.setdefault(record["step"], {})[of_whom] = value

  def since_best(self) -> int | None:
    """Returns how many evaluations followed the best one; None: there are none.

    Of a population by the median over the members of the newest evaluation: one that
    died before must not make those that are left look better.
    """
    evaluations = list(self._values.values())
    if not evaluations:
      return None
    alive = evaluations[-1].keys()
    medians = [
      np.median([value for member, value in own.items() if member in alive])
      for own in evaluations
    ]
    return len(medians) - 1 - int(np.argmin(medians))
