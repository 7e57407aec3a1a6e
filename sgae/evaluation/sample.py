"""Images of a generator's averaged parameters, on all devices of a mesh."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sgae import randomness
from sgae.devices.batched_apply import batched_apply
from sgae.methods.gan.noise import make_draw_latents
from sgae.networks.build import build_generator
from sgae.reporting import pictures

ROWS, COLUMNS = 4, 10  # of the grids that are drawn
ROWS_PER_CALL = 2048  # of samples, where these are small


def make_sampler(
  config: Any, mean_image_hwc: np.ndarray, mesh: Any
) -> Callable[[Any, int], np.ndarray]:
  """Returns `sample(state, count)`: images of the averaged generator.

  Sample i depends on the run's seed and on i alone, so a longer set begins with the
  shorter one. [count, H, W, C], as `as_stored` gives them.
  """
  generator = build_generator(config, mean_image_hwc)
  draw_latents = make_draw_latents(config)

  def some(state, positions_b):
    average, key = state
    latents = draw_latents(randomness.stream_key(key, "samples"), positions_b)
    return as_stored(generator.apply(average, latents, train=False).images)

  run = batched_apply(some, mesh, ROWS_PER_CALL)

  def sample(state, count):
    return run((state.average, state.key), np.arange(count, dtype=np.int32))

  return sample


def make_interpolator(
  config: Any, mean_image_hwc: np.ndarray, mesh: Any
) -> Callable[[Any], np.ndarray]:
  """Returns `interpolate(state)`: rows of images between two latents each.

  Along the great circle for normal latents, along a line for uniform ones; float32
  [ROWS * COLUMNS, H, W, C].
  """
  generator = build_generator(config, mean_image_hwc)
  draw_latents = make_draw_latents(config)
  normal = config.gan.latent_distribution == "normal"

  def some(state, places_b3):
    average, key = state
    stream = randomness.stream_key(key, "samples")
    first, second = (
      draw_latents(stream, places_b3[:, i].astype(jnp.int32)) for i in (0, 1)
    )
    share = places_b3[:, 2:]
    if normal:
      angle = share * jnp.pi / 2
      latents = jnp.cos(angle) * first + jnp.sin(angle) * second
    else:
      latents = (1 - share) * first + share * second
    return generator.apply(average, latents, train=False).images

  run = batched_apply(some, mesh, ROWS * COLUMNS)
  rows, columns = np.mgrid[:ROWS, :COLUMNS]
  shares = columns / (COLUMNS - 1)
  places = np.stack([2 * rows, 2 * rows + 1, shares], axis=-1).reshape(-1, 3)
  return lambda state: run((state.average, state.key), places.astype(np.float32))


def as_stored(images: jax.Array) -> jax.Array:
  """Returns generated images as uint8, points of the plane unchanged as float32.

  Args:
    images: float32 [N, H, W, C].
  """
  points = pictures.are_points(images.shape[1:])
  return images if points else pictures.to_bytes(images)
