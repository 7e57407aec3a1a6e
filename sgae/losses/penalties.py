"""Gradient penalties on the discriminator, and the loss that they are added to.

Images are float32 [B, H, W, C] in [-1, 1], real and generated ones of one shape;
gradients are taken with respect to pixels in that range.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from sgae.kernels import one_pass_penalty
from sgae.kernels.one_pass_penalty import Discriminate, Penalised, beside_pixels
from sgae.kernels.switch import uses_reference
from sgae.networks.network import Params


class Penalty(NamedTuple):
  """A penalty as the images that it looks at, and what it makes of slopes there.

  Attributes:
    images: `images(real_bhwc, fake_bhwc, mix_b) -> bhwc`, where `mix_b` is uniform
      noise in [0, 1), one number for each example.
    value: `value(squared_b) -> scalar`, from |grad_x D(x)|^2 at each of them.
    factor: what papers write in front of its weight.
  """

  images: Callable[..., jax.Array]
  value: Callable[[jax.Array], jax.Array]
  factor: float


def _mixed(real_bhwc, fake_bhwc, mix_b):
  mix = beside_pixels(mix_b)
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

# A new one also needs a weight where the discriminator that takes it has its fields.
PENALTIES = {"r1": r1, "r2": r2, "gradient_penalty": gradient_penalty}


# Penalties at images that the loss looks at anyhow: real (0) or generated (1) ones.
SIDES = {"r1": 0, "r2": 1}


def penalised(
  loss: Callable[[jax.Array, jax.Array], jax.Array],
  names: tuple[str, ...],
  weights: Mapping[str, Any],
  discriminate: Discriminate,
  params: Params,
  real_bhwc: jax.Array,
  fake_bhwc: jax.Array,
  mix_b: jax.Array,
  *,
  piecewise_linear: bool = False,
  joined: bool = False,
) -> Penalised:
  """Adds `factor * weight * penalty` to a loss for each name in `names`.

  Args:
    loss: (real_b, fake_b) -> scalar.
    names: keys of `PENALTIES`; which ones are computed at all.
    weights: a scalar for each name.
    discriminate: (params, images_bhwc) -> (logits_b, statistics); where there are
      penalties, each logit a function of its own image, or of those of its group: the
      slope is then that of the sum of the group's logits.
    params: what `discriminate` takes.
    real_bhwc, fake_bhwc: float [B, H, W, C] in [-1, 1].
    mix_b: float [B] in [0, 1).
    piecewise_linear: whether `discriminate` is, see `Network`, and multiplies in full
      float32. R1 and R2 then take one backward pass.
    joined: otherwise, whether real and generated images pass through the discriminator
      as one batch, and so do those of all penalties; quicker on a GPU, slower on a CPU.
  """

  def add(total, squared):
    return add_weighted(total, weights, dict(zip(names, squared, strict=True)))

  network = (discriminate, params, real_bhwc, fake_bhwc)
  piecewise_linear = piecewise_linear and not uses_reference("one_pass_penalty")
  if piecewise_linear and names and set(names) <= set(SIDES):
    sides = [SIDES[name] for name in names]
    return one_pass_penalty.penalised(loss, add, sides, *network)
  images = [PENALTIES[name].images(real_bhwc, fake_bhwc, mix_b) for name in names]
  return one_pass_penalty.differentiated_twice(loss, add, images, *network, joined)


def add_weighted(
  total: jax.Array, weights: Mapping[str, Any], squared: Mapping[str, jax.Array]
) -> tuple[jax.Array, dict[str, jax.Array]]:
  """Adds penalties, each times its factor and its weight, to a scalar.

  Args:
    total: scalar.
    weights: a scalar for each name.
    squared: |grad_x D(x)|^2 at the images of each penalty, [B] by name.

  Returns:
    (total, {name: penalty before its factor and its weight}).
  """
  values = {
    name: PENALTIES[name].value(squared_b) for name, squared_b in squared.items()
  }
  for name, value in values.items():
    total = total + PENALTIES[name].factor * weights[name] * value
  return total, values
