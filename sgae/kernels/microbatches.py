"""A batch in parts: example i of each part lies beside those of the others.

So a device, which holds neighbouring examples, has its share of every part.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from sgae.kernels.switch import uses_reference


def deal(leaf_b: jax.Array, parts: int) -> jax.Array:
  """[B, ...] -> [parts, B / parts, ...]; part i holds examples i, i + parts, ..."""
  return leaf_b.reshape(-1, parts, *leaf_b.shape[1:]).swapaxes(0, 1)


def rejoin(leaf_pb: jax.Array) -> jax.Array:
  """[parts, B, ...] -> [parts * B, ...]; the inverse of `deal`."""
  return leaf_pb.swapaxes(0, 1).reshape(-1, *leaf_pb.shape[2:])


def join(parts: Sequence[jax.Array], one_pass: bool) -> list[jax.Array]:
  """Returns parts [B, ...] of one shape as a list of them, or of all in one array.

  The reference keeps them apart.
  """
  one_pass = one_pass and not uses_reference("microbatches")
  return [rejoin(jnp.stack(parts))] if one_pass and parts else list(parts)


def beside(values_b: jax.Array, joined: jax.Array) -> jax.Array:
  """Returns values [B, ...] for each example that `join` made of parts of B."""
  return jnp.repeat(values_b, len(joined) // len(values_b), axis=0)


def part(joined: Sequence[jax.Array], parts: int) -> list[jax.Array]:
  """Returns the parts of what `join` made of so many, or of the same examples."""
  return list(joined if len(joined) == parts else deal(joined[0], parts))
