"""The few largest of many are found in two stages as in one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgae.kernels import top_k


@pytest.mark.parametrize("width", [256, 1024], ids=str)
def test_blocks_give_the_largest_as_well(width):
  values = jax.random.normal(jax.random.key(0), (40, width))
  found, places = top_k._by_blocks(values, 4)
  np.testing.assert_array_equal(found, jax.lax.top_k(values, 4)[0])
  np.testing.assert_array_equal(places, jax.lax.top_k(values, 4)[1])


@pytest.mark.parametrize("width", [100, 512, 1024], ids=str)
def test_top_k_is_that_of_jax(width):
  # with many equal numbers, and rows of one number alone
  values = jnp.round(jax.random.normal(jax.random.key(0), (40, width)), 1)
  values = values.at[0].set(0.0)
  found, places = top_k.top_k(values, 4)
  np.testing.assert_array_equal(found, jax.lax.top_k(values, 4)[0])
  np.testing.assert_array_equal(jnp.take_along_axis(values, places, axis=1), found)
  assert all(len(set(row)) == 4 for row in places.tolist())


def test_blocks_are_looked_at_first_where_few_of_many_are_asked_for():
  def tops(width):
    values = jax.ShapeDtypeStruct((2, width), jnp.float32)
    return str(jax.make_jaxpr(lambda x: top_k.top_k(x, 4))(values)).count("top_k[")

  assert tops(top_k.FEW * top_k.BLOCK * 4) == 2
  # on a GPU from fewer on: its program, and the other one
  assert tops(top_k.FEW_ON_GPU * top_k.BLOCK * 4) > 2
  assert tops(top_k.BLOCK * 4) == 1
