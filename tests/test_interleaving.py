"""The examples of microbatches are interleaved in a batch."""

import jax.numpy as jnp

from sgae.kernels.microbatches import deal, rejoin


def test_deal_is_the_inverse_of_rejoin():
  numbers = jnp.arange(6.0).reshape(3, 2)
  together = rejoin(jnp.stack([numbers, -numbers]))
  assert together[:3].tolist() == [[0, 1], [0, -1], [2, 3]]
  first, second = deal(together.sum(axis=1), 2)
  assert (first.tolist(), second.tolist()) == ([1, 5, 9], [-1, -5, -9])
  assert deal(together, 2).tolist() == [numbers.tolist(), (-numbers).tolist()]
