"""The one convolution of this code base, and its transpose, quick on every backend.

GPUs and TPUs run XLA's native convolution, but for those of few channels: cuDNN is so
slow at these that with products in their place all of a DCGAN step is 1.3 times as
quick on an H200 (TPUs follow, unmeasured). On a CPU all of them are slow inside a loop.
There, and for few channels, the image is cut into cells of stride x stride pixels
(space to depth), which leaves a stride of 1. It is done with Winograd's products where
these are fewer, else with one matrix product for each shift of the cells and its part
of the kernel. A step of `dcgan 64` takes 17 times the CPU time with XLA's own.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from sgae.kernels import collectives, winograd
from sgae.kernels.switch import uses_reference

# Below so many numbers in a cell, one product of all shifts beside each other is
# quicker than a sum of narrow ones, and than a GPU's own convolution.
NARROW_CELL = 32
# Share of the products that Winograd's way may take: its sums of tiles cost time too.
WORTH_IT = 0.85


class Geometry(NamedTuple):
  """All of a convolution but its arrays.

  Attributes:
    image: (H, W, I) of what it reads.
    kernel: (h, w, I / groups, O).
    stride: pixels between outputs, both ways.
    groups: parts of the channels that do not see each other.
    implementation: 'auto', or a key of `IMPLEMENTATIONS`.
  """

  image: tuple[int, ...]
  kernel: tuple[int, ...]
  stride: int
  groups: int
  implementation: str


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
  image, kernel = x_bhwc.shape[1:], kernel_hwio.shape
  geometry = Geometry(image, kernel, stride, groups, implementation)
  if uses_reference("convolution"):
    return reference(x_bhwc, kernel_hwio, geometry)
  return _value(*collectives.alike(x_bhwc, kernel_hwio), geometry)


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
  image, kernel = (*shape, kernel_hwio.shape[2]), kernel_hwio.shape
  geometry = Geometry(image, kernel, stride, 1, implementation)
  if uses_reference("convolution"):
    return _image_by(reference, y_bhwo, kernel_hwio, geometry)
  return _image(*collectives.alike(y_bhwo, kernel_hwio), geometry)


# The value, the image's gradient and the kernel's are linear in two arrays each, and
# have the other two as derivatives, so no implementation is ever differentiated twice:
# each is traced once for a geometry. cuDNN also has a program for each of the three,
# which XLA calls only where it knows them again. It does not where the kernel's is
# derived from an image's gradient (a transposed convolution, R1), which took up to half
# of a step (JAX 0.11.2).


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _value(x_bhwc, kernel_hwio, geometry):
  return _computed(_value_by, x_bhwc, kernel_hwio, geometry)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _image(y_bhwo, kernel_hwio, geometry):
  """The image's gradient: the transpose of `_value` in the image."""
  return _computed(_image_by, y_bhwo, kernel_hwio, geometry)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _kernel(x_bhwc, y_bhwo, geometry):
  """The kernel's gradient: the transpose of `_value` in the kernel."""
  return _computed(_kernel_by, x_bhwc, y_bhwo, geometry)


def _keeping(function):
  return lambda first, second, *rest: (function(first, second, *rest), (first, second))


def _value_backward(geometry, kept, y_bhwo):
  x_bhwc, kernel_hwio = kept
  return _image(y_bhwo, kernel_hwio, geometry), _kernel(x_bhwc, y_bhwo, geometry)


def _image_backward(geometry, kept, x_bhwc):
  y_bhwo, kernel_hwio = kept
  return _value(x_bhwc, kernel_hwio, geometry), _kernel(x_bhwc, y_bhwo, geometry)


def _kernel_backward(geometry, kept, kernel_hwio):
  x_bhwc, y_bhwo = kept
  return _image(y_bhwo, kernel_hwio, geometry), _value(x_bhwc, kernel_hwio, geometry)


_value.defvjp(_keeping(_value), _value_backward)
_image.defvjp(_keeping(_image), _image_backward)
_kernel.defvjp(_keeping(_kernel), _kernel_backward)


# compiled on its own only so that those of the same shapes are traced once
@functools.partial(jax.jit, static_argnames=("how", "geometry"))
def _computed(how, first, second, geometry):
  """Returns how(product, first, second, geometry) by the product that is chosen."""
  implementation = geometry.implementation
  if implementation == "auto" and _is_narrow(geometry):
    implementation = "matrix_product"

  def by(name):
    return functools.partial(how, IMPLEMENTATIONS[name], geometry=geometry)

  if implementation != "auto":
    return by(implementation)(first, second)
  return jax.lax.platform_dependent(
    first, second, cpu=by("matrix_product"), default=by("native")
  )


