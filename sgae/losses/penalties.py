"""Gradient penalties on the discriminator, and the wrapper that adds them to a loss.

Every penalty is `(discriminate, real_bhwc, fake_bhwc, mix_b) -> scalar`, where
`discriminate` maps images_bhwc to logits_b, each a function of its own image alone, and
`mix_b` is uniform noise in [0, 1), one number for each example. Images are float32
[B, H, W, C] in [-1, 1], real and generated ones of one shape; gradients are taken with
respect to pixels in that range.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

Discriminate = Callable[[jax.Array], jax.Array]


def r1(discriminate: Discriminate, real_bhwc, fake_bhwc, mix_b) -> jax.Array:
  """E |grad_x D(x)|^2 over real images. Mescheder et al. 2018 (arXiv 1801.04406)."""
  del fake_bhwc, mix_b
  return jnp.mean(_squared_gradient_norms(discriminate, real_bhwc))


def r2(discriminate: Discriminate, real_bhwc, fake_bhwc, mix_b) -> jax.Array:
  """E |grad_x D(x)|^2 over generated images. Mescheder et al. 2018."""
  del real_bhwc, mix_b
  return jnp.mean(_squared_gradient_norms(discriminate, fake_bhwc))


def gradient_penalty(
  discriminate: Discriminate, real_bhwc, fake_bhwc, mix_b
) -> jax.Array:
  """E (|grad_x D(x)| - 1)^2 between real and generated images.

  x = mix * real + (1 - mix) * fake. Gulrajani et al. 2017 (arXiv 1704.00028).
  """
  mix = mix_b[:, None, None, None]
  squared = _squared_gradient_norms(
    discriminate, mix * real_bhwc + (1 - mix) * fake_bhwc
  )
  # sqrt has an infinite gradient at 0, where an untrained or dead D may well be
  norms = jnp.sqrt(jnp.where(squared > 0, squared, 1.0))
  return jnp.mean((jnp.where(squared > 0, norms, 0.0) - 1) ** 2)


class Penalty(NamedTuple):
  """A penalty and the factor that papers write in front of its weight."""

  function: Callable[..., jax.Array]
  factor: float


# R1 and R2 enter as gamma / 2, the gradient penalty as lambda: weights here are the
# gammas and lambdas of the papers.
PENALTIES = {
  "r1": Penalty(r1, 0.5),
  "r2": Penalty(r2, 0.5),
  "gradient_penalty": Penalty(gradient_penalty, 1.0),
}


def penalised(
  loss: jax.Array,
  names: tuple[str, ...],
  weights: Mapping[str, Any],
  discriminate: Discriminate,
  real_bhwc: jax.Array,
  fake_bhwc: jax.Array,
  mix_b: jax.Array,
) -> tuple[jax.Array, dict[str, jax.Array]]:
  """Adds `factor * weight * penalty` to a loss for each name in `names`.

  Args:
    loss: scalar.
    names: keys of `PENALTIES`; which ones are computed at all.
    weights: a scalar for each name.
    discriminate: images_bhwc -> logits_b.
    real_bhwc, fake_bhwc: float [B, H, W, C] in [-1, 1].
    mix_b: float [B] in [0, 1).

  Returns:
    (loss, {name: penalty before its weight}).
  """
  values = {}
  for name in names:
    penalty = PENALTIES[name]
    values[name] = penalty.function(discriminate, real_bhwc, fake_bhwc, mix_b)
    loss = loss + penalty.factor * weights[name] * values[name]
  return loss, values


def _squared_gradient_norms(discriminate, images_bhwc):
  gradients = jax.grad(lambda images: jnp.sum(discriminate(images)))(images_bhwc)
  return jnp.sum(gradients**2, axis=(1, 2, 3))
