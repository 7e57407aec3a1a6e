"""What a warning is, and the rules that fit any method.

What a metric may be depends on the loss, the data and the networks, so a rule compares
a run with its own past, or with a bound that holds for all of them. Each bound stands
with its reason.
"""

import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple

# The usual value of a metric is its median over this many records.
RECENT = 50
# Nothing is unusual before this many records: the first ones change fast.
SETTLED = 5

# Healthy gradient norms and losses stay within a factor of 10 of their recent median;
# a factor of 100 is not noise.
EXPLOSION = 100.0
# Usual norms below this count as this: a leap from almost zero is harmless.
LEAST_NORM = 0.1
# A healthy gradient falls to 1/25 of its first size as the results get better.
VANISHED = 1e-3
# Usual losses below this count as this. A Wasserstein distance in pixels may well be
# -100.
LEAST_LOSS = 10.0
# Times the best value so far, and standard errors above it.
WORSE, WORSE_ERRORS = 2.0, 5.0


class Track:
  """The past of one metric, in absolute values; O(log RECENT) per value."""

  def __init__(self):
    self.recent: deque[float] = deque()
    self.ordered: list[float] = []
    self.count = 0
    self.first = self.last = self.largest_median = math.nan
    self.least, self.largest = math.inf, -math.inf

  def add(self, value: float) -> None:
    """Adds the value of one more record."""
    value = abs(value)
    if len(self.recent) == RECENT:
      del self.ordered[bisect_left(self.ordered, self.recent.popleft())]
    self.recent.append(value)
    insort(self.ordered, value)
    self.first = value if self.count == 0 else self.first
    self.count, self.last = self.count + 1, value
    self.least, self.largest = min(self.least, value), max(self.largest, value)
    if self.count >= SETTLED:
      self.largest_median = maximum(self.largest_median, self.median)

  @property
  def median(self) -> float:
    """Of the recent values; NaN without any, so that no comparison holds."""
    return self.ordered[len(self.ordered) // 2] if self.ordered else math.nan


Numbers = Mapping[str, float]
Past = Mapping[str, Track]
# What a rule finds in a record: a description, '' if all is well, None if it cannot
# tell.
Verdict = str | None


class Rule(NamedTuple):
  """One kind of warning.

  Attributes:
    kind: its name.
    reads: metrics that `check` reads; no others are remembered.
    check: `check(now, past) -> Verdict`, from the finite numbers of a record and from
      what came before it.
    patience: findings in a row before the warning is given: more than 1 where a single
      record may stray, or where a young run looks bad.
    advice: what usually helps.
  """

  kind: str
  reads: tuple[str, ...]
  check: Callable[[Numbers, Past], Verdict]
  patience: int
  advice: str


def maximum(a: float, b: float) -> float:
  """Returns the larger one; `a` may be NaN, which stands for "none yet"."""
  return b if math.isnan(a) else max(a, b)


def exploding_gradient(names: tuple[str, ...], advice: str) -> Rule:
  """Warns where a gradient norm is far above its usual value."""

  def check(now, past):
    verdict = None
    for name in names:
      if name in now and past[name].count >= SETTLED:
        usual, verdict = past[name].median, ""
        if now[name] > EXPLOSION * max(usual, LEAST_NORM):
          return f"{name} is {now[name]:.3g}, and {usual:.3g} was usual"
    return verdict

  return Rule("exploding_gradient", names, check, 1, advice)


def vanishing_gradient(names: tuple[str, ...], advice: str) -> Rule:
  """Warns where a gradient norm is far below what was usual once."""

  def check(now, past):
    verdict = None
    for name in names:
      if name in now and past[name].count >= SETTLED:
        usual, verdict = past[name].largest_median, ""
        if now[name] < VANISHED * usual:
          return f"{name} is {now[name]:.3g}, and {usual:.3g} was usual once"
    return verdict

  return Rule("vanishing_gradient", names, check, 3, advice)


def diverging_loss(
  names: tuple[str, ...],
  advice: str,
  least: Callable[[str, float], float] = lambda name, value: LEAST_LOSS,
) -> Rule:
  """Warns where a loss is far from zero, compared with its usual size.

  Args:
    names: the losses.
    advice: what usually helps.
    least: `least(name, value)`; a usual size below this counts as this.
  """

  def check(now, past):
    verdict = None
    for name in names:
      if name in now:
        verdict = ""
        usual = maximum(past[name].median, least(name, now[name]))
        if abs(now[name]) > EXPLOSION * usual:
          return f"{name} is {now[name]:.3g}, and at most {usual:.3g} is usual"
    return verdict

  return Rule("diverging_loss", names, check, 1, advice)


def above(
  kind: str, name: str, most: float, patience: int, advice: str, remark: str = ""
) -> Rule:
  """Warns where a metric is above a bound that holds for every run.

  Args:
    kind: the rule's name.
    name: the metric.
    most: its largest healthy value.
    patience, advice: see `Rule`.
    remark: ends the description.
  """

  def check(now, past):
    del past
    if name not in now:
      return None
    return f"{name} is {now[name]:.3g}{remark}" if now[name] > most else ""

  return Rule(kind, (name,), check, patience, advice)


def above_best(kind: str, name: str, error: str, advice: str) -> Rule:
  """Warns where a measure is clearly above its least value so far.

  Args:
    kind: the rule's name.
    name: the measure, of which less is better.
    error: the metric of its standard error; 0 where a record lacks it.
    advice: what usually helps.
  """

  def check(now, past):
    if name not in now:
      return None
    best = past[name].least
    if not now[name] > max(WORSE * best, best + WORSE_ERRORS * now.get(error, 0.0)):
      return ""
    return f"{name} is {now[name]:.3g}, and {best:.3g} was reached before"

  return Rule(kind, (name, error), check, 1, advice)


def below_best(kind: str, kept: Mapping[str, tuple[float, float]], advice: str) -> Rule:
  """Warns where a measure falls clearly below its largest value so far.

  Args:
    kind: the rule's name.
    kept: measure, of which more is better -> (share of the best that is too little,
      best value up to which a fall says nothing).
    advice: what usually helps.
  """

  def check(now, past):
    verdict = None
    for name, (share, least) in kept.items():
      if name in now:
        best, verdict = past[name].largest, ""
        if best > least and now[name] <= share * best:
          return f"{name} is {now[name]:.3g}, and {best:.3g} was reached before"
    return verdict

  return Rule(kind, tuple(kept), check, 1, advice)
