"""Gradient penalties on the discriminator, and the wrapper that adds them to a loss.

Every penalty is `(discriminate, real_bhwc, fake_bhwc, mix_b) -> scalar`, in which
`discriminate` maps images_bhwc to logits_b, each a function of its own image alone, and
`mix_b` is uniform noise in [0, 1), one number for each example. Images are float32
[B, H, W, C] in [-1, 1], real and generated ones of one shape; gradients are taken with
respect to pixels in that range.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from sgae import interleaving

Discriminate = Callable[[jax.Array], jax.Array]


class Penalty(NamedTuple):
  """A penalty as the images that it looks at, and what it makes of slopes there.

  Attributes:
    images: `images(real_bhwc, fake_bhwc, mix_b) -> bhwc`.
    value: `value(squared_b) -> scalar`, from |grad_x D(x)|^2 at each of them.
    factor: what papers write in front of its weight.
  """

  images: Callable[..., jax.Array]
  value: Callable[[jax.Array], jax.Array]
  factor: float

  def __call__(
    self, discriminate: Discriminate, real_bhwc, fake_bhwc, mix_b
  ) -> jax.Array:
    """Returns the penalty before its factor and its weight, a scalar."""
    images_bhwc = self.images(real_bhwc, fake_bhwc, mix_b)
    return self.value(_squared_gradient_norms(discriminate, images_bhwc))


def _mixed(real_bhwc, fake_bhwc, mix_b):
  mix = mix_b[:, None, None, None]
  return mix * real_bhwc + (1 - mix) * fake_bhwc


def _distance_from_one(squared_b):
  # sqrt has an infinite gradient at 0, where an untrained or dead D may well be
  norms = jnp.sqrt(jnp.where(squared_b > 0, squared_b, 1.0))
  return jnp.mean((jnp.where(squared_b > 0, norms, 0.0) - 1) ** 2)


# R1 and R2 enter as gamma / 2, the gradient penalty as lambda: weights are the gammas
# and lambdas of the papers.

# E |grad_x D(x)|^2 over real images. Mescheder et al. 2018 (arXiv 1801.04406).
r1 = Penalty(lambda real_bhwc, fake_bhwc, mix_b: real_bhwc, jnp.mean, 0.5)
# The same over generated images.
r2 = Penalty(lambda real_bhwc, fake_bhwc, mix_b: fake_bhwc, jnp.mean, 0.5)
# E (|grad_x D(x)| - 1)^2 between them, x = mix * real + (1 - mix) * fake. Gulrajani et
# al. 2017 (arXiv 1704.00028).
gradient_penalty = Penalty(_mixed, _distance_from_one, 1.0)

PENALTIES = {"r1": r1, "r2": r2, "gradient_penalty": gradient_penalty}


def penalised(
  loss: jax.Array,
  names: tuple[str, ...],
  weights: Mapping[str, Any],
  discriminate: Discriminate,
  real_bhwc: jax.Array,
  fake_bhwc: jax.Array,
  mix_b: jax.Array,
  one_pass: bool = False,
) -> tuple[jax.Array, dict[str, jax.Array]]:
  """Adds `factor * weight * penalty` to a loss for each name in `names`.

  Args:
    loss: scalar.
    names: keys of `PENALTIES`; which ones are computed at all.
    weights: a scalar for each name.
    discriminate: images_bhwc -> logits_b.
    real_bhwc, fake_bhwc: float [B, H, W, C] in [-1, 1].
    mix_b: float [B] in [0, 1).
    one_pass: whether slopes at the images of all penalties are taken in one pass.

  Returns:
    (loss, {name: penalty before its weight}).
  """
  if one_pass and names:
    images = [PENALTIES[name].images(real_bhwc, fake_bhwc, mix_b) for name in names]
    together = interleaving.rejoin(jnp.stack(images))
    squared_b = _squared_gradient_norms(discriminate, together)
    dealt = interleaving.deal(squared_b, len(names))
    parts = [PENALTIES[name].value(b) for name, b in zip(names, dealt, strict=True)]
  else:
    arrays = (real_bhwc, fake_bhwc, mix_b)
    parts = [PENALTIES[name](discriminate, *arrays) for name in names]
  values = dict(zip(names, parts, strict=True))
  for name, value in values.items():
    loss = loss + PENALTIES[name].factor * weights[name] * value
  return loss, values


def _squared_gradient_norms(discriminate, images_bhwc):
  gradients = jax.grad(lambda images: jnp.sum(discriminate(images)))(images_bhwc)
  return jnp.sum(gradients**2, axis=(1, 2, 3))
