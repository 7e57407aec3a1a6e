"""The one convolution of this code base, and its transpose, quick on every backend.

GPUs and TPUs run XLA's native convolution, but for those of few channels: cuDNN is so
slow at these that with products in their place all of a DCGAN step is 1.3 times as
quick on an H200 (TPUs follow, unmeasured). On a CPU all of them are slow inside a loop.
There, and for few channels, the image is cut into cells of stride x stride pixels
(space to depth), which leaves a stride of 1. It is done with Winograd's products where
these are fewer, else with one matrix product for each shift of the cells and its part
of the kernel.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from sgae import reduction
from sgae.networks import winograd

# Below so many numbers in a cell, one product of all shifts beside each other is
# quicker than a sum of narrow ones, and than a GPU's own convolution.
NARROW_CELL = 32
# Share of the products that Winograd's way may take: its sums of tiles cost time too.
WORTH_IT = 0.85


# compiled on its own only so that convolutions of the same shapes are traced once
@functools.partial(jax.jit, static_argnames=("stride", "groups", "implementation"))
def convolve(
  x_bhwc: jax.Array,
  kernel_hwio: jax.Array,
  stride: int = 1,
  groups: int = 1,
  implementation: str = "auto",
) -> jax.Array:
  """Correlates images with a kernel; zeros around them, as 'SAME' pads.

  Has derivatives of any order, but no forward-mode one.

  Args:
    x_bhwc: float [B, H, W, I].
    kernel_hwio: float [h, w, I / groups, O].
    stride: pixels between outputs, both ways.
    groups: parts of the channels that do not see each other; divides I and O.
    implementation: 'auto', or a key of `IMPLEMENTATIONS` to insist on one.

  Returns:
    float [B, ceil(H / stride), ceil(W / stride), O].
  """
  how = functools.partial(_correlate, stride=stride, groups=groups)
  narrow = groups == 1 and _is_narrow(stride, x_bhwc.shape[3])
  return _choose(how, implementation, narrow, x_bhwc, kernel_hwio)


@functools.partial(jax.jit, static_argnames=("stride", "shape", "implementation"))
def convolve_transposed(
  y_bhwo: jax.Array,
  kernel_hwio: jax.Array,
  stride: int,
  shape: tuple[int, int],
  implementation: str = "auto",
) -> jax.Array:
  """Applies the transpose of `convolve`, which makes images larger.

  Has derivatives of any order, but no forward-mode one.

  Args:
    y_bhwo: float [B, ceil(H / stride), ceil(W / stride), O].
    kernel_hwio: float [h, w, I, O], of the convolution that is transposed.
    stride: pixels between the places of neighbouring inputs.
    shape: (H, W) of the result.
    implementation: as in `convolve`.

  Returns:
    float [B, H, W, I].
  """
  how = functools.partial(_spread, stride=stride, shape=shape)
  narrow = _is_narrow(stride, kernel_hwio.shape[2])
  return _choose(how, implementation, narrow, y_bhwo, kernel_hwio)


def _is_narrow(stride, channels):
  return stride**2 * channels < NARROW_CELL


def _choose(how, implementation, narrow, *arrays):
  arrays = reduction.alike(*arrays)
  if implementation == "auto" and narrow:
    implementation = "matrix_product"
  if implementation != "auto":
    return how(*arrays, product=IMPLEMENTATIONS[implementation])
  return jax.lax.platform_dependent(
    *arrays,
    cpu=functools.partial(how, product=_as_matrix_products),
    default=functools.partial(how, product=_native),
  )


def _correlate(x_bhwc, kernel_hwio, *, stride, groups, product):
  return product(x_bhwc, kernel_hwio, stride, groups)


def _spread(y_bhwo, kernel_hwio, *, stride, shape, product):
  return _transposed(
    lambda x: product(x, kernel_hwio, stride, 1),
    (len(y_bhwo), *shape, kernel_hwio.shape[2]),
    y_bhwo,
  )


def _transposed(linear, shape, y):
  # made from the data, so that it varies over devices just as the data does
  zeros = jnp.broadcast_to(0 * y.ravel()[0], shape)
  # a linear function's derivative, wherever it is taken, is the function itself
  _, transpose = jax.vjp(linear, zeros)
  return transpose(y)[0]


def _native_once(x_bhwc, kernel_hwio, stride, groups):
  return jax.lax.conv_general_dilated(
    x_bhwc,
    kernel_hwio,
    (stride, stride),
    "SAME",
    dimension_numbers=("NHWC", "HWIO", "NHWC"),
    feature_group_count=groups,
  )


# cuDNN has programs of their own for the value, the image's gradient and the kernel's,
# and XLA calls them only where it knows these again. It does not where the kernel's is
# derived from an image's gradient (a transposed convolution, R1), which took up to half
# of a step (JAX 0.11.2). So each of the three is given the other two as derivatives.


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _native(x_bhwc, kernel_hwio, stride, groups):
  return _native_once(x_bhwc, kernel_hwio, stride, groups)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _native_image(y_bhwo, kernel_hwio, stride, groups, shape):
  """The image's gradient: the transpose of `_native` in the image, of (H, W, C)."""
  return _transposed(
    lambda x_bhwc: _native_once(x_bhwc, kernel_hwio, stride, groups),
    (len(y_bhwo), *shape),
    y_bhwo,
  )


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _native_kernel(x_bhwc, y_bhwo, stride, groups, shape):
  """The kernel's gradient: the transpose of `_native` in it, of (h, w, I, O)."""
  return _transposed(
    lambda kernel_hwio: _native_once(x_bhwc, kernel_hwio, stride, groups),
    shape,
    y_bhwo,
  )


