"""What keeps a discriminator from learning its training images by heart.

Each function wraps an adversarial loss, whose two halves then take more numbers. Logits
are float [B]; averages are scalars of the rounds before, equal on all devices, so that
every term is a mean over examples.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.nn import relu

from sgae.losses.adversarial import AdversarialLoss

AVERAGES = ("real_average", "fake_average")


def with_targets(loss: AdversarialLoss) -> AdversarialLoss:
  """Smooths the target of real images, and swaps those of some images.

  The discriminator learns 1 - label_smoothing for real and 0 for generated images
  (one-sided smoothing, Salimans et al. 2016, arXiv 1606.03498, section 3.4). `flipped`,
  a pair of bool [B], names real and generated images that get the other target. The
  generator's half is unchanged.

  Args:
    loss: with a `cost`.
  """
  cost: Any = loss.cost

  def discriminator(real_b, fake_b, *, label_smoothing, flipped=None, **numbers):
    del numbers
    smooth_b = jnp.full_like(real_b, 1) * (1 - label_smoothing)
    targets_b = smooth_b, jnp.zeros_like(fake_b)
    if flipped is not None:
      targets_b = [
        jnp.where(flipped_b, other_b, own_b)
        for flipped_b, own_b, other_b in zip(
          flipped, targets_b, targets_b[::-1], strict=True
        )
      ]
    return jnp.mean(cost(real_b, targets_b[0]) + cost(fake_b, targets_b[1]))

  return _taking(loss, ("label_smoothing",))._replace(discriminator=discriminator)


def with_lecam(loss: AdversarialLoss) -> AdversarialLoss:
  """Adds lecam_weight * lecam_on * `lecam` to the discriminator's half."""

  def discriminator(real_b, fake_b, *, lecam_weight, lecam_on, **numbers):
    averages = [numbers[name] for name in AVERAGES]
    penalty = lecam(real_b, fake_b, *averages)
    own = {name: value for name, value in numbers.items() if name not in AVERAGES}
    return loss.discriminator(real_b, fake_b, **own) + lecam_weight * lecam_on * penalty

  def measures(real_b, fake_b, **numbers):
    return {"lecam": lecam(real_b, fake_b, *(numbers[name] for name in AVERAGES))}

  taking = _taking(loss, ("lecam_weight", "lecam_on", *AVERAGES), measures)
  return taking._replace(discriminator=discriminator)


def lecam(
  real_b: jax.Array,
  fake_b: jax.Array,
  real_average: jax.Array | float,
  fake_average: jax.Array | float,
) -> jax.Array:
  """E relu(D(x) - a_F)^2 + E relu(a_R - D(G(z)))^2, a scalar >= 0.

  Pulls the logits of each kind of images towards the average logit of the other kind in
  earlier rounds. Tseng et al. 2021 (arXiv 2104.03310), equation 6, with the rectifiers
  of the authors' code.

  >>> float(lecam(jnp.array([2.0, -1.0]), jnp.array([0.0, 1.0]), 1.0, 0.0))
  2.5

  Args:
    real_b, fake_b: logits.
    real_average, fake_average: averages of both over the rounds before.
  """
  of_real = jnp.mean(relu(real_b - fake_average) ** 2)
  return of_real + jnp.mean(relu(real_average - fake_b) ** 2)


def with_sign(loss: AdversarialLoss) -> AdversarialLoss:
  """Adds the measure `r_t`: E sign(D(x) - middle) over real images, in [-1, 1].

  Near 0 a discriminator knows nothing of its training images, at 1 it is right about
  each: Karras et al. 2020 (arXiv 2006.06676), section 3, whose logits have their middle
  at 0. A loss of differences of logits has no such place. There the middle is half way
  between the averages of real and of generated images, where one that spreads both
  alike would draw the line, so that a target means the same share of right answers. The
  sign of D(x) - D(G(z)) in a pair, or of D(x) about the average of generated images,
  comes nearer to 1 for the same discriminator.
  """

  def measures(real_b, fake_b, *, real_average, fake_average, **numbers):
    del fake_b, numbers
    middle = (real_average + fake_average) / 2 if loss.middle is None else loss.middle
    return {"r_t": jnp.mean(jnp.sign(real_b - middle))}

  return _taking(loss, AVERAGES, measures)


def _taking(
  loss: AdversarialLoss,
  names: tuple[str, ...],
  measures: Callable[..., dict[str, jax.Array]] | None = None,
) -> AdversarialLoss:
  """Returns a loss that is given more numbers, and hands on those that it had."""

  def own(numbers):
    kept = {name: value for name, value in numbers.items() if name in loss.numbers}
    return kept | {name: numbers[name] for name in ("flipped",) if name in numbers}

  def half(function):
    return lambda real_b, fake_b, **numbers: function(real_b, fake_b, **own(numbers))

  def shown(real_b, fake_b, **numbers):
    more = {} if measures is None else measures(real_b, fake_b, **numbers)
    return loss.measures(real_b, fake_b, **own(numbers)) | more

  return loss._replace(
    discriminator=half(loss.discriminator),
    generator=half(loss.generator),
    numbers=tuple(dict.fromkeys((*loss.numbers, *names))),
    measures=shown,
  )
