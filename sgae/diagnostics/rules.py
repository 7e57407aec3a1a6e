"""What tells that a run is ill: one rule for each illness, in one table.

What a metric may be depends on the loss, the data and the networks, so a rule compares
a run with its own past, or with a bound that holds for all of them; each bound stands
below with its reason.
"""

import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple

# Records whose median is "what was usual".
RECENT = 50
# Records that it takes before anything can be unusual: the first ones move fast.
SETTLED = 5

# Healthy gradient norms and losses stay within a factor of 10 of their recent median;
# two orders of magnitude are no noise.
EXPLOSION = 100.0
# Usual norms below this are taken as this: a leap from next to nothing is harmless.
LEAST_NORM = 0.1
# Usual losses below these are taken as these. A discriminator that always answers 0 has
# a loss of 0 to 2, plus the weight of a gradient penalty, for which 10 is usual: above
# 100 it is worse than none. Wasserstein's may well be -100, a distance in pixels.
LEAST_POSITIVE_LOSS, LEAST_LOSS = 1.0, 10.0
# A healthy generator's gradient falls to 1/25 of its first size as samples get better.
VANISHED = 1e-3
# Cross-entropy of 97.5 % certainty about every image; for other losses a 0 as well.
WON_LOSS = 0.05
# In logits. Least squares wants 1; below half of it nothing was told apart, and a small
# loss (Wasserstein's passes 0) means something else.
WON_GAP = 0.5
# Of the deviation of real images: below it, all samples are one picture.
DEAD_DEVIATION = 0.05
# Relative; an average over thousands of samples moves by more under any update.
STANDSTILL = 1e-6
# Of the mean distance between pairs of real images; healthy runs have .9 to 1.2, and
# even short ones of weak networks .6.
CLOSE_PAIRS = 0.5
# Nats. With half of equally likely classes missing it is log 2 = .69; with half of them
# drawn a third more often than the others, .01.
UNEVEN_CLASSES = 0.5
# Of the best so far: the least share of its classes and of its recall that a run keeps.
KEPT_CLASSES, KEPT_RECALL = 0.9, 0.5
# A recall that never was above this says nothing by falling.
LEAST_RECALL = 0.1
# Times the best so far, and standard errors above it.
WORSE, WORSE_ERRORS = 2.0, 5.0
# Active latents of the generator over those that the decoder was trained with.
CODE_SHARES = (1 / 8, 4.0)
# Share of a dictionary: healthy runs here have up to .02, and .07 is published for 16 M
# latents (Gao et al. 2024).
DEAD_LATENTS = 0.25

# All that the rules read; other metrics are not remembered.
FOLLOWED = (
  "sae/fvu",
  "sae/l0",
  "sae/dead_fraction",
  "sae/grad_norm",
  "gan/d_loss",
  "gan/g_loss",
  "gan/d_real",
  "gan/d_fake",
  "gan/code_l0",
  "discriminator/grad_norm",
  "generator/grad_norm",
  "gan/std_generated",
  "gan/std_real",
  "gan/pair_distance_generated",
  "gan/pair_distance_real",
  "gan/class_kl",
  "gan/classes_covered",
  "gan/modes_covered",
  "gan/recall",
  "gan/frechet",
  "gan/frechet_error",
)


