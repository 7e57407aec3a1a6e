"""The loss of a piecewise linear discriminator with R1 and R2, by one backward pass.

Products, biases b and rectifiers make a network that is linear in (x, b) around each
image x: its logit is D(x) = <dD/dx, x> + <dD/db, b> (Euler), and moving x leaves dD/dx
as it is. Let l be a loss's derivative in the logit of x, and v a penalty's in dD/dx.
Then the gradient of both together in the weights, l dD(x) + <v, d(dD/dx)>, is that of

    l <dD/dx, x + v / l> + l <dD/db, b>        (l and x + v / l held fixed)

so that the loss's own backward pass, and its products for the kernels' gradients, are
those of the penalty: instead of six products a layer and image, four.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict

from sgae import interleaving
from sgae.losses.penalties import PENALTIES, Judge, Penalised, squared_norms
from sgae.networks.network import Params

# Penalties at images that the loss looks at anyhow: real (0) or generated (1) ones.
PLACES = {"r1": 0, "r2": 1}

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
  one_pass: bool = False,
) -> Penalised:
  """Adds penalties to a loss; the gradient is that of `penalties.penalised`.

  Args:
    loss: (real_b, fake_b) -> scalar.
    names: keys of `PLACES`.
    weights: a scalar for each name.
    judge: (params, images_bhwc) -> (logits_b, statistics), piecewise linear in images
      and in all parameters named 'bias' together, each logit of its own image alone.
    params: a nested dict.
    real_bhwc, fake_bhwc: float [B, H, W, C] in [-1, 1].
    one_pass: whether real and generated images are judged in one pass.
  """
  leaves: Any = flatten_dict(params)
  biases = {path: leaf for path, leaf in leaves.items() if path[-1] == "bias"}

  def judge_with(biases, images_bhwc):
    return judge(unflatten_dict(leaves | biases), images_bhwc)

  images = interleaving.join([real_bhwc, fake_bhwc], one_pass)
  judged = [jax.vjp(judge_with, biases, passed, has_aux=True) for passed in images]
  real_b, fake_b = interleaving.part([logits_b for logits_b, _, _ in judged], 2)
  value, derivatives = jax.value_and_grad(loss, argnums=(0, 1))(real_b, fake_b)
  derivatives = [
    jax.lax.stop_gradient(jnp.where(jnp.abs(each_b) < LEAST, LEAST, each_b))
    for each_b in interleaving.join(derivatives, one_pass)
  ]
  pulled = [
    pull(each_b) for (_, pull, _), each_b in zip(judged, derivatives, strict=True)
  ]
  slopes = [
    jax.lax.stop_gradient(of_images) / _beside_pixels(each_b)
    for (_, of_images), each_b in zip(pulled, derivatives, strict=True)
  ]

  def added(squared):
    values = {name: PENALTIES[name].value(squared[PLACES[name]]) for name in names}
    terms = [PENALTIES[name].factor * weights[name] * values[name] for name in names]
    return sum(terms), values

  squared = interleaving.part([squared_norms(each) for each in slopes], 2)
  (penalty, values), pushes = jax.value_and_grad(added, has_aux=True)(squared)

  pushes = interleaving.join(pushes, one_pass)

  looked_at = {PLACES[name] for name in names}
  objective = jnp.zeros(())
  for place, each_b in enumerate(derivatives):
    if one_pass or place in looked_at:
      of_biases, of_images = pulled[place]
      step = _beside_pixels(2 * pushes[place] / each_b) * slopes[place]
      objective += jnp.vdot(of_images, jax.lax.stop_gradient(images[place] + step))
      objective += sum(jnp.vdot(of_biases[path], biases[path]) for path in biases)
    else:  # without a penalty the logits do as well, by one product less
      objective += jnp.vdot(each_b, judged[place][0])
  statistics = judged[0][2]
  return Penalised(objective, value + penalty, values, real_b, fake_b, statistics)


def _beside_pixels(values_b):
  return values_b[:, None, None, None]
