"""A discriminator's loss with penalties on its slopes, and its gradient.

`differentiated_twice` is the plain form: slopes by one backward pass, their gradient by
a backward pass through that. `penalised` does with a single backward pass where the
discriminator is piecewise linear. Products, biases b and rectifiers make logits that
are linear in (x, b) around each image x: D = <dD/dx, x> + <dD/db, b> (Euler). Let l be
a loss's derivative in a logit, and v a penalty's in the slope dD/dx. What both ask of
the parameters is then

    l dD + <v, d(dD/dx)> = l (<d(dD/dx), x + v / l> + d<dD/db, b>)

the derivative of the slopes of one backward pass from l, with x + v / l held fixed and
b not. So the loss needs no backward pass of its own, nor products for the kernels'
gradients: instead of six products a layer and image there are four. D itself is never
looked at but at x.

The sum x + v / l wants products in full float32: rounded to bfloat16 or TF32, a v / l
that is small beside x is lost, and always to the same side. Differentiated twice, a
step takes 1.1 times the CPU time (`penalised-mlp 128`), or 1.6 (`penalised-dcgan 64`).
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict

from sgae.kernels import microbatches

Params = Any  # a nested dict of arrays

# A logit that the loss is done with (a hinge's) counts as one of so small a derivative,
# or its penalty would be divided by zero. Below float32's noise in any mean of losses.
LEAST = 1e-12

Loss = Callable[[jax.Array, jax.Array], jax.Array]
# (scalar, [squared norms [B] at the images of each penalty]) -> (scalar, {name: value})
Add = Callable[[jax.Array, list[jax.Array]], tuple[jax.Array, dict[str, jax.Array]]]
Discriminate = Callable[[Params, jax.Array], tuple[jax.Array, dict[str, Any]]]


class Penalised(NamedTuple):
  """A loss with its penalties.

  Attributes:
    objective: scalar with the gradient of the loss in the parameters; see `loss` for
      its value.
    loss: the value, penalties included, a scalar.
    penalties: {name: penalty before its factor and its weight}.
    real_b, fake_b: logits.
    statistics: of the batch, from the pass that saw the real images.
  """

  objective: jax.Array
  loss: jax.Array
  penalties: dict[str, jax.Array]
  real_b: jax.Array
  fake_b: jax.Array
  statistics: dict[str, Any]


def differentiated_twice(
  loss: Loss,
  add: Add,
  images: Sequence[jax.Array],
  discriminate: Discriminate,
  params: Params,
  real_bhwc: jax.Array,
  fake_bhwc: jax.Array,
  joined: bool = False,
) -> Penalised:
  """Adds penalties to a loss as they are defined, for any discriminator.

  Args:
    loss: (real_b, fake_b) -> scalar.
    add: adds the penalties to it.
    images: what each penalty looks at, float [B, H, W, C].
    discriminate: (params, images_bhwc) -> (logits_b, statistics); where there are
      penalties, each logit a function of its own image, or of those of its group: the
      slope is then that of the sum of the group's logits.
    params: what `discriminate` takes.
    real_bhwc, fake_bhwc: float [B, H, W, C] in [-1, 1].
    joined: whether real and generated images are passed through it as one batch, and
      so are the images of all penalties.
  """
  batches = microbatches.join([real_bhwc, fake_bhwc], joined)
  passed = [discriminate(params, batch) for batch in batches]
  real_b, fake_b = microbatches.part([logits_b for logits_b, _ in passed], 2)

  def slopes(batch):
    return jax.grad(lambda images: jnp.sum(discriminate(params, images)[0]))(batch)

  squared = [
    squared_norms(slopes(batch)) for batch in microbatches.join(images, joined)
  ]
  squared = microbatches.part(squared, len(images))
  total, values = add(loss(real_b, fake_b), squared)
  return Penalised(total, total, values, real_b, fake_b, passed[0][1])


def penalised(
  loss: Loss,
  add: Add,
  sides: Sequence[int],
  discriminate: Discriminate,
  params: Params,
  real_bhwc: jax.Array,
  fake_bhwc: jax.Array,
) -> Penalised:
  """Adds penalties to the loss of a piecewise linear discriminator by one pass.

  The gradient is that of `differentiated_twice`.

  Args:
    loss: (real_b, fake_b) -> scalar.
    add: adds the penalties to it.
    sides: what each penalty looks at: 0 the real, 1 the generated images.
    discriminate: (params, images_bhwc) -> (logits_b, statistics), piecewise linear in
      images and in all parameters named 'bias' together, each logit of its own image
      alone. The gradient of another one is wrong.
    params: a nested dict.
    real_bhwc, fake_bhwc: float [B, H, W, C] in [-1, 1].
  """
  biases, with_biases = split_biases(params)

  def discriminate_with(biases, images_bhwc):
    return discriminate(with_biases(biases), images_bhwc)

  images = (real_bhwc, fake_bhwc)
  passed = [jax.vjp(discriminate_with, biases, batch, has_aux=True) for batch in images]
  real_b, fake_b = (logits_b for logits_b, _, _ in passed)
  value, derivatives = jax.value_and_grad(loss, argnums=(0, 1))(real_b, fake_b)
  derivatives = [
    jax.lax.stop_gradient(jnp.copysign(jnp.maximum(jnp.abs(each_b), LEAST), each_b))
    for each_b in derivatives
  ]
  pulled = [
    pull(each_b) for (_, pull, _), each_b in zip(passed, derivatives, strict=True)
  ]
  slopes = [
    jax.lax.stop_gradient(of_images) / beside_pixels(each_b)
    for (_, of_images), each_b in zip(pulled, derivatives, strict=True)
  ]

  def penalise(squared):
    return add(value, [squared[side] for side in sides])

  squared = [squared_norms(each) for each in slopes]
  (total, values), pushes = jax.value_and_grad(penalise, has_aux=True)(squared)

  objective = jnp.zeros(())
  for side, each_b in enumerate(derivatives):
    if side in sides:
      of_biases, of_images = pulled[side]
      step = beside_pixels(2 * pushes[side] / each_b) * slopes[side]
      objective += jnp.vdot(of_images, jax.lax.stop_gradient(images[side] + step))
      objective += sum(jnp.vdot(of_biases[path], biases[path]) for path in biases)
    else:  # without a penalty the logits do as well, by one product less
      objective += jnp.vdot(each_b, passed[side][0])
  return Penalised(objective, total, values, real_b, fake_b, passed[0][2])


def split_biases(params: Params) -> tuple[Any, Callable[[Any], Params]]:
  """Returns the parameters named 'bias', and what puts such ones in their place."""
  leaves: Any = flatten_dict(params)
  biases = {path: leaf for path, leaf in leaves.items() if path[-1] == "bias"}
  return biases, lambda biases: unflatten_dict(leaves | biases)


def squared_norms(slopes_bhwc: jax.Array) -> jax.Array:
  """Returns the squared Euclidean norm of each example's slope, [B]."""
  return jnp.sum(slopes_bhwc**2, axis=(1, 2, 3))


def beside_pixels(values_b: jax.Array) -> jax.Array:
  """Returns [B] as [B, 1, 1, 1], to stand beside images."""
  return values_b[:, None, None, None]
