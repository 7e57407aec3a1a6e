"""Images that stay on the device as stored, and their conversion to model range."""

import jax
import jax.numpy as jnp
import numpy as np

from sgae.data.dataset import Split
from sgae.data.stacked import Endless, StackedImages
from sgae.data.vectors import Vectors


def to_model_range(images: jax.Array | np.ndarray) -> jax.Array:
  """Returns images in model range, (x - 127.5) / 127.5.

  Args:
    images: uint8 of any shape, 0..255; or float32 already in model range, which is
      returned unchanged.

  Returns:
    float32 of the same shape, in [-1, 1].
  """
  images = jnp.asarray(images)
  if jnp.issubdtype(images.dtype, jnp.floating):
    return images.astype(jnp.float32)
  # Only the product rounds, so that the bits do not depend on the compiler: XLA turns
  # x / 127.5 - 1 into products that reach 1.0000001.
  return (images.astype(jnp.float32) - 127.5) * (1.0 / 127.5)


def gather(split: Split, indices: jax.Array | np.ndarray) -> dict[str, jax.Array]:
  """Returns the examples at `indices`; can be used inside a compiled step.

  Args:
    split: images [N, H, W, C] as stored and labels int32 [N].
    indices: integers of any shape [...], each in [0, N); for stacked images made on the
      fly [..., D], each an index into their base.

  Returns:
    'image', float32 [..., H, W, C] in [-1, 1], and 'label', int32 [...].
  """
  images, labels = (_at(array, indices) for array in split)
  return {"image": to_model_range(images), "label": labels}


def _at(array, indices):
  if isinstance(array, Endless):
    return array.stack(indices)
  return (array if isinstance(array, Vectors) else jnp.asarray(array))[indices]


def mean_image(images: np.ndarray | StackedImages | Vectors) -> np.ndarray:
  """Returns the mean image in model range; bytes are summed exactly, in integers.

  Args:
    images: [N, H, W, C], N >= 1, uint8, or float32 in model range. For stacked images
      made on the fly, each channel is the mean of their base; that of vectors from a
      file is 0, since they are standardised.

  Returns:
    float32 [H, W, C], in [-1, 1]; for bytes, the same bits in any order of examples.
  """
  if isinstance(images, StackedImages):
    return mean_image(images.base[..., None]).repeat(images.digits, axis=-1)
  if isinstance(images, Vectors):
    return np.zeros(images.shape[1:], np.float32)
  if images.dtype == np.float32:
    return images.mean(axis=0, dtype=np.float64).astype(np.float32)
  mean = images.sum(axis=0, dtype=np.int64) / len(images)
  return (mean / 127.5 - 1.0).astype(np.float32)
