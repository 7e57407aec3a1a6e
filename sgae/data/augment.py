"""Training images that are mirrored or moved, for sets too small without."""

from collections.abc import Collection, Sequence

import jax
import jax.numpy as jnp

from sgae import randomness

AUGMENTATIONS = ("mirror", "shift")
_SHARE = 8  # of a side: the largest shift (Zhao et al. 2020, arXiv 2006.10738)


def largest_shift(image_shape: Sequence[int]) -> int:
  """Returns by how many pixels images (H, W, C) are moved at most, 1 or more."""
  return max(min(image_shape[:2]) // _SHARE, 1)


def describe(kinds: Sequence[str], image_shape: Sequence[int]) -> str:
  """Returns in words what is done to training images (H, W, C)."""
  words = {
    "mirror": "half of them mirrored",
    "shift": f"moved each way by up to {largest_shift(image_shape)} px",
  }
  return ", ".join(words[kind] for kind in AUGMENTATIONS if kind in kinds)


def augmented(
  images_bhwc: jax.Array,
  kinds: Collection[str],
  key: randomness.Key,
  positions_b: jax.Array,
) -> jax.Array:
  """Returns images mirrored or not, and moved, at random.

  Args:
    images_bhwc: float32 [B, H, W, C].
    kinds: some of `AUGMENTATIONS`.
    key: of the step.
    positions_b: int32 [B], place of each example in the global batch; what is done to
      an image depends on it and the key alone.
  """
  drawn_b3 = randomness.uniform(key, positions_b, (3,))
  if "mirror" in kinds:
    images_bhwc = mirrored(images_bhwc, drawn_b3[:, 0] < 0.5)
  if "shift" in kinds:
    most = largest_shift(images_bhwc.shape[1:])
    offsets_b2 = jnp.floor(drawn_b3[:, 1:] * (2 * most + 1)).astype(jnp.int32)
    images_bhwc = moved(images_bhwc, offsets_b2, most)
  return images_bhwc


def mirrored(images_bhwc: jax.Array, which_b: jax.Array) -> jax.Array:
  """Returns images [B, H, W, C], of which those in the bool [B] are mirrored."""
  return jnp.where(which_b[:, None, None, None], images_bhwc[:, :, ::-1], images_bhwc)


def moved(images_bhwc: jax.Array, offsets_b2: jax.Array, most: int) -> jax.Array:
  """Cuts each image out of its padded self; the edges are repeated.

  Args:
    images_bhwc: [B, H, W, C].
    offsets_b2: int32 [B, 2], each in [0, 2 * most], from the corner (pixels, down and
      right); `most` leaves an image where it is.
    most: how far an image is padded (pixels).
  """
  pad = (most, most)
  padded = jnp.pad(images_bhwc, ((0, 0), pad, pad, (0, 0)), mode="edge")

  def cut(image, offset):
    start = (offset[0], offset[1], 0)
    return jax.lax.dynamic_slice(image, start, images_bhwc.shape[1:])

  return jax.vmap(cut)(padded, offsets_b2)
