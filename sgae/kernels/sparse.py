"""The products on both sides of a sparse code, leaving out latents that are not in use.

Where few of many latents are active nearly all of a dense product multiplies zeros. The
few are selected once, on their way from the encoder to the code. On a CPU everything
after that sees them alone: chosen atoms are gathered and summed, gradients of atoms and
of the encoder's rows are scattered. GPUs and TPUs, whose matrix units beat their
gathers at these sizes, take the products. With dense products a step takes 1.6 times
the CPU time at 4,096 latents and 2.3 times at 16,384.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from sgae.kernels import collectives
from sgae.kernels.dense import WIDE, transposed_product
from sgae.kernels.gathering import gathered, in_float32, scattered
from sgae.kernels.switch import uses_reference
from sgae.kernels.top_k import top_k


class Active(NamedTuple):
  """The few of many latents of each example that may be active.

  Attributes:
    values: float [B, a]. Their gradient is only to be taken through `spread` and
      `decode`, see `_by_platform`.
    latents: int32 [B, a], whose they are; different ones for each example.
  """

  values: jax.Array
  latents: jax.Array


class Preactivations(NamedTuple):
  """What an encoder returns.

  Attributes:
    values: float [B, K] or, with places, [B, h, w, K].
    largest: the largest of each example, if they were selected.
  """

  values: jax.Array
  largest: Active | None = None


def _by_platform(sparse, dense, *operands):
  """Returns sparse(*operands) on a CPU, dense(*operands) on other platforms.

  The one place where a sparse code depends on the platform. On a CPU a gradient goes to
  the values of the active latents, and the dense array of the code gets zeros;
  elsewhere the dense array gets it, and the values get zeros. Both come from the same
  pre-activations, by `largest` and by `spread`, so the gradient of these is the same.
  Taking the dense array's gradient on a CPU as well costs a step 1.1 times the time at
  4,096 latents and 1.2 times at 16,384, for the zeros that it writes and reads.
  """
  return jax.lax.platform_dependent(*operands, cpu=sparse, default=dense)


def is_worth_it(num_latents: int, active: int) -> bool:
  """Says whether gathering `active` of so many latents beats the product on a CPU.

  With gradients, 512 examples and 784 pixels a step is 1.16 times as quick at 16
  latents for each of 32 active ones and 1.6 times at 32, and as quick as with the
  product at 16 for each of 64 (AMD EPYC); it is twice as quick at 64, and four times at
  512.
  """
  return num_latents >= 16 * active and not uses_reference("sparse")


def largest(values_bk: jax.Array, k: int) -> Active:
  """Selects the k largest of each example of float [B, K].

  Like all that follows it has no forward-mode derivative.
  """
  active: Any = _largest(k, values_bk)
  return active


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _largest(k, values_bk):
  # Behind a barrier, or XLA takes a slice of it for one of a whole sort; one for each,
  # or XLA can fail on a pair that is not taken apart (JAX 0.10.2).
  return Active(*map(jax.lax.optimization_barrier, top_k(values_bk, k)))


def _largest_forward(k, values_bk):
  active: Any = _largest(k, values_bk)
  return active, (values_bk, active.latents)


def _largest_backward(k, kept, gradient):
  del k
  values_bk, latents_ba = kept
  gradient_bk = _by_platform(
    lambda gradient_ba, latents_ba: _at_latents(gradient_ba, latents_ba, values_bk),
    lambda gradient_ba, latents_ba: jnp.zeros_like(values_bk),
    gradient.values,
    latents_ba,
  )
  return (gradient_bk,)


_largest.defvjp(_largest_forward, _largest_backward)


def _at_latents(values_ba, latents_ba, like_bk):
  """Returns an array like another, zero but for the given values at their latents."""
  rows_b1 = jnp.arange(values_ba.shape[0])[:, None]
  return (
    jnp.zeros_like(like_bk).at[rows_b1, latents_ba].set(values_ba, unique_indices=True)
  )


def spread(values_bk: jax.Array, active: Active) -> jax.Array:
  """Returns an array with all but the active latents set to zero.

  Args:
    values_bk: float [B, K], non-negative.
    active: its largest ones, by `largest`. Of numbers equal to the least of them a CPU
      keeps those that are there, others all.

  Returns:
    float [B, K].
  """

  def by_latents(values_bk, active):
    return _at_latents(active.values, active.latents, values_bk)

  def masked(values_bk, active):
    least_b = jax.lax.stop_gradient(active.values).min(axis=1, keepdims=True)
    return jnp.where(values_bk >= least_b, values_bk, 0.0)

  return _by_platform(by_latents, masked, values_bk, active)


def active_latents(values_bk: jax.Array, active: Active) -> jax.Array:
  """Returns how many latents of each example `spread` leaves: float32 [B]."""

  def counted(values_bk, active):
    del values_bk
    return (active.values > 0).sum(axis=1, dtype=jnp.float32)

  def all_counted(values_bk, active):
    del active
    return (values_bk > 0).sum(axis=1, dtype=jnp.float32)

  return _by_platform(counted, all_counted, values_bk, active)


def frequency(values_bk: jax.Array, active: Active) -> jax.Array:
  """Returns in which part of the examples each latent is above zero: float32 [K]."""

  def counted(values_bk, active):
    nothing = jnp.zeros(values_bk.shape[1])
    return nothing.at[active.latents].add(active.values > 0) / len(values_bk)

  def averaged(values_bk, active):
    del active
    return (values_bk > 0).mean(axis=0)

  return _by_platform(counted, averaged, values_bk, active)


def decode(code_bk: jax.Array, active: Active | None, atoms_kd: jax.Array) -> jax.Array:
  """Returns `code_bk @ atoms_kd`; with `active` it has no forward-mode derivative.

  Args:
    code_bk: float [B, K].
    active: the latents of it that are not zero, if these are known, with the values
      that it has there: a CPU reads these alone, so they must be of the same code.
    atoms_kd: float [K, D].

  Returns:
    float [B, D].
  """
  if active is None or uses_reference("sparse"):
    return decode_reference(code_bk, atoms_kd)
  values_ba = active.values.astype(code_bk.dtype)
  return _decode(*collectives.alike(code_bk, values_ba, active.latents, atoms_kd))


def decode_reference(code_bk: jax.Array, atoms_kd: jax.Array) -> jax.Array:
  """Returns what `decode` does by the dense product."""
  return code_bk @ atoms_kd


@jax.custom_vjp
def _decode(code_bk, values_ba, latents_ba, atoms_kd):
  def by_latents(code_bk, values_ba, latents_ba, atoms_kd):
    # in float32, in which a dense product would add up
    values, atoms = in_float32(values_ba, atoms_kd)
    return gathered(values, latents_ba, atoms).astype(code_bk.dtype)

  def dense(code_bk, values_ba, latents_ba, atoms_kd):
    del values_ba, latents_ba
    return code_bk @ atoms_kd

  return _by_platform(by_latents, dense, code_bk, values_ba, latents_ba, atoms_kd)


def _decode_forward(*operands):
  return _decode(*operands), operands


def _decode_backward(operands, gradient_bd):
  def sparse(code_bk, values_ba, latents_ba, atoms_kd, gradient_bd):
    low = atoms_kd.dtype
    values, atoms, gradient = in_float32(values_ba, atoms_kd, gradient_bd)

    def slope(i):
      return jnp.sum(atoms[latents_ba[:, i]] * gradient, axis=1)

    slopes_ba = jax.lax.map(slope, jnp.arange(values.shape[1])).T
    atoms_gradient = scattered(values, latents_ba, gradient, len(atoms))
    return (
      jnp.zeros_like(code_bk),
      slopes_ba.astype(values_ba.dtype),
      atoms_gradient.astype(low),
    )

  def dense(code_bk, values_ba, latents_ba, atoms_kd, gradient_bd):
    del latents_ba
    atoms_gradient = code_bk.T @ gradient_bd
    return gradient_bd @ atoms_kd.T, jnp.zeros_like(values_ba), atoms_gradient

  code, values, atoms = _by_platform(sparse, dense, *operands, gradient_bd)
  return code, values, None, atoms


_decode.defvjp(_decode_forward, _decode_backward)


def encode(
  x_bd: jax.Array, rows_kd: jax.Array, bias_k: jax.Array, count: int | None = None
) -> Preactivations:
  """Multiplies with the encoder's rows; has no forward-mode derivative.

  Args:
    x_bd: float [B, D].
    rows_kd: float [K, D], one row for each latent.
    bias_k: float [K].
    count: how many of an example's largest to select if that is worth it; None: none.

  Returns:
    `x_bd @ rows_kd.T + bias_k`, float [B, K], with its largest, if selected.
  """
  if uses_reference("sparse"):
    return Preactivations(encode_reference(x_bd, rows_kd, bias_k))
  x_bd, rows_kd, bias_k = collectives.alike(x_bd, rows_kd, bias_k)
  if count is None or not is_worth_it(len(rows_kd), count):
    return Preactivations(_encode(x_bd, rows_kd) + bias_k[None])
  found: Any = _encode_selecting(count, x_bd, rows_kd, bias_k)
  return Preactivations(*found)


def encode_reference(
  x_bd: jax.Array, rows_kd: jax.Array, bias_k: jax.Array
) -> jax.Array:
  """Returns the first of what `encode` does by the dense product."""
  return x_bd @ rows_kd.T + bias_k[None]


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
def _encode_selecting(count, x_bd, rows_kd, bias_k):
  pre_bk = x_bd @ rows_kd.T + bias_k[None]
  if pre_bk.dtype != jnp.float32:
    # what is selected from is what is compared with it later, not a number less rounded
    pre_bk = jax.lax.optimization_barrier(pre_bk)
  return pre_bk, largest(pre_bk, count)


def _encode_selecting_forward(count, x_bd, rows_kd, bias_k):
  found: Any = _encode_selecting(count, x_bd, rows_kd, bias_k)
  pre_bk, active = found
  return (pre_bk, active), (x_bd, rows_kd, active.latents)


def _encode_selecting_backward(count, kept, gradients):
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
    all_slopes, slopes = in_float32(gradient_bk, gradient_ba)
    x, rows = in_float32(x_bd, rows_kd)
    selected = _active_gradients(slopes, latents_ba, x, rows)

    def dead():
      # AuxK's gradients, of latents that are dead and of no more of them as a rule
      dead_ba = top_k(jnp.abs(all_slopes), count)[1]
      dead_slopes = jnp.take_along_axis(all_slopes, dead_ba, axis=1)
      return _active_gradients(dead_slopes, dead_ba, x, rows)

    def with_others():
      others = jax.lax.cond(
        ((all_slopes != 0).sum(axis=1) <= count).all(),
        dead,
        lambda: dense(all_slopes, slopes, x, rows, latents_ba),
      )
      return tuple(map(jnp.add, selected, others))

    found = jax.lax.cond((gradient_bk != 0).any(), with_others, lambda: selected)
    return tuple(one.astype(rows_kd.dtype) for one in found)

  operands = (gradient_bk, gradient.values, x_bd, rows_kd, latents_ba)
  return _by_platform(sparse, dense, *operands)


def _active_gradients(values_ba, latents_ba, x_bd, rows_kd):
  """Returns those of x, rows and bias, for a gradient given by its latents."""
  return (
    gathered(values_ba, latents_ba, rows_kd),
    scattered(values_ba, latents_ba, x_bd, len(rows_kd)),
    jnp.zeros(len(rows_kd)).at[latents_ba].add(values_ba),
  )


_encode_selecting.defvjp(_encode_selecting_forward, _encode_selecting_backward)
