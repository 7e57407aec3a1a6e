"""The product with a gradient of its own equals XLA's, to the second order."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from sgae.devices.mesh import make_mesh
from sgae.kernels import collectives
from sgae.kernels.dense import WIDE, dot_general

pytestmark = pytest.mark.usefixtures("optimised")

NOISE = np.random.default_rng(0)
X = jnp.asarray(NOISE.normal(size=(6, 5)), jnp.float32)
KERNEL = jnp.asarray(NOISE.normal(size=(5, WIDE)), jnp.float32)
DIMENSIONS = (((1,), (0,)), ((), ()))


def loss_of(product):
  def loss(x, kernel):
    return jnp.sum(jnp.sin(product(x, kernel, DIMENSIONS)))

  return loss


def slope_of(product):
  """Returns a function whose derivatives are of the second order, as a penalty's."""

  def slope(x, kernel):
    slopes = jax.grad(loss_of(product), (0, 1))(x, kernel)
    return sum(jnp.sum(s**2) for s in slopes)

  return slope


def assert_close(found, wanted):
  for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
    assert one.dtype == other.dtype
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("function", [loss_of, slope_of])
@pytest.mark.parametrize("outputs", [WIDE - 1, WIDE])
def test_value_and_gradients_are_those_of_the_plain_product(function, outputs):
  kernel = KERNEL[:, :outputs]
  found, wanted = (
    jax.jit(jax.value_and_grad(function(product), (0, 1)))(X, kernel)
    for product in (dot_general, jax.lax.dot_general)
  )
  assert_close(found, wanted)


def test_a_population_in_bfloat16():
  x, kernel = (jnp.stack([a, -2 * a]).astype(jnp.bfloat16) for a in (X, KERNEL))
  found, wanted = (
    jax.vmap(jax.grad(loss_of(product), 1))(x, kernel)
    for product in (dot_general, jax.lax.dot_general)
  )
  assert found.dtype == jnp.bfloat16
  np.testing.assert_allclose(
    found.astype(jnp.float32), wanted.astype(jnp.float32), rtol=0.02, atol=0.02
  )


def test_under_shard_map():
  def local(x, kernel):
    kernel = collectives.varying(kernel, "data")
    return jax.lax.psum(jax.grad(loss_of(dot_general), 1)(x, kernel), "data")

  whole, spread = PartitionSpec(), PartitionSpec("data")
  mapped = jax.shard_map(
    local, mesh=make_mesh(1), in_specs=(spread, whole), out_specs=whole
  )
  assert_close(
    jax.jit(mapped)(X, KERNEL), jax.grad(loss_of(jax.lax.dot_general), 1)(X, KERNEL)
  )
