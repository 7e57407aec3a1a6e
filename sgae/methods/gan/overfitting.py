"""From a config to what keeps the discriminator from overfitting: loss and numbers."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from sgae.losses import overfitting
from sgae.losses.adversarial import ADVERSARIAL_LOSSES, AdversarialLoss
from sgae.losses.energy import ENERGY_LOSSES
from sgae.methods.gan.presentation import SIDES, chance
from sgae.methods.gan.train import GanState

Regulate = Callable[..., tuple[GanState, dict[str, jax.Array]]]

# Of r_t from round to round: an average over about the four batches that ADA takes.
SIGN_DECAY = 0.75


def build_loss(gan: Any) -> AdversarialLoss:
  """Returns the adversarial loss, with what the section `gan` adds to it."""
  loss = (ADVERSARIAL_LOSSES | ENERGY_LOSSES)[gan.loss]
  if gan.label_smoothing or gan.label_noise:
    loss = overfitting.with_targets(loss)
  if gan.lecam.weight:
    loss = overfitting.with_lecam(loss)
  return overfitting.with_sign(loss) if gan.augmentation.target else loss


def overfitting_settings(gan: Any) -> dict[str, float]:
  """Returns the numbers that a user sweeps; see `GanState`."""
  augmentation, consistency = gan.augmentation, gan.consistency
  settings: dict[str, float] = {}
  if augmentation.target:
    settings["augment_target"] = augmentation.target
    settings["augment_most"] = augmentation.probability
  elif augmentation.kinds:
    settings["augment_probability"] = augmentation.probability
  for side in SIDES:
    if consistency[side]:
      settings[f"consistency_{side}"] = consistency[side]
  if gan.lecam.weight:
    settings["lecam_weight"] = gan.lecam.weight
  if gan.label_smoothing or gan.label_noise:
    settings["label_smoothing"] = gan.label_smoothing
    settings["label_noise"] = gan.label_noise
  if gan.discriminator_dropout:
    settings["dropout"] = gan.discriminator_dropout
  return settings


def first_numbers(gan: Any) -> dict[str, float] | None:
  """Returns the numbers that `make_regulate` moves, before the first round."""
  numbers: dict[str, float] = {}
  if gan.augmentation.target:
    numbers |= {"augment_probability": 0.0, "r_t": 0.0}
  if gan.lecam.weight:
    numbers["lecam_on"] = 0.0  # the first round has no averages yet
  if numbers:
    numbers |= dict.fromkeys(overfitting.AVERAGES, 0.0)
  return numbers or None


def make_regulate(gan: Any) -> Regulate | None:
  """Returns what moves these numbers after each round, from its metrics.

  The metrics are means over the global batch, so that the numbers are equal on all
  devices. None: there are none to move.
  """
  if first_numbers(gan) is None:
    return None
  images = gan.batch_size * gan.discriminator_updates
  decay = gan.lecam.decay

  def regulate(state: GanState, metrics: dict[str, jax.Array]):
    before: Any = state.moving
    moved = {}
    for name, shown in zip(overfitting.AVERAGES, ("d_real", "d_fake"), strict=True):
      value = metrics[f"gan/{shown}"]
      average = decay * before[name] + (1 - decay) * value
      moved[name] = jnp.where(state.step == 1, value, average)
    if "lecam_on" in before:
      moved["lecam_on"] = jnp.float32(state.step >= gan.lecam.start)
    if "r_t" in before:
      r_t = SIGN_DECAY * before["r_t"] + (1 - SIGN_DECAY) * metrics["gan/r_t"]
      step = jnp.sign(r_t - state.settings["augment_target"]) * images
      probability = jnp.clip(
        before["augment_probability"] + step / gan.augmentation.speed,
        0.0,
        state.settings["augment_most"],
      )
      moved |= {"r_t": r_t, "augment_probability": probability}
      in_use = chance(state.settings | moved)
      metrics = metrics | {"gan/augment_probability": in_use}
    return state.replace(moving=moved), metrics

  return regulate
