"""Noise has the bits of `jax.random`, however it is computed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgae import randomness

KEY = jax.random.key(7)
POSITIONS = jnp.array([3, 0, 41, 2**31 - 1])


def test_keys_are_those_of_jax_fold_in_and_split():
  def words(key):
    return jax.random.key_data(key).tolist()

  for number in (0, 1, 2**32 - 1):
    assert words(randomness.fold_in(KEY, number)) == words(
      jax.random.fold_in(KEY, number)
    )
  assert [words(randomness.fold_in(KEY, i)) for i in (0, 1)] == words(
    jax.random.split(KEY)
  )


@pytest.mark.parametrize("shape", [(), (7,), (2, 3)], ids=str)
@pytest.mark.parametrize("name", ["uniform", "normal"])
def test_an_example_draws_the_noise_of_its_key(name, shape):
  def from_jax(position):
    key = jax.random.fold_in(KEY, position)
    return getattr(jax.random, name)(key, shape, jnp.float32)

  ours = getattr(randomness, name)(KEY, POSITIONS, shape)
  np.testing.assert_array_equal(ours, jax.vmap(from_jax)(POSITIONS))
