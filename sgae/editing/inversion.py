"""Inversion: the point of a space whose image is nearest to a given image.

Each image is inverted by itself; no result depends on the images beside it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from sgae import randomness
from sgae.data.resident import to_model_range
from sgae.devices.batched_apply import batched_apply
from sgae.editing.space import Space
from sgae.losses.reconstruction import feature_errors
from sgae.methods.sampling import as_stored

CANDIDATES = 2048  # random draws among which a start is looked for
STARTS = 8  # of these, the nearest in pixels, each image is optimised from
RATE = 0.05  # of Adam, in units of a point's root mean square
FEATURE_WEIGHT = 0.1
STREAM = "inversion"  # of random numbers
SMALLEST = 1e-8  # mean square of a point, so that its latents can leave 0

Features = Callable[[Any, jax.Array], jax.Array]


class Candidates(NamedTuple):
  """Points that were drawn, float32 [N, ...], and their images [N, H, W, C]."""

  points: Any
  images: Any


class Tree(NamedTuple):
  """What an inversion reads.

  Attributes:
    states: phase -> its state.
    features: parameters of the feature network; {} where there is none.
    candidates: points to start from; None where the space encodes images.
  """

  states: Any
  features: Any
  candidates: Candidates | None


def pixel_error(images: jax.Array, target: jax.Array) -> jax.Array:
  """Returns the mean squared difference of pixels in [-1, 1], float32 [B]."""
  return jnp.mean(jnp.square(images - target), axis=(1, 2, 3))


def draw_candidates(space: Space, states: Any, seed: int, mesh: Any) -> Candidates:
  """Draws the points that images start from where nothing encodes them.

  Args:
    space: that they lie in.
    states: phase -> its state.
    seed: of the draws.
    mesh: the devices.
  """
  key = randomness.stream_key(randomness.root_key(seed), STREAM)

  def rows(states, positions_b):
    points = space.place(states, space.draw(states, key, positions_b))
    return Candidates(points, space.images(states, points))

  return batched_apply(rows, mesh)(states, np.arange(CANDIDATES, dtype=np.int32))


def make_invert(
  space: Space, features: Features | None, iterations: int
) -> Callable[[Tree, jax.Array], dict[str, jax.Array]]:
  """Binds the inversion of a batch of images.

  An image starts from its code by the encoder or, without one, from each of the 8
  nearest of 2,048 random draws. Adam then lowers

    mean (x - x')^2 + .1 |f(x) - f(x')|^2 / |f(x)|^2

  for an image x, the image x' of the point and features f. The best point of all
  iterations and starts counts, so no result is worse than its start. In a space whose
  points are nowhere below 0, latents that are 0 at the start stay so: a code stays as
  sparse as the encoder gave it. Weights of classes stay those of the start.

  Args:
    space: that points lie in.
    features: `features(params, images) -> float32 [B, D]`; None: pixels alone count.
    iterations: of Adam; 0: the start itself.

  Returns:
    `invert(tree, images)`, images uint8 [B, H, W, C] or float32 in [-1, 1]: `points`
    [B, ...], `images` as stored, `pixel_error`, `feature_error` (where there are
    features) and `start_error`, that of the start's pixels; with a phase that
    reconstructs, `reconstruction_error` of its pixels. All float32 [B].
  """
  optimised = _make_optimise(space, features, iterations)

  def invert(tree, images):
    target = to_model_range(images)
    wanted = features(tree.features, target) if features is not None else None
    starts = _starts(space, tree, target)  # [S, B, ...]
    count, rows = starts.shape[:2]

    def for_each_start(array):
      return jnp.tile(array, (count, *[1] * (array.ndim - 1)))

    # one row for each start of each image
    tiled = jax.tree.map(for_each_start, (target, wanted))
    points, losses = optimised(tree, starts.reshape(-1, *space.shape), *tiled)
    chosen_b = jnp.argmin(losses.reshape(count, rows), axis=0)
    points = points.reshape(count, rows, *space.shape)[chosen_b, jnp.arange(rows)]
    looked_at = (space, features, tree)
    _, found = _errors(*looked_at, points, target, wanted)
    found |= {"points": points, "images": as_stored(found["images"])}
    _, at_start = _errors(*looked_at, starts[0], target, wanted)
    found["start_error"] = at_start["pixel_error"]
    if space.reconstruct is not None:
      again = space.reconstruct(tree.states, target)
      found["reconstruction_error"] = pixel_error(again, target)
    return found

  return invert


def _errors(
  space: Space,
  features: Features | None,
  tree: Tree,
  points: jax.Array,
  target: jax.Array,
  wanted: jax.Array | None,
) -> tuple[jax.Array, dict[str, jax.Array]]:
  """Returns the loss of each point, float32 [B], and its errors with the images."""
  images = space.images(tree.states, points)
  found = {"pixel_error": pixel_error(images, target)}
  loss_b = found["pixel_error"]
  if features is not None and wanted is not None:
    found["feature_error"] = feature_errors(wanted, features(tree.features, images))
    loss_b += FEATURE_WEIGHT * found["feature_error"]
  return loss_b, found | {"images": images}


def _make_optimise(space: Space, features: Features | None, iterations: int):
  """Returns `optimise(tree, starts, target, wanted) -> (points, losses)`.

  For each row the best point on the way from its start, which is one of them.
  """
  optimizer = optax.adam(optax.cosine_decay_schedule(1.0, max(iterations, 1)))

  def optimise(tree, starts, target, wanted):
    free = starts > 0 if space.non_negative else jnp.ones_like(starts, bool)
    # training has shown whole classes alone
    free = free.at[..., starts.shape[-1] - space.classes :].set(False)
    rates = RATE * _scale(starts, free)

    def total(points):
      loss_b, _ = _errors(space, features, tree, points, target, wanted)
      return jnp.sum(loss_b), loss_b

    def step(carry, _):
      points, moments, best, least_b = carry
      gradients, loss_b = jax.grad(total, has_aux=True)(points)
      better_b = loss_b < least_b
      best = jnp.where(_beside(better_b, points), points, best)
      gradients = jnp.where(free, gradients, 0)
      updates, moments = optimizer.update(gradients, moments)
      points = optax.apply_updates(points, rates * jnp.asarray(updates))
      points = jnp.maximum(points, 0) if space.non_negative else points
      return (points, moments, best, jnp.minimum(loss_b, least_b)), None

    infinite_b = jnp.full(len(starts), jnp.inf)
    carry = (starts, optimizer.init(starts), starts, infinite_b)
    # the last of them only looks at the points
    return jax.lax.scan(step, carry, length=iterations + 1)[0][2:]

  return optimise


def _starts(space: Space, tree: Tree, target: jax.Array) -> jax.Array:
  """Returns the points that each image starts from, [S, B, ...], the nearest first."""
  if space.encode is not None:
    return space.encode(tree.states, target)[None]
  candidates: Any = tree.candidates
  drawn_nd = candidates.images.reshape(len(candidates.images), -1)
  wanted_bd = target.reshape(len(target), -1)
  # up to a number that is the same for all candidates
  nearness_bn = 2 * wanted_bd @ drawn_nd.T - jnp.sum(drawn_nd**2, axis=1)[None]
  _, nearest_bs = jax.lax.top_k(nearness_bn, STARTS)
  return candidates.points[nearest_bs.T]


def _scale(points: jax.Array, free: jax.Array) -> jax.Array:
  """Returns the root mean square of each point's free latents, at least a small one."""
  axes = tuple(range(1, points.ndim))
  count_b = jnp.maximum(jnp.sum(free, axis=axes, keepdims=True), 1)
  square_b = jnp.sum(jnp.square(points) * free, axis=axes, keepdims=True)
  return jnp.sqrt(square_b / count_b + SMALLEST)


def _beside(values_b: jax.Array, points: jax.Array) -> jax.Array:
  return values_b.reshape(-1, *[1] * (points.ndim - 1))
