"""The matrix product equals the native convolution, also in gradients of gradients."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.signal import correlate2d

from sgae.networks.convolution import IMPLEMENTATIONS, convolve

CASES = [
  # (height, width), kernel, stride, channels in and out
  ((7, 6), 1, 2, 3, 2),
  ((5, 8), 3, 1, 1, 1),
  ((7, 6), 3, 2, 3, 4),
  ((6, 7), 4, 1, 2, 3),
  ((9, 8), 4, 2, 1, 1),
  ((7, 10), 5, 2, 1, 3),
  ((2, 3), 5, 2, 2, 2),  # images smaller than the kernel
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
    return jnp.sum(jnp.tanh(convolve(images, kernel, stride, implementation)))

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
        return convolve(x, kernel, stride, implementation)

      y, pull = jax.vjp(forward, x, kernel)
      weights = np.random.default_rng(1).normal(size=y.shape).astype(np.float32)
      second = jax.grad(r1, argnums=(0, 1))(x, kernel, stride, implementation)
      return y, pull(jnp.asarray(weights)), second

    return all_of("matrix_product"), all_of("native")

  assert_close(*both(x, kernel))


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_a_convolution_by_hand(implementation):
  x = jnp.arange(1.0, 10.0).reshape(1, 3, 3, 1)
  # the right neighbour plus ten times the one below: a flipped kernel gives another
  kernel = jnp.zeros((3, 3, 1, 1)).at[1, 2].set(1.0).at[2, 1].set(10.0)
  by_hand = [[42, 53, 60], [75, 86, 90], [8, 9, 0]]
  np.testing.assert_array_equal(
    convolve(x, kernel, 1, implementation)[0, :, :, 0], by_hand
  )
  np.testing.assert_array_equal(
    convolve(x, kernel, 2, implementation)[0, :, :, 0], [[42, 60], [8, 0]]
  )


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_a_convolution_sums_the_correlations_that_scipy_gives(implementation):
  x, kernel, _ = arrays(((6, 7), 5, 1, 2, 3))
  for output in range(3):
    expected = sum(
      correlate2d(x[0, ..., i], kernel[..., i, output], mode="same") for i in range(2)
    )
    ours = convolve(x, kernel, 1, implementation)[0, ..., output]
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="is about CPUs")
def test_on_a_cpu_auto_is_the_matrix_product():
  x, kernel, stride = arrays(((7, 6), 3, 2, 3, 4))

  def compiled(implementation):
    function = jax.jit(convolve, static_argnums=(2, 3))
    return str(function.lower(x, kernel, stride, implementation).compile().as_text())

  assert "convolution(" in compiled("native")
  assert "convolution(" not in compiled("auto")
  assert "dot(" in compiled("auto")
  ours = convolve(x, kernel, stride)
  np.testing.assert_array_equal(ours, convolve(x, kernel, stride, "matrix_product"))


def test_auto_goes_through_every_transformation():
  x, kernel, stride = arrays(((7, 6), 3, 2, 3, 4))

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