def _keeping(function):
  return lambda first, second, *rest: (function(first, second, *rest), (first, second))


def _native_backward(stride, groups, kept, y_bhwo):
  x_bhwc, kernel_hwio = kept
  return (
    _native_image(y_bhwo, kernel_hwio, stride, groups, x_bhwc.shape[1:]),
    _native_kernel(x_bhwc, y_bhwo, stride, groups, kernel_hwio.shape),
  )


def _native_image_backward(stride, groups, shape, kept, x_bhwc):
  del shape
  y_bhwo, kernel_hwio = kept
  return (
    _native(x_bhwc, kernel_hwio, stride, groups),
    _native_kernel(x_bhwc, y_bhwo, stride, groups, kernel_hwio.shape),
  )


def _native_kernel_backward(stride, groups, shape, kept, kernel_hwio):
  del shape
  x_bhwc, y_bhwo = kept
  return (
    _native_image(y_bhwo, kernel_hwio, stride, groups, x_bhwc.shape[1:]),
    _native(x_bhwc, kernel_hwio, stride, groups),
  )


_native.defvjp(_keeping(_native), _native_backward)
_native_image.defvjp(_keeping(_native_image), _native_image_backward)
_native_kernel.defvjp(_keeping(_native_kernel), _native_kernel_backward)


def _as_matrix_products(x_bhwc, kernel_hwio, stride, groups) -> Any:
  if groups > 1:
    x = x_bhwc.reshape(*x_bhwc.shape[:3], groups, -1)
    kernel = kernel_hwio.reshape(*kernel_hwio.shape[:3], groups, -1)
    alone = functools.partial(_as_matrix_products, stride=stride, groups=1)
    y = jax.vmap(alone, in_axes=3, out_axes=3)(x, kernel)
    return y.reshape(*y.shape[:3], -1)
  rows, columns = (-(-size // stride) for size in x_bhwc.shape[1:3])
  sides = kernel_hwio.shape[:2]
  cells = _cells(x_bhwc, sides, stride)
  narrow = _is_narrow(stride, x_bhwc.shape[3])
  if not narrow and _saves_products(rows, columns, sides, stride):
    flat = cells.reshape(*cells.shape[:3], -1)
    return winograd.correlate(flat, _cells_of_kernel(kernel_hwio, stride))
  outputs = kernel_hwio.shape[3]
  shifts = []
  for i in range(0, sides[0], stride):
    for j in range(0, sides[1], stride):
      part = kernel_hwio[i : i + stride, j : j + stride]
      row, column, (height, width) = i // stride, j // stride, part.shape[:2]
      seen = cells[
        :, row : row + rows, column : column + columns, :height, :width
      ].reshape(-1, part[..., 0].size)
      shifts.append((seen, part.reshape(-1, outputs)))
  if narrow:
    seen, parts = zip(*shifts, strict=True)
    y = jnp.concatenate(seen, axis=1) @ jnp.concatenate(parts)
  else:
    y = functools.reduce(jnp.add, (seen @ part for seen, part in shifts))
  return y.reshape(-1, rows, columns, outputs)


def _saves_products(rows, columns, sides, stride):
  """Says whether Winograd's way pays, from the products for each pair of channels.

  Counted are those of the value and of both gradients; that of the image is made at
  every cell that an output sees.
  """
  height, width = sides
  cells = -(-height // stride)
  if height != width or cells not in winograd.TRANSFORMS:
    return False
  margin = cells - 1
  inner = winograd.products(rows, columns, cells)
  outer = winograd.products(rows + margin, columns + margin, cells)
  plain = 3 * rows * columns * height * width
  return (2 * inner + outer) * stride**2 <= WORTH_IT * plain


def _cells_of_kernel(kernel_hwio, stride):
  """Fills up a kernel with zeros and cuts it as `_cells` does: [r, r, s * s * I, O]."""
  sides, outputs = kernel_hwio.shape[:2], kernel_hwio.shape[3]
  counts = [-(-side // stride) for side in sides]
  pads = [(0, n * stride - side) for n, side in zip(counts, sides, strict=True)]
  padded = jnp.pad(kernel_hwio, (*pads, (0, 0), (0, 0)))
  rows, columns = counts
  cells = padded.reshape(rows, stride, columns, stride, -1, outputs)
  return cells.transpose(0, 2, 1, 3, 4, 5).reshape(rows, columns, -1, outputs)


def _cells(x_bhwc, kernel_shape, stride):
  """Pads and cuts images into cells: [B, rows, columns, stride, stride, C]."""
  pads, counts = [], []
  for size, kernel in zip(x_bhwc.shape[1:3], kernel_shape, strict=True):
    outputs = -(-size // stride)
    zeros = max((outputs - 1) * stride + kernel - size, 0)
    count = outputs - 1 + -(-kernel // stride)
    counts.append(count)
    pads.append((zeros // 2, count * stride - size - zeros // 2))
  padded = jnp.pad(x_bhwc, ((0, 0), *pads, (0, 0)))
  rows, columns = counts
  channels = x_bhwc.shape[3]
  cells = padded.reshape(-1, rows, stride, columns, stride, channels)
  return cells.transpose(0, 1, 3, 2, 4, 5)


# (x_bhwc, kernel_hwio, stride, groups) -> y_bhwo
IMPLEMENTATIONS: dict[str, Callable[..., jax.Array]] = {
  "native": _native,
  "matrix_product": _as_matrix_products,
}
