"""The warnings of adversarial training."""

import math

from sgae.diagnostics.rules import (
  LEAST_LOSS,
  Numbers,
  Past,
  Rule,
  Verdict,
  above,
  above_best,
  below_best,
  diverging_loss,
  exploding_gradient,
  vanishing_gradient,
)

# A discriminator that always answers 0 has a loss of 0 to 2, plus the weight of a
# gradient penalty, for which 10 is usual: above 100 it is worse than none.
LEAST_POSITIVE_LOSS = 1.0
# Cross-entropy of 97.5 % certainty about every image; other losses may be 0 as well.
WON_LOSS = 0.05
# In logits. Least squares wants 1; below half of it the discriminator tells nothing
# apart, and a small loss (Wasserstein's passes 0) means something else.
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
# A share of generated images; what is left of them there no longer moves D.
WON_SHARE = 0.01
# The balance of BEGAN lies in [0, 1]; at the end it can follow no further.
LOST_BALANCE = 0.99
# Half way from training to generated images: held-out ones look no more real than
# generated.
OVERFITTED = 0.5
CERTAIN = 2.0  # standard errors
# Active latents of the generator over those that the decoder was trained with.
CODE_SHARES = (1 / 8, 4.0)

# Times the accuracy by chance among the classes that are covered; one that follows its
# class in half of the samples has several times that.
FOLLOWED_CLASS = 1.5

_PLAYERS = ("generator/grad_norm", "discriminator/grad_norm")
_DEVIATIONS = ("gan/std_generated", "gan/std_real")
_CLASSES = ("gan/class_accuracy", "gan/classes_covered")
_OVERFITTING = ("gan/overfitting", "gan/overfitting_error")
_PAIRS = ("gan/pair_distance_generated", "gan/pair_distance_real")


def _least_loss(name: str, value: float) -> float:
  worse_than_none = name == "gan/d_loss" and value > 0
  return LEAST_POSITIVE_LOSS if worse_than_none else LEAST_LOSS


def discriminator_won(phase: str, advice: str) -> Rule:
  """Warns where a discriminator is sure of every image.

  Args:
    phase: whose metrics are `d_loss`, `d_real` and `d_fake`.
    advice: see `Rule`.
  """
  names = tuple(f"{phase}/{name}" for name in ("d_loss", "d_real", "d_fake"))

  def check(now: Numbers, past: Past) -> Verdict:
    del past
    if not set(names) <= now.keys():
      return None
    loss, real, fake = (now[name] for name in names)
    gap = real - fake
    if not (0 <= loss < WON_LOSS and gap > WON_GAP):
      return ""
    return f"{names[0]} is {loss:.3g} and d_real - d_fake {gap:.3g}"

  return Rule("discriminator_won", names, check, 3, advice)


def _dead_generator(now: Numbers, past: Past) -> Verdict:
  del past
  if not set(_DEVIATIONS) <= now.keys():
    return None
  generated, real = (now[name] for name in _DEVIATIONS)
  if not generated < DEAD_DEVIATION * real:
    return ""
  return f"gan/std_generated is {generated:.3g}, that of real images {real:.3g}"


def _standstill(now: Numbers, past: Past) -> Verdict:
  names = (_DEVIATIONS[0], _PAIRS[0])
  if not all(name in now and past[name].count for name in names):
    return None
  still = all(
    math.isclose(now[name], past[name].last, rel_tol=STANDSTILL) for name in names
  )
  if not still or _dead_generator(now, past):
    return ""
  return f"{names[0]} is {now[names[0]]:.6g}, as it was at the evaluation before"


def _mode_collapse(now: Numbers, past: Past) -> Verdict:
  if _dead_generator(now, past):  # which says more
    return ""
  verdict = None
  if set(_PAIRS) <= now.keys():
    generated, real = (now[name] for name in _PAIRS)
    verdict = ""
    if generated < CLOSE_PAIRS * real:
      return f"{_PAIRS[0]} is {generated:.3g}, that of real images {real:.3g}"
  if "gan/class_kl" in now:
    verdict = ""
    if now["gan/class_kl"] > UNEVEN_CLASSES:
      return f"gan/class_kl is {now['gan/class_kl']:.3g} nats"
  return verdict


def _beyond_margin(now: Numbers, past: Past) -> Verdict:
  del past
  if "gan/below_margin" not in now:
    return None
  share = now["gan/below_margin"]
  return f"gan/below_margin is {share:.3g}" if share < WON_SHARE else ""


def _ignored_class(now: Numbers, past: Past) -> Verdict:
  del past
  if not set(_CLASSES) <= now.keys():
    return None
  accuracy, covered = (now[name] for name in _CLASSES)
  # of one class alone, collapse says more
  if covered < 2 or accuracy > FOLLOWED_CLASS / covered:
    return ""
  return f"{_CLASSES[0]} is {accuracy:.3g}, and {1 / covered:.3g} by chance"


