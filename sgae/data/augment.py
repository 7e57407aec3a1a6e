"""Images that are changed at random, for training sets too small without.

`augmented` changes them in front of any method, in ways that leave them images like the
others. `altered` changes what a discriminator sees, in more ways: where it sees real
and generated images alike, the generator does not learn them.
"""

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from sgae import randomness

AUGMENTATIONS = ("mirror", "shift")
# Sizes of DiffAugment (Zhao et al. 2020, arXiv 2006.10738).
_SHARE = 8  # of a side: the largest shift
_CUT = 2  # of each side: the square that is cut out


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
    images_bhwc = _mirror(images_bhwc, drawn_b3[:, :1])
  if "shift" in kinds:
    images_bhwc = _shift(images_bhwc, drawn_b3[:, 1:])
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


def _mirror(images_bhwc, drawn_b1):
  return mirrored(images_bhwc, drawn_b1[:, 0] < 0.5)


def _shift(images_bhwc, drawn_b2):
  most = largest_shift(images_bhwc.shape[1:])
  offsets_b2 = jnp.floor(drawn_b2 * (2 * most + 1)).astype(jnp.int32)
  return moved(images_bhwc, offsets_b2, most)


def _cut_out(images_bhwc, drawn_b2):
  """Sets a square to 0, the mean of the range; its centre is anywhere in the image."""
  height, width = images_bhwc.shape[1:3]

  def inside(side, drawn_b):
    size = -(-side // _CUT)
    centre_b1 = jnp.floor(drawn_b * side)[:, None]
    place_bs = jnp.arange(side)[None] - centre_b1 + size // 2
    return (place_bs >= 0) & (place_bs < size)

  rows_bh, columns_bw = inside(height, drawn_b2[:, 0]), inside(width, drawn_b2[:, 1])
  square_bhw = rows_bh[:, :, None] & columns_bw[:, None, :]
  return jnp.where(square_bhw[..., None], 0.0, images_bhwc)


def _recolour(images_bhwc, drawn_b3):
  """Brightness by up to .5, saturation times up to 2, contrast times .5 to 1.5."""
  brightness, saturation, contrast = (
    drawn_b3[:, i, None, None, None] for i in range(3)
  )
  images_bhwc += brightness - 0.5
  grey = images_bhwc.mean(axis=3, keepdims=True)
  images_bhwc = grey + 2 * saturation * (images_bhwc - grey)
  mean = images_bhwc.mean(axis=(1, 2, 3), keepdims=True)
  return mean + (contrast + 0.5) * (images_bhwc - mean)


class Alteration(NamedTuple):
  """A way to change images.

  Attributes:
    draws: numbers in [0, 1) that it takes for an image.
    apply: `apply(images_bhwc, drawn_bn) -> images_bhwc`, differentiable in the images.
  """

  draws: int
  apply: Callable[[jax.Array, jax.Array], jax.Array]


# In the order in which they are applied: what is cut out stays the middle of the range.
ALTERATIONS = {
  "mirror": Alteration(1, _mirror),
  "colour": Alteration(3, _recolour),
  "shift": Alteration(2, _shift),
  "cutout": Alteration(2, _cut_out),
}


def draws_of(kinds: Collection[str]) -> int:
  """Returns how many numbers `altered` takes for an image."""
  return sum(1 + ALTERATIONS[kind].draws for kind in kinds)


def altered(
  images_bhwc: jax.Array,
  kinds: Collection[str],
  drawn_bn: jax.Array,
  probability: jax.Array | float,
) -> jax.Array:
  """Returns images each changed in some ways, differentiable in the images.

  Args:
    images_bhwc: float32 [B, H, W, C] in [-1, 1]; what is returned may leave the range.
    kinds: different keys of `ALTERATIONS`.
    drawn_bn: float32 [B, draws_of(kinds)], uniform in [0, 1); what is done to an image
      depends on its row alone.
    probability: scalar in [0, 1]: how likely each way is, for each image and apart from
      the others.
  """
  start = 0
  for kind, alteration in ALTERATIONS.items():
    if kind in kinds:
      stop = start + 1 + alteration.draws
      chosen_b111 = (drawn_bn[:, start] < probability)[:, None, None, None]
      changed = alteration.apply(images_bhwc, drawn_bn[:, start + 1 : stop])
      images_bhwc, start = jnp.where(chosen_b111, changed, images_bhwc), stop
  return images_bhwc
