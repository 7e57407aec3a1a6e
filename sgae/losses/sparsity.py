"""Sparsity penalties Omega(code), each a scalar >= 0."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from sgae.kernels import collectives
from sgae.networks.sparsity import Code


def l1(code_bk: jax.Array) -> jax.Array:
  """Mean over examples of the sum of |code|; float [B, K] or [B, h, w, K].

  >>> float(l1(jnp.array([[1.0, 2.0, 0.0], [0.0, 0.0, 1.0]])))
  2.0
  """
  return jnp.mean(jnp.sum(jnp.abs(code_bk), axis=range(1, code_bk.ndim)))


def kl(
  code_bk: jax.Array, rho: jax.Array | float, axis: str | None = None
) -> jax.Array:
  """Sum over latents of KL(rho || mean activation over the global batch and places).

  >>> float(kl(jnp.full((4, 3), 0.05), rho=0.05))
  0.0

  rho log(rho / m) + (1 - rho) log((1 - rho) / (1 - m)). Ng, CS294A lecture notes.

  Args:
    code_bk: float [B, K] or [B, h, w, K] in [0, 1]; means are clipped to
      [1e-6, 1 - 1e-6].
    rho: wanted mean activation, in (0, 1).
    axis: mapped axis over which the batch is spread, or None.
  """
  means = collectives.batch_mean(code_bk.mean(axis=range(1, code_bk.ndim - 1)), axis)
  means = jnp.clip(means, 1e-6, 1 - 1e-6)
  divergence = rho * jnp.log(rho / means) + (1 - rho) * jnp.log((1 - rho) / (1 - means))
  return jnp.sum(divergence)


def raised(values_bk: jax.Array, exponent: jax.Array | float) -> jax.Array:
  """Raises each number to a power, so that `l1` of it is sum f^p.

  (f + e)^p - e^p with e = 1e-3, whose slope is finite at 0; p = 1 changes nothing.
  p-annealing lets p fall from 1, towards a penalty that counts. Karvonen et al. 2024
  (arXiv 2408.00113), who also scale the penalty's weight to keep its size.

  >>> float(raised(jnp.float32(4.0), 0.5).round(1))
  2.0

  Args:
    values_bk: float of any shape, non-negative.
    exponent: p, in (0, 1].
  """
  floor = 1e-3
  return (values_bk + floor) ** exponent - floor**exponent


# (code, rho, axis) -> scalar
Omega = Callable[[Code, jax.Array, str | None], jax.Array]

SPARSITY_PENALTIES: dict[str, Omega] = {
  "none": lambda code, rho, axis: jnp.float32(0),
  "l1": lambda code, rho, axis: l1(code.values),
  "kl": lambda code, rho, axis: kl(code.values, rho, axis),
  # has a gradient under `jumprelu` alone
  "l0": lambda code, rho, axis: jnp.mean(code.l0),
}
