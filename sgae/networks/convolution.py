"""The one convolution of this code base, quick on every backend.

GPUs and TPUs run XLA's native convolution. On a CPU that is slow, and slower still
inside a loop, so there the image's shifted slices are laid beside each other and
multiplied by the kernel as one matrix.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp


def convolve(
  x_bhwc: jax.Array, kernel_hwio: jax.Array, stride: int = 1, implementation="auto"
) -> jax.Array:
  """Correlates images with a kernel; zeros around them, as 'SAME' pads.

  Args:
    x_bhwc: float [B, H, W, I].
    kernel_hwio: float [h, w, I, O].
    stride: pixels between outputs, both ways.
    implementation: 'auto', or a key of `IMPLEMENTATIONS` to insist on one.

  Returns:
    float [B, ceil(H / stride), ceil(W / stride), O].
  """
  if implementation != "auto":
    return IMPLEMENTATIONS[implementation](x_bhwc, kernel_hwio, stride)
  return jax.lax.platform_dependent(
    x_bhwc,
    kernel_hwio,
    cpu=functools.partial(_as_matrix_product, stride=stride),
    default=functools.partial(_native, stride=stride),
  )


def _native(x_bhwc, kernel_hwio, stride):
  return jax.lax.conv_general_dilated(
    x_bhwc,
    kernel_hwio,
    (stride, stride),
    "SAME",
    dimension_numbers=("NHWC", "HWIO", "NHWC"),
  )


def _as_matrix_product(x_bhwc, kernel_hwio, stride):
  height, width, inputs, outputs = kernel_hwio.shape
  sides = [
    _same_padding(size, kernel, stride)
    for size, kernel in zip(x_bhwc.shape[1:3], (height, width), strict=True)
  ]
  padded = jnp.pad(x_bhwc, ((0, 0), *((low, high) for _, low, high in sides), (0, 0)))
  (rows, *_), (columns, *_) = sides
  slices = [
    padded[
      :,
      i : i + (rows - 1) * stride + 1 : stride,
      j : j + (columns - 1) * stride + 1 : stride,
    ]
    for i in range(height)
    for j in range(width)
  ]
  patches = jnp.concatenate(slices, axis=-1)
  product = patches.reshape(-1, height * width * inputs) @ kernel_hwio.reshape(
    -1, outputs
  )
  return product.reshape(-1, rows, columns, outputs)


def _same_padding(size: int, kernel: int, stride: int) -> tuple[int, int, int]:
  """Returns the number of outputs, and the zeros before and after."""
  outputs = -(-size // stride)
  zeros = max((outputs - 1) * stride + kernel - size, 0)
  return outputs, zeros // 2, zeros - zeros // 2


IMPLEMENTATIONS: dict[str, Callable[..., jax.Array]] = {
  "native": _native,
  "matrix_product": _as_matrix_product,
}