class Track:
  """The past of one metric, in absolute values; O(log RECENT) per value."""

  def __init__(self):
    self.recent: deque[float] = deque()
    self.ordered: list[float] = []
    self.count = 0
    self.first = self.last = self.largest_median = math.nan
    self.least, self.largest = math.inf, -math.inf

  def add(self, value: float) -> None:
    value = abs(value)
    if len(self.recent) == RECENT:
      del self.ordered[bisect_left(self.ordered, self.recent.popleft())]
    self.recent.append(value)
    insort(self.ordered, value)
    self.first = value if self.count == 0 else self.first
    self.count, self.last = self.count + 1, value
    self.least, self.largest = min(self.least, value), max(self.largest, value)
    if self.count >= SETTLED:
      # `fmax` passes over the NaN that stands for "none yet"
      self.largest_median = _fmax(self.largest_median, self.median)

  @property
  def median(self) -> float:
    """Of the recent values; NaN without any, which no comparison holds for."""
    return self.ordered[len(self.ordered) // 2] if self.ordered else math.nan


def _fmax(a: float, b: float) -> float:
  return b if math.isnan(a) else max(a, b)


Numbers = Mapping[str, float]
Past = Mapping[str, Track]
# What a rule says of a record: the finding, '' for healthy, None if it cannot tell.
Verdict = str | None


def _exploding(now: Numbers, past: Past) -> Verdict:
  told = None
  for player in ("generator", "discriminator", "sae"):
    name = f"{player}/grad_norm"
    if name in now and past[name].count >= SETTLED:
      usual, told = past[name].median, ""
      if now[name] > EXPLOSION * max(usual, LEAST_NORM):
        return f"{name} is {now[name]:.3g}, and {usual:.3g} was usual"
  return told


def _vanishing(now: Numbers, past: Past) -> Verdict:
  told = None
  for player in ("generator", "discriminator"):
    name = f"{player}/grad_norm"
    if name in now and past[name].count >= SETTLED:
      usual, told = past[name].largest_median, ""
      if now[name] < VANISHED * usual:
        return f"{name} is {now[name]:.3g}, and {usual:.3g} was usual once"
  return told


def _diverging(now: Numbers, past: Past) -> Verdict:
  told = None
  for name in ("gan/d_loss", "gan/g_loss"):
    if name in now:
      told = ""
      worse_than_none = name == "gan/d_loss" and now[name] > 0
      least = LEAST_POSITIVE_LOSS if worse_than_none else LEAST_LOSS
      usual = _fmax(past[name].median, least)
      if abs(now[name]) > EXPLOSION * usual:
        return f"{name} is {now[name]:.3g}, and at most {usual:.3g} is usual"
  return told


def _useless_reconstruction(now: Numbers, past: Past) -> Verdict:
  del past
  if "sae/fvu" not in now:
    return None
  if now["sae/fvu"] <= 1:
    return ""
  return f"sae/fvu is {now['sae/fvu']:.3g}, and the mean image alone comes to 1"


def _discriminator_won(now: Numbers, past: Past) -> Verdict:
  del past
  if not {"gan/d_loss", "gan/d_real", "gan/d_fake"} <= now.keys():
    return None
  loss, gap = now["gan/d_loss"], now["gan/d_real"] - now["gan/d_fake"]
  if not (0 <= loss < WON_LOSS and gap > WON_GAP):
    return ""
  return f"gan/d_loss is {loss:.3g} and d_real - d_fake {gap:.3g}"


def _dead_generator(now: Numbers, past: Past) -> Verdict:
  del past
  if not {"gan/std_generated", "gan/std_real"} <= now.keys():
    return None
  made, real = now["gan/std_generated"], now["gan/std_real"]
  if not made < DEAD_DEVIATION * real:
    return ""
  return f"gan/std_generated is {made:.3g}, that of real images {real:.3g}"


def _standstill(now: Numbers, past: Past) -> Verdict:
  names = ("gan/std_generated", "gan/pair_distance_generated")
  if not all(name in now and past[name].count for name in names):
    return None
  still = all(
    math.isclose(now[name], past[name].last, rel_tol=STANDSTILL) for name in names
  )
  if not still or _dead_generator(now, past):
    return ""
  return f"{names[0]} is {now[names[0]]:.6g}, as it was at the evaluation before"


def _collapsed(now: Numbers, past: Past) -> Verdict:
  if _dead_generator(now, past):  # which says more
    return ""
  told = None
  if {"gan/pair_distance_generated", "gan/pair_distance_real"} <= now.keys():
    made, real = (now[f"gan/pair_distance_{of}"] for of in ("generated", "real"))
    told = ""
    if made < CLOSE_PAIRS * real:
      return (
        f"gan/pair_distance_generated is {made:.3g}, that of real images {real:.3g}"
      )
  if "gan/class_kl" in now:
    told = ""
    if now["gan/class_kl"] > UNEVEN_CLASSES:
      return f"gan/class_kl is {now['gan/class_kl']:.3g} nats"
  return told


def _lost_modes(now: Numbers, past: Past) -> Verdict:
  told = None
  for name, kept, least in (
    ("gan/classes_covered", KEPT_CLASSES, 0.0),
    ("gan/modes_covered", KEPT_CLASSES, 0.0),
    ("gan/recall", KEPT_RECALL, LEAST_RECALL),
  ):
    if name in now:
      best, told = past[name].largest, ""
      if best > least and now[name] <= kept * best:
        return f"{name} is {now[name]:.3g}, and {best:.3g} was reached before"
  return told


def _worse(now: Numbers, past: Past) -> Verdict:
  if "gan/frechet" not in now:
    return None
  distance, best = now["gan/frechet"], past["gan/frechet"].least
  error = now.get("gan/frechet_error", 0.0)
  if not distance > max(WORSE * best, best + WORSE_ERRORS * error):
    return ""
  return f"gan/frechet is {distance:.3g}, and {best:.3g} was reached before"


def _code(now: Numbers, past: Past) -> Verdict:
  if "gan/code_l0" not in now:
    return None
  trained = past["sae/l0"].last if past["sae/l0"].count else past["gan/code_l0"].first
  active, (least, largest) = now["gan/code_l0"], CODE_SHARES
  # NaN for the first record of a run without an autoencoder: neither comparison holds
  if not (active < 1 or active < least * trained or active > largest * trained):
    return ""
  what = "in the autoencoder" if past["sae/l0"].count else "at the start"
  return f"gan/code_l0 is {active:.3g}" + (
    "" if math.isnan(trained) else f", and it was {trained:.3g} {what}"
  )


def _dead_latents(now: Numbers, past: Past) -> Verdict:
  del past
  if "sae/dead_fraction" not in now:
    return None
  share = now["sae/dead_fraction"]
  return f"sae/dead_fraction is {share:.3g}" if share > DEAD_LATENTS else ""


class Rule(NamedTuple):
  """One illness.

  Attributes:
    kind: its name.
    judge: what tells it from a record and what was before it.
    patience: findings in a row that it takes: more where a single record may stray, or
      where a young run looks ill.
    advice: what usually helps.
  """

  kind: str
  judge: Callable[[Numbers, Past], Verdict]
  patience: int
  advice: str


RULES = (
  Rule(
    "exploding_gradient",
    _exploding,
    1,
    "lower that player's learning_rate, or raise gan.penalties.r1 and r2",
  ),
  Rule(
    "vanishing_gradient",
    _vanishing,
    3,
    "raise gan.penalties.r1 and r2, take gan.loss='relativistic', or lower "
    "gan.discriminator_optimizer.learning_rate",
  ),
  Rule(
    "diverging_loss",
    _diverging,
    1,
    "lower both learning rates, or raise gan.penalties.r1 and r2 (gradient_penalty "
    "with gan.loss='wasserstein')",
  ),
  Rule(
    "useless_reconstruction",
    _useless_reconstruction,
    5,
    "lower sae.optimizer.learning_rate or sae.sparsity_weight, or raise code.k",
  ),
  Rule(
    "discriminator_won",
    _discriminator_won,
    3,
    "raise gan.penalties.r1 and r2, take gan.loss='relativistic', lower "
    "gan.discriminator_optimizer.learning_rate or gan.discriminator_updates",
  ),
  Rule(
    "dead_generator",
    _dead_generator,
    1,
    "lower gan.generator_optimizer.learning_rate or gan.sparsity_weight",
  ),
  Rule(
    "standstill",
    _standstill,
    1,
    "raise gan.generator_optimizer.learning_rate, or lower gan.ema_decay",
  ),
  Rule(
    "mode_collapse",
    _collapsed,
    2,
    "take gan.loss='relativistic', raise gan.penalties.r1 and r2, or lower "
    "gan.generator_optimizer.learning_rate",
  ),
  Rule(
    "lost_modes",
    _lost_modes,
    1,
    "lower both learning rates, raise gan.penalties.r1 and r2, or raise gan.ema_decay",
  ),
  Rule(
    "worse_samples",
    _worse,
    1,
    "lower both learning rates or let them decay (schedule='cosine'), raise "
    "gan.penalties.r1 and r2, or raise gan.ema_decay",
  ),
  Rule(
    "code_drift",
    _code,
    3,
    "with too few active latents lower gan.sparsity_weight or "
    "gan.generator_optimizer.learning_rate, with too many raise gan.sparsity_weight",
  ),
  Rule(
    "dead_latents",
    _dead_latents,
    3,
    "raise sae.auxiliary_weight, lower sae.optimizer.learning_rate, or lower "
    "sae.dead_after so that they are revived sooner",
  ),
)
