"""A history of translated images, which keeps discriminators from forgetting them.

Shrivastava et al. 2017 (arXiv 1612.07828). It is part of the state and all that is
drawn depends on places in the global batch, so that a resumed run and any number of
devices give the same.
"""

import jax
import jax.numpy as jnp

from sgae import randomness
from sgae.kernels import collectives


def exchanged(
  history_nhwc: jax.Array,
  images_bhwc: jax.Array,
  seen: jax.Array,
  key: randomness.Key,
  positions_b: jax.Array,
  axis: str | None,
) -> tuple[jax.Array, jax.Array]:
  """Puts images into the history, and takes others out for some of them.

  The first N images fill it, and come out as they are. Of later ones each of the first
  N of a batch is exchanged for an older one with probability 1/2, each for a different
  one.

  Args:
    history_nhwc: [N, H, W, C], the same on all devices.
    images_bhwc: [B, H, W, C], this device's part of the batch.
    seen: scalar, images of all steps before.
    key: of the step and the side.
    positions_b: int32 [B], in the global batch.
    axis: mapped axis over which the batch is spread, or None.

  Returns:
    (history_nhwc, images_bhwc): the history after the step, and what comes out.
  """
  size = len(history_nhwc)
  draws = [randomness.fold_in(key, number) for number in (0, 1)]
  shuffled_n = jnp.argsort(randomness.uniform(draws[0], jnp.arange(size), ()))
  swaps_b = randomness.uniform(draws[1], positions_b, ()) < 0.5
  place_b = jnp.minimum(seen, size) + positions_b
  filling_b = place_b < size
  partner_b = shuffled_n[jnp.minimum(positions_b, size - 1)]
  swapped_b = ~filling_b & swaps_b & (positions_b < size) & (partner_b < seen)
  slot_b = jnp.where(filling_b, place_b, partner_b)

  older_bhwc = history_nhwc[slot_b]
  out_bhwc = jnp.where(_along(swapped_b), older_bhwc, images_bhwc)
  # the last place is where the others go, and is dropped
  target_b = jnp.where(filling_b | swapped_b, slot_b, size)
  added = jnp.zeros((size + 1, *images_bhwc.shape[1:])).at[target_b].add(images_bhwc)
  count = jnp.zeros(size + 1).at[target_b].add(1.0)
  # each place gets one image at most: a sum of it and zeros is exact
  added, count = collectives.total((added[:size], count[:size]), axis)
  return jnp.where(_along(count > 0), added, history_nhwc), out_bhwc


def _along(which: jax.Array) -> jax.Array:
  return which[:, None, None, None]
