"""Updates of a dictionary for codes that are given."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from sgae import randomness
from sgae.kernels import collectives

BLOCK = 32  # atoms whose common residual is computed at once
UNUSED = 1e-10  # mean square of a code below which an atom has had no use


class Statistics(NamedTuple):
  """Means over the examples seen, all that an update needs to know of them.

  Attributes:
    gram_kk: float32 [K, K], of u^T u.
    products_kd: float32 [K, D], of u^T x.
  """

  gram_kk: jax.Array
  products_kd: jax.Array


def averaged(
  statistics: Statistics,
  codes_bk: jax.Array,
  signals_bd: jax.Array,
  step: jax.Array | int,
  window: jax.Array | int,
  axis: str | None,
) -> Statistics:
  """Returns statistics with those of one batch more.

  Means over all steps so far, then over about the last `window` of them, since old
  codes are those of an old dictionary (Mairal et al. 2009, section 3.4).

  Args:
    statistics: so far.
    codes_bk, signals_bd: float32 [B, K] and [B, D], of the batch.
    step: int32 scalar, steps done with this one.
    window: steps.
    axis: mapped axis over which the batch is spread, or None.
  """
  seen = Statistics(codes_bk.T @ codes_bk, codes_bk.T @ signals_bd)
  seen = collectives.mean(jax.tree.map(lambda x: x / len(codes_bk), seen), axis)
  share = 1 / jnp.minimum(step, window)
  return jax.tree.map(lambda old, new: old + share * (new - old), statistics, seen)


def improved(atoms_kd: jax.Array, statistics: Statistics) -> jax.Array:
  """Moves each atom in turn to where the error is least, within norm 1.

  D_j <- project(D_j + (B_j - A_j D) / A_jj), with A, B the statistics (Mairal et al.
  2009, algorithm 2; https://www.di.ens.fr/willow/pdfs/icml09.pdf). What atoms outside a
  block contribute is one product for the whole block; the result is that of one atom
  after the other. Atoms without use stay.

  Args:
    atoms_kd: float32 [K, D].
    statistics: of codes and signals.

  Returns:
    float32 [K, D], each row of norm 1 at most.
  """
  count = len(atoms_kd)
  missing = -count % BLOCK
  gram_kk = jnp.pad(statistics.gram_kk, ((0, missing), (0, missing)))
  products_kd, padded_kd = (
    jnp.pad(array, ((0, missing), (0, 0)))
    for array in (statistics.products_kd, atoms_kd)
  )

  def one_block(atoms_kd, start):
    def rows_of(array):
      return jax.lax.dynamic_slice_in_dim(array, start, BLOCK)

    gram_jk, old_jd = rows_of(gram_kk), rows_of(atoms_kd)
    residual_jd = rows_of(products_kd) - gram_jk @ atoms_kd
    gram_jj = jax.lax.dynamic_slice_in_dim(gram_jk, start, BLOCK, axis=1)

    def one_atom(j, new_jd):
      change_d = residual_jd[j] - gram_jj[j] @ (new_jd - old_jd)
      atom_d = new_jd[j] + change_d / jnp.maximum(gram_jj[j, j], UNUSED)
      moved_d = within_unit_norm(atom_d[None])[0]
      return new_jd.at[j].set(jnp.where(gram_jj[j, j] > UNUSED, moved_d, new_jd[j]))

    new_jd = jax.lax.fori_loop(0, BLOCK, one_atom, old_jd)
    return jax.lax.dynamic_update_slice_in_dim(atoms_kd, new_jd, start, 0), None

  starts = jnp.arange(0, count + missing, BLOCK)
  return jax.lax.scan(one_block, padded_kd, starts)[0][:count]


def forgotten(statistics: Statistics, dead_k: jax.Array) -> Statistics:
  """Returns statistics without those of some atoms, bool [K], which begin anew."""
  live_k = 1.0 - dead_k
  gram_kk = statistics.gram_kk * live_k[:, None] * live_k[None]
  return Statistics(gram_kk, statistics.products_kd * live_k[:, None])


def within_unit_norm(atoms_kd: jax.Array) -> jax.Array:
  """Scales atoms whose norm is larger than 1 to norm 1."""
  norms_k1 = jnp.linalg.norm(atoms_kd, axis=1, keepdims=True)
  return atoms_kd / jnp.maximum(norms_k1, 1.0)


def examples_for(
  key: jax.Array,
  count: int,
  signals_bd: jax.Array,
  positions_b: jax.Array,
  axis: str | None,
) -> jax.Array:
  """Returns an example of the global batch for each atom, scaled to norm 1.

  Args:
    key: of this step.
    count: K, atoms.
    signals_bd: float32 [B, D], the examples at hand.
    positions_b: int32 [B], their places in the global batch.
    axis: mapped axis over which the batch is spread, or None.

  Returns:
    float32 [K, D], the same on all devices; an example of norm 0 stays.
  """
  size = collectives.total(jnp.zeros_like(positions_b[0]) + len(positions_b), axis)
  drawn_k = randomness.uniform(key, jnp.arange(count), ())
  places_k = (drawn_k * size).astype(jnp.int32)
  chosen_kb = places_k[:, None] == positions_b[None]
  chosen_kd = collectives.total(chosen_kb.astype(jnp.float32) @ signals_bd, axis)
  norms_k1 = jnp.linalg.norm(chosen_kd, axis=1, keepdims=True)
  return chosen_kd / jnp.maximum(norms_k1, 1e-12)
