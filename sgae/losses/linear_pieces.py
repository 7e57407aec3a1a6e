"""The loss of a piecewise linear discriminator with R1 and R2, by one backward pass.

Products, biases b and rectifiers make logits that are linear in (x, b) around each
image x: D = <dD/dx, x> + <dD/db, b> (Euler). Let l be a loss's derivative in a logit,
and v a penalty's in the slope dD/dx. What both ask of the parameters is then

    l dD + <v, d(dD/dx)> = l (<d(dD/dx), x + v / l> + d<dD/db, b>)

the derivative of the slopes of one backward pass from l, with x + v / l held fixed and
b not. So the loss needs no backward pass of its own, nor products for the kernels'
gradients: instead of six products a layer and image there are four. D itself is never
looked at but at x.

The sum x + v / l wants products in full float32: rounded to bfloat16 or TF32, a v / l
that is small beside x is lost, and always to the same side.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict

from sgae.losses.penalties import (
  Judge,
  Penalised,
  add_weighted,
  beside_pixels,
  squared_norms,
)
from sgae.networks.network import Params

# Penalties at images that the loss looks at anyhow: real (0) or generated (1) ones.
SIDES = {"r1": 0, "r2": 1}

# A logit that the loss is done with (a hinge's) counts as one of so small a derivative,
# or its penalty would be divided by zero. Below float32's noise in any mean of losses.
LEAST = 1e-12


def penalised(
  loss: Callable[[jax.Array, jax.Array], jax.Array],
  names: tuple[str, ...],
  weights: Mapping[str, Any],
  judge: Judge,
  params: Params,
  real_bhwc: jax.Array,
  fake_bhwc: jax.Array,
) -> Penalised:
  """Adds penalties to a loss; the gradient is that of `penalties.penalised`.

  Args:
    loss: (real_b, fake_b) -> scalar.
    names: keys of `SIDES`.
    weights: a scalar for each name.
    judge: (params, images_bhwc) -> (logits_b, statistics), piecewise linear in images
      and in all parameters named 'bias' together, each logit of its own image alone.
    params: a nested dict.
    real_bhwc, fake_bhwc: float [B, H, W, C] in [-1, 1].
  """
  biases, with_biases = split_biases(params)

  def judge_with(biases, images_bhwc):
    return judge(with_biases(biases), images_bhwc)

  sides = (real_bhwc, fake_bhwc)
  judged = [jax.vjp(judge_with, biases, images, has_aux=True) for images in sides]
  real_b, fake_b = (logits_b for logits_b, _, _ in judged)
  value, derivatives = jax.value_and_grad(loss, argnums=(0, 1))(real_b, fake_b)
  derivatives = [
    jax.lax.stop_gradient(jnp.copysign(jnp.maximum(jnp.abs(each_b), LEAST), each_b))
    for each_b in derivatives
  ]
  pulled = [
    pull(each_b) for (_, pull, _), each_b in zip(judged, derivatives, strict=True)
  ]
  slopes = [
    jax.lax.stop_gradient(of_images) / beside_pixels(each_b)
    for (_, of_images), each_b in zip(pulled, derivatives, strict=True)
  ]

  def penalise(squared):
    return add_weighted(value, weights, {name: squared[SIDES[name]] for name in names})

  squared = [squared_norms(each) for each in slopes]
  (total, values), pushes = jax.value_and_grad(penalise, has_aux=True)(squared)

  looked_at = {SIDES[name] for name in names}
  objective = jnp.zeros(())
  for side, each_b in enumerate(derivatives):
    if side in looked_at:
      of_biases, of_images = pulled[side]
      step = beside_pixels(2 * pushes[side] / each_b) * slopes[side]
      objective += jnp.vdot(of_images, jax.lax.stop_gradient(sides[side] + step))
      objective += sum(jnp.vdot(of_biases[path], biases[path]) for path in biases)
    else:  # without a penalty the logits do as well, by one product less
      objective += jnp.vdot(each_b, judged[side][0])
  statistics = judged[0][2]
  return Penalised(objective, total, values, real_b, fake_b, statistics)


def split_biases(params: Params) -> tuple[Any, Callable[[Any], Params]]:
  """Returns the parameters named 'bias', and what puts such ones in their place."""
  leaves: Any = flatten_dict(params)
  biases = {path: leaf for path, leaf in leaves.items() if path[-1] == "bias"}
  return biases, lambda biases: unflatten_dict(leaves | biases)
