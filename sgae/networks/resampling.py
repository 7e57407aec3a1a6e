"""Images made larger and smaller by fixed filters: one small matrix for each side.

The filters are those of Pillow. An output pixel is the mean of the input pixels around
its place, weighted by the filter; where the image gets smaller, the filter is as much
wider, so that there is no aliasing. At a border the weights that are left sum to 1.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class Filter(NamedTuple):
  """A filter: its weight at a distance in pixels, 0 from `support` on."""

  weight: Callable[[np.ndarray], np.ndarray]
  support: float


def _cubic(x):
  # Keys 1981, with a = -1/2
  x = np.abs(x)
  near = (1.5 * x - 2.5) * x**2 + 1
  far = ((-0.5 * x + 2.5) * x - 4) * x + 2
  return np.where(x < 1, near, far)


FILTERS = {
  "nearest": Filter(np.ones_like, 0.5),
  "bilinear": Filter(lambda x: 1 - np.abs(x), 1.0),
  "bicubic": Filter(_cubic, 2.0),
  "lanczos": Filter(lambda x: np.sinc(x) * np.sinc(x / 3), 3.0),
}


def resampling_matrix(inputs: int, outputs: int, name: str) -> np.ndarray:
  """Returns the weights of each input pixel in each output pixel, along one side.

  Args:
    inputs, outputs: pixels of the side.
    name: of `FILTERS`. 'nearest' repeats pixels where they become more, and is the mean
      of a block of them (a box) where they become fewer.

  Returns:
    float32 [outputs, inputs], whose rows sum to 1.
  """
  weight, support = FILTERS[name]
  step = inputs / outputs
  stretch = max(step, 1.0)
  centres = (np.arange(outputs) + 0.5) * step
  distances = (np.arange(inputs)[None] + 0.5 - centres[:, None]) / stretch
  # half open, as Pillow's: else a box could hold no pixel, or one too many
  inside = (distances > -support) & (distances <= support)
  weights = np.where(inside, weight(distances), 0.0)
  return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def resample(
  images_bhwc: jax.Array,
  size: tuple[int, int],
  name: str,
  finish: Callable[[jax.Array], jax.Array] = lambda x: x,
) -> jax.Array:
  """Returns images of another size, float32 [B, *size, C].

  >>> resample(jnp.arange(4.0).reshape(1, 1, 4, 1), (1, 2), "nearest")[0, 0, :, 0]
  Array([0.5, 2.5], dtype=float32)

  Args:
    images_bhwc: float [B, H, W, C].
    size: (rows, columns).
    name: of `FILTERS`.
    finish: what is done with the result of each side, columns first; Pillow rounds it
      to bytes where images are bytes.
  """
  height, width = images_bhwc.shape[1:3]
  rows = resampling_matrix(height, size[0], name)
  columns = resampling_matrix(width, size[1], name)
  # in full, or a GPU's short products would show in the bytes of an image
  full = jax.lax.Precision.HIGHEST
  wide = jnp.einsum("ow,bhwc->bhoc", columns, images_bhwc, precision=full)
  return finish(jnp.einsum("oh,bhwc->bowc", rows, finish(wide), precision=full))
