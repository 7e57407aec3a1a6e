"""A batch in parts: example i of each part lies beside those of the others.

So a device, which holds neighbouring examples, has its share of every part.
"""

import jax


def deal(leaf_b: jax.Array, parts: int) -> jax.Array:
  """[B, ...] -> [parts, B / parts, ...]; part i holds examples i, i + parts, ..."""
  return leaf_b.reshape(-1, parts, *leaf_b.shape[1:]).swapaxes(0, 1)


def rejoin(leaf_pb: jax.Array) -> jax.Array:
  """[parts, B, ...] -> [parts * B, ...]; the inverse of `deal`."""
  return leaf_pb.swapaxes(0, 1).reshape(-1, *leaf_pb.shape[2:])
