"""Finds the warnings of a run in its metric records; pure functions of them.

Nothing is stored, so a resumed run, the console and the report see the same warnings in
the same records.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sgae.diagnostics.rules import Rule, Track
from sgae.reporting.lenient import finite

# A warning ends after this many records in a row without a finding: one good record
# between bad ones does not end it.
HEALED = 3


class Event(NamedTuple):
  """A warning that begins: where, its kind, what was seen, what usually helps."""

  phase: str
  step: int
  kind: str
  saw: str
  advice: str
  member: int | None = None  # of a population

  def where(self) -> str:
    """Returns the phase, and the member of a population."""
    return self.phase if self.member is None else f"{self.phase} member {self.member}"


class _Course:
  """Counts how often in a row a rule found something, and how often not."""

  def __init__(self):
    self.found = self.missed = 0
    self.lasts = False

  def begins(self, finding: bool, patience: int) -> bool:
    self.found = self.found + 1 if finding else 0
    self.missed = 0 if finding else self.missed + 1
    if self.missed >= HEALED:
      self.lasts = False
    begins = not self.lasts and self.found >= patience
    self.lasts = self.lasts or begins
    return begins


class Health:
  """Follows a run record by record; what it says depends on the records alone.

  Each member of a population is followed by itself.
  """

  def __init__(self, rules: Sequence[Rule]):
    """Begins before the first record.

    Args:
      rules: what is looked for; two rules may have the same kind.
    """
    # of each member, or of None: the course of each rule, and what was read before
    self._members: dict[Any, tuple[list, dict[str, Track]]] = defaultdict(
      lambda: (
        [(rule, _Course()) for rule in rules],
        {name: Track() for rule in rules for name in rule.reads},
      )
    )

  def add(self, record: Mapping[str, Any]) -> list[Event]:
    """Returns the warnings that begin with one more record.

    Args:
      record: `phase`, `step` and metrics; any may be missing, None or not finite.
    """
    member = record.get("member")
    courses, past = self._members[member]
    now = {
      name: value for name in past if (value := finite(record.get(name))) is not None
    }
    step = record.get("step") or 0
    if step == 0:  # an untrained network is neither bad nor worth comparing with
      return []
    begun = []
    for rule, course in courses:
      finding = rule.check(now, past)
      if finding is not None and course.begins(bool(finding), rule.patience):
        phase = str(record.get("phase"))
        begun.append(Event(phase, step, rule.kind, finding, rule.advice, member))
    for name, value in now.items():
      past[name].add(value)
    return begun


def events(records: Sequence[Mapping[str, Any]], rules: Sequence[Rule]) -> list[Event]:
  """Finds the warnings of a run, each where it begins.

  Args:
    records: as `read_metrics` returns them, oldest first; any key may be missing or
      None.
    rules: what is looked for.

  Returns:
    The events in the order of the records. A warning that lasts is given once, and
    again only after it has ended.
  """
  health = Health(rules)
  return [event for record in records for event in health.add(record)]
