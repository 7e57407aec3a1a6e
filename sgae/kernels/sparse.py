"""The products on both sides of a sparse code, leaving out latents that are not in use.

Where few of many latents are active nearly all of a dense product multiplies zeros. The
few are selected once, on their way from the encoder to the code. On a CPU everything
after that sees them alone: chosen atoms are gathered and summed, gradients of atoms and
of the encoder's rows are scattered. GPUs and TPUs, whose matrix units beat their
gathers at these sizes, take the products.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from sgae.kernels import collectives
from sgae.kernels.dense import WIDE, transposed_product
from sgae.kernels.top_k import top_k


class Few(NamedTuple):
  """The few latents of each example that may be active.

  Attributes:
    values: float [B, a]. They have a gradient on a CPU alone, so that it is only to be
      taken through `spread` and `decode`, which go by them there.
    latents: int32 [B, a], whose they are; different ones for each example.
  """

  values: jax.Array
  latents: jax.Array


def is_worth_it(num_latents: int, active: int) -> bool:
  """Says whether gathering `active` of so many latents beats the product on a CPU.

  With gradients, 512 examples and 784 pixels it is twice as quick at 64 latents for
  each active one, and four times at 512.
  """
  return num_latents >= 64 * active


def largest(values_bk: jax.Array, k: int) -> Few:
  """Selects the k largest of each example of float [B, K].

  Like all that follows it has no forward-mode derivative.
  """
  few: Any = _largest(k, values_bk)
  return few


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _largest(k, values_bk):
  # Behind a barrier, or XLA takes a slice of it for one of a whole sort; one for each,
  # or XLA can fail on a pair that is not taken apart (JAX 0.10.2).
  return Few(*map(jax.lax.optimization_barrier, top_k(values_bk, k)))


def _largest_forward(k, values_bk):
  few: Any = _largest(k, values_bk)
  return few, (values_bk, few.latents)


def _largest_backward(k, kept, gradient):
  del k
  values_bk, latents_ba = kept
  gradient_bk = jax.lax.platform_dependent(
    gradient.values,
    latents_ba,
    cpu=lambda gradient_ba, latents_ba: _at_latents(gradient_ba, latents_ba, values_bk),
    default=lambda gradient_ba, latents_ba: jnp.zeros_like(values_bk),
  )
  return (gradient_bk,)


_largest.defvjp(_largest_forward, _largest_backward)


def _at_latents(values_ba, latents_ba, like_bk):
  """Returns an array like another, zero but for the given values at their latents."""
  rows_b1 = jnp.arange(values_ba.shape[0])[:, None]
  return (
    jnp.zeros_like(like_bk).at[rows_b1, latents_ba].set(values_ba, unique_indices=True)
  )


def spread(values_bk: jax.Array, few: Few) -> jax.Array:
  """Returns an array with all but the few set to zero.

  Args:
    values_bk: float [B, K], non-negative.
    few: its largest ones, by `largest`. Of numbers equal to the least of them a CPU
      keeps those that are there, others all.

  Returns:
    float [B, K], whose gradient goes to `few.values` on a CPU, else to `values_bk`.
  """

  def scattered(values_bk, few):
    return _at_latents(few.values, few.latents, values_bk)

  def masked(values_bk, few):
    least_b = jax.lax.stop_gradient(few.values).min(axis=1, keepdims=True)
    return jnp.where(values_bk >= least_b, values_bk, 0.0)

  return jax.lax.platform_dependent(values_bk, few, cpu=scattered, default=masked)


def active_latents(values_bk: jax.Array, few: Few) -> jax.Array:
  """Returns how many latents of each example `spread` leaves: float32 [B]."""

  def counted(values_bk, few):
    del values_bk
    return (few.values > 0).sum(axis=1, dtype=jnp.float32)

  def all_counted(values_bk, few):
    del few
    return (values_bk > 0).sum(axis=1, dtype=jnp.float32)

  return jax.lax.platform_dependent(values_bk, few, cpu=counted, default=all_counted)


def frequency(values_bk: jax.Array, few: Few) -> jax.Array:
  """Returns in which part of the examples each latent is above zero: float32 [K]."""

  def counted(values_bk, few):
    nothing = jnp.zeros(values_bk.shape[1])
    return nothing.at[few.latents].add(few.values > 0) / len(values_bk)

  def averaged(values_bk, few):
    del few
    return (values_bk > 0).mean(axis=0)

  return jax.lax.platform_dependent(values_bk, few, cpu=counted, default=averaged)


def decode(code_bk: jax.Array, few: Few | None, atoms_kd: jax.Array) -> jax.Array:
  """Returns `code_bk @ atoms_kd`; has no forward-mode derivative where `few` is given.

  Args:
    code_bk: float [B, K].
    few: the latents of it that are not zero, if these are known, with the values that
      it has there: a CPU reads these alone. Who changes a code leaves them out.
    atoms_kd: float [K, D].

  Returns:
    float [B, D], whose gradient goes to `few.values` on a CPU, else to `code_bk`.
  """
  if few is None:
    return code_bk @ atoms_kd
  values_ba = few.values.astype(code_bk.dtype)
  return _decode(*collectives.alike(code_bk, values_ba, few.latents, atoms_kd))


@jax.custom_vjp
def _decode(code_bk, values_ba, latents_ba, atoms_kd):
  def gathered(code_bk, values_ba, latents_ba, atoms_kd):
    # in float32, in which a dense product would add up
    values, atoms = _in_float32(values_ba, atoms_kd)
    return _gathered(values, latents_ba, atoms).astype(code_bk.dtype)

  def dense(code_bk, values_ba, latents_ba, atoms_kd):
    del values_ba, latents_ba
    return code_bk @ atoms_kd

  return jax.lax.platform_dependent(
    code_bk, values_ba, latents_ba, atoms_kd, cpu=gathered, default=dense
  )


def _decode_forward(*operands):
  return _decode(*operands), operands


def _decode_backward(operands, gradient_bd):
  def sparse(code_bk, values_ba, latents_ba, atoms_kd, gradient_bd):
    low = atoms_kd.dtype
    values, atoms, gradient = _in_float32(values_ba, atoms_kd, gradient_bd)

    def slope(i):
      return jnp.sum(atoms[latents_ba[:, i]] * gradient, axis=1)

    slopes_ba = jax.lax.map(slope, jnp.arange(values.shape[1])).T
    atoms_gradient = _scattered(values, latents_ba, gradient, len(atoms))
    return (
      jnp.zeros_like(code_bk),
      slopes_ba.astype(values_ba.dtype),
      atoms_gradient.astype(low),
    )

  def dense(code_bk, values_ba, latents_ba, atoms_kd, gradient_bd):
    del latents_ba
    atoms_gradient = code_bk.T @ gradient_bd
    return gradient_bd @ atoms_kd.T, jnp.zeros_like(values_ba), atoms_gradient

  code, values, atoms = jax.lax.platform_dependent(
    *operands, gradient_bd, cpu=sparse, default=dense
  )
  return code, values, None, atoms


_decode.defvjp(_decode_forward, _decode_backward)


def encode(
  x_bd: jax.Array, rows_kd: jax.Array, bias_k: jax.Array, active: int | None = None
) -> tuple[jax.Array, Few | None]:
  """Multiplies with the encoder's rows; has no forward-mode derivative.

  Args:
    x_bd: float [B, D].
    rows_kd: float [K, D], one row for each latent.
    bias_k: float [K].
    active: how many of an example's largest to select if that is worth it; None: none.

  Returns:
    (`x_bd @ rows_kd.T + bias_k`, float [B, K]; its few largest, if selected).
  """
  x_bd, rows_kd, bias_k = collectives.alike(x_bd, rows_kd, bias_k)
  if active is None or not is_worth_it(len(rows_kd), active):
    return _encode(x_bd, rows_kd) + bias_k[None], None
  found: Any = _encode_few(active, x_bd, rows_kd, bias_k)
  return found


@jax.custom_vjp
def _encode(x_bd, rows_kd):
  return x_bd @ rows_kd.T


def _encode_forward(x_bd, rows_kd):
  return _encode(x_bd, rows_kd), (x_bd, rows_kd)


def _encode_backward(kept, gradient_bk):
  x_bd, rows_kd = kept
  return gradient_bk @ rows_kd, _rows_gradient(gradient_bk, x_bd)


_encode.defvjp(_encode_forward, _encode_backward)


def _rows_gradient(gradient_bk, x_bd):
  if gradient_bk.shape[1] >= WIDE:
    return transposed_product(gradient_bk, x_bd)
  return gradient_bk.T @ x_bd


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _encode_few(active, x_bd, rows_kd, bias_k):
  pre_bk = x_bd @ rows_kd.T + bias_k[None]
  if pre_bk.dtype != jnp.float32:
    # what is selected from is what is compared with it later, not a number less rounded
    pre_bk = jax.lax.optimization_barrier(pre_bk)
  return pre_bk, largest(pre_bk, active)


def _encode_few_forward(active, x_bd, rows_kd, bias_k):
  found: Any = _encode_few(active, x_bd, rows_kd, bias_k)
  pre_bk, few = found
  return (pre_bk, few), (x_bd, rows_kd, few.latents)


def _encode_few_backward(active, kept, gradients):
  x_bd, rows_kd, latents_ba = kept
  gradient_bk, gradient = gradients

  def dense(gradient_bk, gradient_ba, x_bd, rows_kd, latents_ba):
    del gradient_ba, latents_ba
    return (
      gradient_bk @ rows_kd,
      _rows_gradient(gradient_bk, x_bd),
      gradient_bk.sum(axis=0),
    )

  def sparse(gradient_bk, gradient_ba, x_bd, rows_kd, latents_ba):
    all_slopes, slopes = _in_float32(gradient_bk, gradient_ba)
    x, rows = _in_float32(x_bd, rows_kd)
    few = _few_gradients(slopes, latents_ba, x, rows)

    def dead():
      # AuxK's gradients, of latents that are dead and of no more of them as a rule
      dead_ba = top_k(jnp.abs(all_slopes), active)[1]
      dead_slopes = jnp.take_along_axis(all_slopes, dead_ba, axis=1)
      return _few_gradients(dead_slopes, dead_ba, x, rows)

    def with_others():
      others = jax.lax.cond(
        ((all_slopes != 0).sum(axis=1) <= active).all(),
        dead,
        lambda: dense(all_slopes, slopes, x, rows, latents_ba),
      )
      return tuple(map(jnp.add, few, others))

    found = jax.lax.cond((gradient_bk != 0).any(), with_others, lambda: few)
    return tuple(one.astype(rows_kd.dtype) for one in found)

  operands = (gradient_bk, gradient.values, x_bd, rows_kd, latents_ba)
  return jax.lax.platform_dependent(*operands, cpu=sparse, default=dense)


def _few_gradients(values_ba, latents_ba, x_bd, rows_kd):
  """Returns those of x, rows and bias, for a gradient given by its latents."""
  return (
    _gathered(values_ba, latents_ba, rows_kd),
    _scattered(values_ba, latents_ba, x_bd, len(rows_kd)),
    jnp.zeros(len(rows_kd)).at[latents_ba].add(values_ba),
  )


_encode_few.defvjp(_encode_few_forward, _encode_few_backward)


def _in_float32(*arrays):
  return tuple(array.astype(jnp.float32) for array in arrays)


def _gathered(values_ba, latents_ba, rows_kd):
  """Returns `code_bk @ rows_kd`, for a code given by its latents."""

  def term(i):
    return values_ba[:, i, None] * rows_kd[latents_ba[:, i]]

  # one latent of every example at a time: XLA fuses each gather into its sum
  count = latents_ba.shape[1]
  return jax.lax.fori_loop(1, count, lambda i, sum_bd: sum_bd + term(i), term(0))


def _scattered(values_ba, latents_ba, rows_bd, num_latents):
  """Returns `code_bk.T @ rows_bd`, for a code given by its latents."""

  def added(i, sum_kd):
    return sum_kd.at[latents_ba[:, i]].add(values_ba[:, i, None] * rows_bd)

  # Zeros that XLA does not know to be, or it keeps one array of them for all such sums
  # of a program and copies it for each, which takes longer than to write them.
  zero = (latents_ba[0, 0] < 0).astype(rows_bd.dtype)
  nothing = jnp.full((num_latents, rows_bd.shape[1]), zero)
  return jax.lax.fori_loop(1, latents_ba.shape[1], added, added(0, nothing))
