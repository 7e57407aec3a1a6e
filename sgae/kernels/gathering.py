"""Products with a code that is given by its active latents alone.

`values_ba` and `latents_ba`, both [B, a], are the numbers of a code [B, K] that are not
zero, and their places.
"""

import jax
import jax.numpy as jnp


def in_float32(*arrays):
  """Returns arrays as float32, in which sums of gathered rows are taken."""
  return tuple(array.astype(jnp.float32) for array in arrays)


def gathered(values_ba, latents_ba, rows_kd):
  """Returns `code_bk @ rows_kd`, for a code given by its latents."""

  def term(i):
    return values_ba[:, i, None] * rows_kd[latents_ba[:, i]]

  # one latent of every example at a time: XLA fuses each gather into its sum
  count = latents_ba.shape[1]
  return jax.lax.fori_loop(1, count, lambda i, sum_bd: sum_bd + term(i), term(0))


def scattered(values_ba, latents_ba, rows_bd, num_latents):
  """Returns `code_bk.T @ rows_bd`, for a code given by its latents."""

  def added(i, sum_kd):
    return sum_kd.at[latents_ba[:, i]].add(values_ba[:, i, None] * rows_bd)

  # Zeros that XLA does not know to be, or it keeps one array of them for all such sums
  # of a program and copies it for each, which takes longer than to write them.
  zero = (latents_ba[0, 0] < 0).astype(rows_bd.dtype)
  nothing = jnp.full((num_latents, rows_bd.shape[1]), zero)
  return jax.lax.fori_loop(1, latents_ba.shape[1], added, added(0, nothing))
