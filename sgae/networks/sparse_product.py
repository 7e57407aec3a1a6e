"""The products on both sides of a sparse code, leaving out latents that are not in use.

Where few of many latents are active nearly all of a dense product multiplies zeros. On
a CPU the chosen atoms are gathered and summed instead, and gradients of atoms and of
the encoder's rows are scattered; GPUs and TPUs, whose matrix units beat their gathers
at these sizes, take the products.
"""

import functools

import jax
import jax.numpy as jnp

from sgae import reduction
from sgae.networks.dense_product import WIDE
from sgae.networks.selection import top_k


def is_worth_it(num_latents: int, active: int) -> bool:
  """Says whether gathering `active` of so many latents beats the product on a CPU.

  With gradients, 512 examples and 784 pixels it is twice as quick at 64 latents for
  each active one, and four times at 512.
  """
  return num_latents >= 64 * active


def decode(code_bk: jax.Array, atoms_kd: jax.Array, active: int | None) -> jax.Array:
  """Returns `code_bk @ atoms_kd`.

  Args:
    code_bk: float [B, K], non-negative where `active` is given.
    atoms_kd: float [K, D].
    active: how many latents of an example are not zero, as a rule; None: any number.
      An example with more of them is decoded as exactly. The gradient with respect to
      the code may then be zero at latents that are zero, which must not see it.

  Returns:
    float [B, D].
  """
  if active is None or not is_worth_it(code_bk.shape[1], active):
    return code_bk @ atoms_kd
  return jax.lax.platform_dependent(
    *reduction.alike(code_bk, atoms_kd),
    cpu=functools.partial(_checked, active=active),
    default=jnp.matmul,
  )


def _checked(code_bk, atoms_kd, active):
  # equal activations may leave more of them than were asked for
  fits = jnp.max(jnp.sum(code_bk != 0, axis=1)) <= active
  product_bd = jax.lax.cond(
    fits,
    functools.partial(_sparse, active),
    jnp.matmul,
    code_bk.astype(jnp.float32),  # in which a dense product would add up
    atoms_kd.astype(jnp.float32),
  )
  return product_bd.astype(code_bk.dtype)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _sparse(active, code_bk, atoms_kd):
  return _forward(active, code_bk, atoms_kd)[0]


def _forward(active, code_bk, atoms_kd):
  # behind a barrier, or XLA takes a slice of it for one of a whole sort (JAX 0.10.2)
  chosen_ba = jax.lax.optimization_barrier(top_k(code_bk, active)[1])
  values_ba = jnp.take_along_axis(code_bk, chosen_ba, axis=1)

  def term(i):
    return values_ba[:, i, None] * atoms_kd[chosen_ba[:, i]]

  # one latent of every example at a time: XLA fuses each gather into its sum
  product = jax.lax.fori_loop(1, active, lambda i, sum_bd: sum_bd + term(i), term(0))
  return product, (values_ba, chosen_ba, code_bk, atoms_kd)


def _backward(active, kept, gradient_bd):
  values_ba, chosen_ba, code_bk, atoms_kd = kept
  rows_b = jnp.arange(len(code_bk))

  def slope(i):
    return jnp.sum(atoms_kd[chosen_ba[:, i]] * gradient_bd, axis=1)

  atoms_gradient = _scattered(values_ba, chosen_ba, gradient_bd, len(atoms_kd))
  slopes_ba = jax.lax.map(slope, jnp.arange(active)).T
  code_gradient = jnp.zeros_like(code_bk).at[rows_b[:, None], chosen_ba].add(slopes_ba)
  return code_gradient, atoms_gradient


_sparse.defvjp(_forward, _backward)


def _scattered(values_ba, chosen_ba, rows_bd, num_latents):
  """Returns what `code_bk.T @ rows_bd` would be, for a code given by its places."""

  def added(i, sum_kd):
    return sum_kd.at[chosen_ba[:, i]].add(values_ba[:, i, None] * rows_bd)

  nothing = jnp.zeros((num_latents, rows_bd.shape[1]), rows_bd.dtype)
  return jax.lax.fori_loop(1, chosen_ba.shape[1], added, added(0, nothing))


def encode(x_bd: jax.Array, rows_kd: jax.Array, active: int | None) -> jax.Array:
  """Returns `x_bd @ rows_kd.T`; has no forward-mode derivative.

  Args:
    x_bd: float [B, D].
    rows_kd: float [K, D], one row for each latent.
    active: at how many latents of an example the result's gradient is not zero, as a
      rule; None: any number. With more of them the rows' gradient is as exact.

  Returns:
    float [B, K].
  """
  return _encode(*reduction.alike(x_bd, rows_kd), active)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _encode(x_bd, rows_kd, active):
  del active
  return x_bd @ rows_kd.T


def _encode_forward(x_bd, rows_kd, active):
  return _encode(x_bd, rows_kd, active), (x_bd, rows_kd)


def _encode_backward(active, kept, gradient_bk):
  x_bd, rows_kd = kept

  def dense(gradient_bk, x_bd):
    transposed_kb = gradient_bk.T
    if len(rows_kd) >= WIDE:  # for the reason that stands in networks/dense_product.py
      transposed_kb = jax.lax.optimization_barrier(transposed_kb)
    return transposed_kb @ x_bd

  def sparse(gradient_bk, x_bd):
    sizes_bk = jnp.abs(gradient_bk)
    chosen_ba = jax.lax.optimization_barrier(top_k(sizes_bk, active)[1])
    values_ba = jnp.take_along_axis(gradient_bk, chosen_ba, axis=1)
    values_ba, x_bd = (array.astype(jnp.float32) for array in (values_ba, x_bd))
    return _scattered(values_ba, chosen_ba, x_bd, len(rows_kd)).astype(rows_kd.dtype)

  def checked(gradient_bk, x_bd):
    fits = jnp.max(jnp.sum(gradient_bk != 0, axis=1)) <= active
    return jax.lax.cond(fits, sparse, dense, gradient_bk, x_bd)

  few = active is not None and is_worth_it(len(rows_kd), active)
  rows_gradient = jax.lax.platform_dependent(
    gradient_bk,
    x_bd,
    cpu=checked if few else dense,
    default=lambda gradient_bk, x_bd: gradient_bk.T @ x_bd,
  )
  return gradient_bk @ rows_kd, rows_gradient


_encode.defvjp(_encode_forward, _encode_backward)
