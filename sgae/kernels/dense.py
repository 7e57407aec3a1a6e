"""The product of a dense layer, with a kernel's gradient that is quick on a CPU too.

It is inputs.T @ gradient, and XLA's CPU backend multiplies a matrix that it has to read
by columns at two thirds of its usual rate (JAX 0.10.2); at 65,536 outputs at a tenth,
since it takes and gives back memory all the time. A transposed copy of the inputs costs
little beside a product as wide as that. Whole steps of a pair of width 128 and of an
autoencoder with 512 latents show no gain: without it they take 0.94 and 1.00 times the
CPU time, measured on a busy machine.
"""

from typing import Any

import jax

from sgae.kernels import collectives
from sgae.kernels.switch import uses_reference

WIDE = 512  # outputs from which the copy pays


def dot_general(
  x: jax.Array, kernel: jax.Array, dimension_numbers: Any, precision: Any = None
) -> jax.Array:
  """Computes `lax.dot_general` for `flax.linen.Dense`; has no forward-mode derivative.

  Args:
    x: float [B, I].
    kernel: float [I, O].
    dimension_numbers: as Dense gives them, the last axis of `x` and the first of
      `kernel` contracted.
    precision: as Dense gives it.

  Returns:
    float [B, O].
  """
  if uses_reference("dense") or kernel.shape[1] < WIDE:
    return jax.lax.dot_general(x, kernel, dimension_numbers, precision)
  return _product(*collectives.alike(x, kernel))


@jax.custom_vjp
def _product(x_bi, kernel_io):
  return x_bi @ kernel_io


def _forward(x_bi, kernel_io):
  return _product(x_bi, kernel_io), (x_bi, kernel_io)


def _backward(kept, gradient_bo):
  x_bi, kernel_io = kept
  kernel_gradient = transposed_product(x_bi, gradient_bo)
  return gradient_bo @ kernel_io.T, kernel_gradient


_product.defvjp(_forward, _backward)


def transposed_product(left_bi: jax.Array, right_bo: jax.Array) -> jax.Array:
  """Returns `left_bi.T @ right_bo`, on a CPU of a transposed copy.

  Args:
    left_bi: float [B, I].
    right_bo: float [B, O].

  Returns:
    float [I, O].
  """
  if uses_reference("dense"):
    return left_bi.T @ right_bo
  return jax.lax.platform_dependent(
    left_bi,
    right_bo,
    # behind a barrier, or XLA takes the product of the copy for one of the original
    cpu=lambda left, right: jax.lax.optimization_barrier(left.T) @ right,
    default=lambda left, right: left.T @ right,
  )