def _value_by(product, x_bhwc, kernel_hwio, geometry):
  return product(x_bhwc, kernel_hwio, geometry)


def _image_by(product, y_bhwo, kernel_hwio, geometry):
  shape = (y_bhwo.shape[0], *geometry.image)
  return _transposed(lambda x: product(x, kernel_hwio, geometry), shape, y_bhwo)


def _kernel_by(product, x_bhwc, y_bhwo, geometry):
  return _transposed(lambda k: product(x_bhwc, k, geometry), geometry.kernel, y_bhwo)


def _transposed(linear, shape, y):
  # made from the data, so that it varies over devices just as the data does
  zeros = jnp.broadcast_to(0 * y.ravel()[0], shape)
  # a linear function's derivative, wherever it is taken, is the function itself
  _, transpose = jax.vjp(linear, zeros)
  return transpose(y)[0]


def _is_narrow(geometry):
  cell = geometry.stride**2 * geometry.image[2]
  return geometry.groups == 1 and cell < NARROW_CELL


def reference(
  x_bhwc: jax.Array, kernel_hwio: jax.Array, geometry: Geometry
) -> jax.Array:
  """Returns `convolve` as XLA has it; arguments as there."""
  return jax.lax.conv_general_dilated(
    x_bhwc,
    kernel_hwio,
    (geometry.stride, geometry.stride),
    "SAME",
    dimension_numbers=("NHWC", "HWIO", "NHWC"),
    feature_group_count=geometry.groups,
  )


def _as_matrix_products(x_bhwc, kernel_hwio, geometry) -> Any:
  if geometry.groups > 1:
    return _of_groups(x_bhwc, kernel_hwio, geometry)
  stride, sides, outputs = geometry.stride, geometry.kernel[:2], geometry.kernel[3]
  rows, columns = (-(-size // stride) for size in geometry.image[:2])
  cells = _cells(x_bhwc, sides, stride)
  narrow = _is_narrow(geometry)
  if not narrow and _saves_products(rows, columns, sides, stride):
    flat = cells.reshape(*cells.shape[:3], -1)
    return winograd.correlate(flat, _cells_of_kernel(kernel_hwio, stride))
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


def _of_groups(x_bhwc, kernel_hwio, geometry):
  groups, (height, width, inputs) = geometry.groups, geometry.image
  x = x_bhwc.reshape(*x_bhwc.shape[:3], groups, -1)
  kernel = kernel_hwio.reshape(*kernel_hwio.shape[:3], groups, -1)
  alone = geometry._replace(
    image=(height, width, inputs // groups),
    kernel=(*geometry.kernel[:3], kernel.shape[4]),
    groups=1,
  )
  of_one = functools.partial(_as_matrix_products, geometry=alone)
  y = jax.vmap(of_one, in_axes=3, out_axes=3)(x, kernel)
  return y.reshape(*y.shape[:3], -1)


def _saves_products(rows, columns, sides, stride):
  """Says whether Winograd's way pays, from the products for each pair of channels.

  Counted are those of the value and of both gradients; that of the image is made at
  every cell that an output sees.
  """
  height, width = sides
  cells = -(-height // stride)
  if uses_reference("winograd") or height != width or cells not in winograd.TRANSFORMS:
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


def zeros_around(size: int, side: int, stride: int) -> int:
  """Returns how many zeros 'SAME' puts at both ends of an axis, half of them before.

  Args:
    size: of the image along the axis.
    side: of the kernel.
    stride: pixels between outputs.
  """
  return max((-(-size // stride) - 1) * stride + side - size, 0)


def _cells(x_bhwc, kernel_shape, stride):
  """Pads and cuts images into cells: [B, rows, columns, stride, stride, C]."""
  pads, counts = [], []
  for size, kernel in zip(x_bhwc.shape[1:3], kernel_shape, strict=True):
    outputs = -(-size // stride)
    zeros = zeros_around(size, kernel, stride)
    count = outputs - 1 + -(-kernel // stride)
    counts.append(count)
    pads.append((zeros // 2, count * stride - size - zeros // 2))
  padded = jnp.pad(x_bhwc, ((0, 0), *pads, (0, 0)))
  rows, columns = counts
  channels = x_bhwc.shape[3]
  cells = padded.reshape(-1, rows, stride, columns, stride, channels)
  return cells.transpose(0, 1, 3, 2, 4, 5)


# (x_bhwc, kernel_hwio, geometry) -> y_bhwo
IMPLEMENTATIONS: dict[str, Callable[..., jax.Array]] = {
  "native": reference,
  "matrix_product": _as_matrix_products,
}
