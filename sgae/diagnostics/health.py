"""Illnesses of a run, read from its metric records alone; pure functions of them.

Nothing is stored: a resumed run, the console and a report that look at the same records
see the same events.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sgae.diagnostics.rules import FOLLOWED, RULES, Track
from sgae.reporting.lenient import finite

# Judgements in a row without an illness after which it is over: one good record between
# bad ones is not.
HEALED = 3


class Event(NamedTuple):
  """An illness that begins: where, which, what told it, what usually helps."""

  phase: str
  step: int
  kind: str
  saw: str
  advice: str


class _Course:
  """How often in a row an illness was found, and how often not."""

  def __init__(self):
    self.found = self.missed = 0
    self.ill = False

  def begins(self, finding: bool, patience: int) -> bool:
    self.found = self.found + 1 if finding else 0
    self.missed = 0 if finding else self.missed + 1
    if self.missed >= HEALED:
      self.ill = False
    begins = not self.ill and self.found >= patience
    self.ill = self.ill or begins
    return begins


class Health:
  """Follows a run record by record; what it says depends on the records alone."""

  def __init__(self):
    """Begins before the first record."""
    self._past = {name: Track() for name in FOLLOWED}
    self._courses = {rule.kind: _Course() for rule in RULES}

  def add(self, record: Mapping[str, Any]) -> list[Event]:
    """Returns the illnesses that begin with one more record.

    Args:
      record: `phase`, `step` and metrics; any may be missing, None or not finite.
    """
    now = {
      name: value
      for name in FOLLOWED
      if (value := finite(record.get(name))) is not None
    }
    step = record.get("step") or 0
    if step == 0:  # an untrained network is not ill, nor worth comparing with
      return []
    begun = []
    for rule in RULES:
      finding = rule.judge(now, self._past)
      course = self._courses[rule.kind]
      if finding is not None and course.begins(bool(finding), rule.patience):
        phase = str(record.get("phase"))
        begun.append(Event(phase, step, rule.kind, finding, rule.advice))
    for name, value in now.items():
      self._past[name].add(value)
    return begun


def events(records: Sequence[Mapping[str, Any]]) -> list[Event]:
  """Finds the illnesses of a run, each where it begins.

  Args:
    records: as `read_metrics` returns them, oldest first; any key may be missing or
      None.

  Returns:
    The events in the order of the records. An illness that lasts is told once, and
    again only after it was gone.
  """
  health = Health()
  return [event for record in records for event in health.add(record)]
