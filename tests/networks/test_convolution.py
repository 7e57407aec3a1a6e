"""The matrix product equals the native convolution, also in gradients of gradients."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import extend
from jax.interpreters import partial_eval
from scipy.signal import correlate2d

from sgae.kernels.convolution import IMPLEMENTATIONS, convolve, convolve_transposed

pytestmark = pytest.mark.usefixtures("optimised")

CASES = [
  # (height, width), kernel, stride, channels in and out
  ((7, 6), 1, 2, 3, 2),
  ((5, 8), 3, 1, 1, 1),
  ((7, 6), 3, 2, 3, 4),
  ((6, 7), 4, 1, 2, 3),
  ((9, 8), 4, 2, 1, 1),
  ((7, 10), 5, 2, 1, 3),
  ((2, 3), 5, 2, 2, 2),  # images smaller than the kernel
  ((9, 6), 3, 2, 8, 3),  # from here on not narrow
  ((6, 7), 3, 1, 32, 3),
  ((8, 11), 4, 2, 8, 3),
  ((9, 8), 5, 2, 8, 3),
]


def arrays(case):
  (height, width), side, stride, inputs, outputs = case
  random = np.random.default_rng(0)
  x = random.normal(size=(2, height, width, inputs)).astype(np.float32)
  kernel = random.normal(size=(side, side, inputs, outputs)).astype(np.float32)
  return jnp.asarray(x), jnp.asarray(kernel), stride


def r1(x, kernel, stride, implementation):
  """Mean |grad_x sum D|^2 of a discriminator with one hidden layer."""

  def discriminate(images):
    return jnp.sum(jnp.tanh(convolve(images, kernel, stride, 1, implementation)))

  return jnp.mean(jnp.sum(jax.grad(discriminate)(x) ** 2, axis=(1, 2, 3)))


def assert_close(ours, native):
  for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(native), strict=True):
    assert a.shape == b.shape
    assert np.max(np.abs(a - b)) <= 1e-4 * np.max(np.abs(b))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_matrix_product_is_the_native_convolution(case):
  x, kernel, stride = arrays(case)

  @jax.jit
  def both(x, kernel):
    def all_of(implementation):
      def forward(x, kernel):
        return convolve(x, kernel, stride, 1, implementation)

      y, pull = jax.vjp(forward, x, kernel)
      weights = np.random.default_rng(1).normal(size=y.shape).astype(np.float32)
      second = jax.grad(r1, argnums=(0, 1))(x, kernel, stride, implementation)
      return y, pull(jnp.asarray(weights)), second

    return all_of("matrix_product"), all_of("native")

  assert_close(*both(x, kernel))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_transpose_is_the_same_in_both(case):
  """Its values, gradients, and gradients of gradients (R1 of a generator's images)."""
  x, kernel, stride = arrays(case)
  small = jnp.asarray(
    np.random.default_rng(2).normal(size=convolve(x, kernel, stride).shape), jnp.float32
  )

  @jax.jit
  def both(small, kernel):
    def all_of(implementation):
      def spread(small, kernel):
        return convolve_transposed(small, kernel, stride, case[0], implementation)

      def steepness(small, kernel):
        bent = jax.grad(lambda y: jnp.sum(jnp.tanh(spread(y, kernel))))(small)
        return jnp.mean(jnp.sum(bent**2, axis=(1, 2, 3)))

      image, pull = jax.vjp(spread, small, kernel)
      second = jax.grad(steepness, argnums=(0, 1))(small, kernel)
      return image, pull(x), second

    return all_of("matrix_product"), all_of("native")

  ours, native = both(small, kernel)
  assert_close(ours, native)
  # <convolve(x), y> = <x, transpose(y)> is what makes it the transpose
  forward = jnp.vdot(convolve(x, kernel, stride), small)
  np.testing.assert_allclose(jnp.vdot(x, ours[0]), forward, rtol=1e-4)


def test_groups_do_not_see_each_other():
  x, kernel, _ = arrays(((7, 6), 3, 2, 4, 6))
  for implementation in IMPLEMENTATIONS:
    together = convolve(x, kernel[:, :, :2], 2, 2, implementation)
    for group in range(2):
      mine = (..., slice(3 * group, 3 * group + 3))
      alone = convolve(x[..., 2 * group : 2 * group + 2], kernel[:, :, :2][mine], 2)
      np.testing.assert_allclose(together[mine], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_a_transpose_by_hand(implementation):
  """Each input writes its kernel where the convolution had read it."""
  y = jnp.array([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 2, 2, 1)
  kernel = jnp.array([[1.0, 10.0], [100.0, 1000.0]]).reshape(2, 2, 1, 1)
  image = convolve_transposed(y, kernel, 2, (4, 4), implementation)[0, :, :, 0]
  by_hand = [[1, 10, 2, 20], [100, 1000, 200, 2000]]
  by_hand += [[3, 30, 4, 40], [300, 3000, 400, 4000]]
  np.testing.assert_array_equal(image, by_hand)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_a_convolution_by_hand(implementation):
  x = jnp.arange(1.0, 10.0).reshape(1, 3, 3, 1)
  # the right neighbour plus ten times the one below: a flipped kernel gives another
  kernel = jnp.zeros((3, 3, 1, 1)).at[1, 2].set(1.0).at[2, 1].set(10.0)
  by_hand = [[42, 53, 60], [75, 86, 90], [8, 9, 0]]
  np.testing.assert_array_equal(
    convolve(x, kernel, 1, 1, implementation)[0, :, :, 0], by_hand
  )
  np.testing.assert_array_equal(
    convolve(x, kernel, 2, 1, implementation)[0, :, :, 0], [[42, 60], [8, 0]]
  )


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_a_convolution_sums_the_correlations_that_scipy_gives(implementation):
  x, kernel, _ = arrays(((6, 7), 5, 1, 2, 3))
  for output in range(3):
    expected = sum(
      correlate2d(x[0, ..., i], kernel[..., i, output], mode="same") for i in range(2)
    )
    ours = convolve(x, kernel, 1, 1, implementation)[0, ..., output]
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("stride", [1, 2])
def test_derivatives_with_groups_are_those_of_the_matrix_product(stride):
  x, kernel, _ = arrays(((9, 8), 3, 1, 16, 6))
  kernel = kernel[:, :, :8]

  @jax.jit
  def both(x, kernel):
    def all_of(implementation):
      def loss(x, kernel):
        return jnp.sum(jnp.tanh(convolve(x, kernel, stride, 2, implementation)))

      def steepness(x, kernel):
        slopes = jax.grad(loss, argnums=(0, 1))(x, kernel)
        return sum(jnp.sum(slope**2) for slope in slopes)

      arguments = (0, 1)
      return jax.grad(loss, arguments)(x, kernel), jax.grad(steepness, arguments)(
        x, kernel
      )

    return all_of("matrix_product"), all_of("native")

  assert_close(*both(x, kernel))


def test_a_gpu_sees_every_gradient_of_a_kernel_as_one():
  """Over all of the image, spread by the stride, of an image that is not."""
  x, kernel, stride = arrays(((8, 8), 3, 2, 8, 3))
  y = convolve(x, kernel, stride)

  def steepness(kernel):
    def loss(y):
      image = convolve_transposed(y, kernel, stride, (8, 8), "native")
      return jnp.sum(jnp.tanh(image) ** 2)

    return r1(x, kernel, stride, "native") + jnp.sum(jax.grad(loss)(y) ** 2)

  jaxpr = jax.make_jaxpr(jax.grad(steepness))(kernel).jaxpr
  used, _ = partial_eval.dce_jaxpr(jaxpr, [True])  # as compilers see it
  found = list(convolutions(used))
  of_kernels = [p for shape, p in found if shape == (3, 3)]
  assert len(of_kernels) == 4  # two of each convolution
  for params in of_kernels:
    assert params["lhs_dilation"] == (1, 1)
    assert params["rhs_dilation"] == (stride, stride)


def convolutions(jaxpr):
  """Yields (places of the result, parameters) of every convolution, inner ones too."""
  for equation in jaxpr.eqns:
    if equation.primitive.name == "conv_general_dilated":
      places = equation.params["dimension_numbers"].out_spec[2:]
      shape = equation.outvars[0].aval.shape
      yield tuple(shape[place] for place in places), equation.params
    for inner in extend.core.jaxprs_in_params(equation.params):
      yield from convolutions(inner)


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="is about CPUs")
def test_on_a_cpu_auto_is_the_matrix_product():
  x, kernel, stride = arrays(((9, 6), 3, 2, 8, 3))

  def compiled(implementation):
    function = jax.jit(convolve, static_argnums=(2, 3, 4))
    lowered = function.lower(x, kernel, stride, 1, implementation)
    return str(lowered.compile().as_text())

  assert "convolution(" in compiled("native")
  assert "convolution(" not in compiled("auto")
  assert "dot(" in compiled("auto")
  ours = convolve(x, kernel, stride)
  np.testing.assert_array_equal(ours, convolve(x, kernel, stride, 1, "matrix_product"))


def test_auto_goes_through_every_transformation():
  x, kernel, stride = arrays(((9, 6), 3, 2, 8, 3))

  def second_order(x, kernel, implementation):
    return jax.grad(r1, argnums=1)(x, kernel, stride, implementation)

  @functools.partial(jax.jit, static_argnums=0)
  def all_of(implementation):
    def step(kernel, some):
      gradient = second_order(some[None], kernel, implementation)
      return kernel - 1e-4 * gradient, gradient

    kernels = jnp.stack([kernel, 2 * kernel])
    over_kernels = jax.vmap(lambda k: second_order(x, k, implementation))(kernels)
    return over_kernels, jax.lax.scan(step, kernel, x)

  assert_close(all_of("auto"), all_of("native"))