def _overfitting(now: Numbers, past: Past) -> Verdict:
  del past
  if not set(_OVERFITTING) <= now.keys():
    return None
  share, error = (now[name] for name in _OVERFITTING)
  if not share - CERTAIN * error > OVERFITTED:
    return ""
  return (
    f"{_OVERFITTING[0]} is {share:.3g}: held-out images look nearer to generated than "
    "to training images"
  )


def _code_drift(now: Numbers, past: Past) -> Verdict:
  if "gan/code_l0" not in now:
    return None
  trained = past["sae/l0"].last if past["sae/l0"].count else past["gan/code_l0"].first
  active, (least, largest) = now["gan/code_l0"], CODE_SHARES
  # NaN for the first record of a run without an autoencoder: neither comparison holds
  if not (active < 1 or active < least * trained or active > largest * trained):
    return ""
  where = "in the autoencoder" if past["sae/l0"].count else "at the start"
  return f"gan/code_l0 is {active:.3g}" + (
    "" if math.isnan(trained) else f", and it was {trained:.3g} {where}"
  )


WARNINGS: tuple[Rule, ...] = (
  exploding_gradient(
    _PLAYERS, "lower that player's learning_rate, or raise gan.penalties.r1 and r2"
  ),
  vanishing_gradient(
    _PLAYERS,
    "raise gan.penalties.r1 and r2, take gan.loss='relativistic', or lower "
    "gan.discriminator_optimizer.learning_rate",
  ),
  diverging_loss(
    ("gan/d_loss", "gan/g_loss"),
    "lower both learning rates, or raise gan.penalties.r1 and r2 (gradient_penalty "
    "with gan.loss='wasserstein')",
    _least_loss,
  ),
  discriminator_won(
    "gan",
    "raise gan.penalties.r1 and r2, take gan.loss='relativistic', lower "
    "gan.discriminator_optimizer.learning_rate or gan.discriminator_updates",
  ),
  Rule(
    "beyond_margin",
    ("gan/below_margin",),
    _beyond_margin,
    5,
    "nearly all generated images have an energy above the margin, and teach the "
    "discriminator nothing: raise gan.energy.margin, or lower "
    "gan.discriminator_optimizer.learning_rate",
  ),
  above(
    "lost_balance",
    "gan/balance",
    LOST_BALANCE,
    5,
    "lower gan.generator_optimizer.learning_rate or gan.energy.balance_rate",
    remark=", its largest value: the discriminator cannot keep up",
  ),
  Rule(
    "dead_generator",
    _DEVIATIONS,
    _dead_generator,
    1,
    "lower gan.generator_optimizer.learning_rate or gan.sparsity_weight",
  ),
  Rule(
    "standstill",
    _DEVIATIONS + _PAIRS,
    _standstill,
    1,
    "raise gan.generator_optimizer.learning_rate, or lower gan.ema_decay",
  ),
  Rule(
    "mode_collapse",
    (*_DEVIATIONS, *_PAIRS, "gan/class_kl"),
    _mode_collapse,
    2,
    "take gan.loss='relativistic', raise gan.penalties.r1 and r2, or lower "
    "gan.generator_optimizer.learning_rate",
  ),
  below_best(
    "lost_modes",
    {
      "gan/classes_covered": (KEPT_CLASSES, 0.0),
      "gan/modes_covered": (KEPT_CLASSES, 0.0),
      "gan/recall": (KEPT_RECALL, LEAST_RECALL),
    },
    "lower both learning rates, raise gan.penalties.r1 and r2, or raise gan.ema_decay",
  ),
  above_best(
    "worse_samples",
    "gan/frechet",
    "gan/frechet_error",
    "lower both learning rates or let them decay (schedule='cosine'), raise "
    "gan.penalties.r1 and r2, or raise gan.ema_decay",
  ),
  Rule(
    "ignored_class",
    _CLASSES,
    _ignored_class,
    2,
    "the generator does not follow the class that it is given: take "
    "gan.conditional.discriminator='projection', raise gan.conditional.weight where "
    "the discriminator has a term of classes, or gan.conditional.embedding",
  ),
  Rule(
    "overfitting_discriminator",
    _OVERFITTING,
    _overfitting,
    2,
    "take more training images, or alter what the discriminator sees: "
    "gan.augmentation.kinds=('shift','cutout') with gan.augmentation.target=0.6 (with "
    "'colour' and 'mirror' for photographs), or gan.lecam.weight=0.3",
  ),
  Rule(
    "code_drift",
    ("gan/code_l0", "sae/l0"),
    _code_drift,
    3,
    "with too few active latents lower gan.sparsity_weight or "
    "gan.generator_optimizer.learning_rate, with too many raise gan.sparsity_weight",
  ),
)
