"""Means and sums over a batch that may be spread over devices.

`axis` is the name of the mapped axis that holds the other parts of the batch, or None
when the array at hand is the whole batch (one device, or `jit` with global arrays).
Every statistic over a batch goes through here, so no step knows how it is compiled.
"""

from typing import Any

import jax
import jax.numpy as jnp


def mean(tree: Any, axis: str | None) -> Any:
  """Returns the mean of each leaf over the devices of `axis`."""
  return tree if axis is None else jax.lax.pmean(tree, axis)


def total(tree: Any, axis: str | None) -> Any:
  """Returns the sum of each leaf over the devices of `axis`."""
  return tree if axis is None else jax.lax.psum(tree, axis)


def batch_mean(x_bk: jax.Array, axis: str | None) -> jax.Array:
  """Returns the mean over the global batch, [B, ...] -> [...]."""
  return mean(x_bk.mean(axis=0), axis)


def batch_minimum(x: jax.Array, axis: str | None) -> jax.Array:
  """Returns the smallest element of an array over all devices, a scalar."""
  return jnp.min(x) if axis is None else jax.lax.pmin(jnp.min(x), axis)


def gathered(x_bk: jax.Array, axis: str | None) -> jax.Array:
  """Returns the rows of all devices, [B, ...] -> [N, ...] of the global batch."""
  return x_bk if axis is None else jax.lax.all_gather(x_bk, axis, tiled=True)


def varying(tree: Any, axis: str | tuple[str, ...] | None) -> Any:
  """Marks leaves that are equal on all devices as free to differ between them.

  Under `shard_map` the gradient with respect to a replicated parameter is summed over
  the devices already; a mean on top of it is then too large by their number.
  """
  if axis is None:
    return tree
  return jax.tree.map(lambda leaf: jax.lax.pcast(leaf, axis, to="varying"), tree)


def alike(*arrays: jax.Array) -> tuple[jax.Array, ...]:
  """Marks arrays as free to differ over every mapped axis over which one of them may.

  What a function with derivatives of its own is given, so that it need not sum those
  of an array that is equal on all devices.
  """
  over = [jax.typeof(array).manual_axis_type.varying for array in arrays]
  every = frozenset().union(*over)

  def marked(array, axes):
    missing = tuple(every - axes)
    return varying(array, missing or None)

  return tuple(map(marked, arrays, over))
