"""Random keys as a pure function of (root key, stream name, step, example).

Nothing is ever advanced or stored but the root key, so a resumed run has no position
to lose, and noise is drawn per example from its place in the GLOBAL batch, so the same
seed gives the same run on any number of devices.
"""

import zlib

import jax
import jax.numpy as jnp

Key = jax.Array


def root_key(seed: int) -> Key:
  """Returns the typed key from which a whole run derives its randomness."""
  return jax.random.key(seed)


def stream_key(root: Key, name: str, step: jax.Array | int = 0) -> Key:
  """Returns the key of stream `name` at `step` (uint32 counter, wraps at 2**32)."""
  stream = jax.random.fold_in(root, zlib.crc32(name.encode()))
  return jax.random.fold_in(stream, step)


def normal(key: Key, positions_b: jax.Array, shape: tuple[int, ...]) -> jax.Array:
  """Draws standard normal noise, one independent draw for each example.

  Args:
    key: the key of this stream and step.
    positions_b: int32 [B], place of each example in the global batch.
    shape: shape of one example's noise.

  Returns:
    float32 [B, *shape]; row i depends on `key` and `positions_b[i]` alone.
  """
  return _per_example(jax.random.normal, key, positions_b, shape)


def uniform(key: Key, positions_b: jax.Array, shape: tuple[int, ...]) -> jax.Array:
  """Draws noise uniform in [0, 1) with the arguments and result of `normal`."""
  return _per_example(jax.random.uniform, key, positions_b, shape)


def _per_example(draw, key, positions_b, shape):
  def one(position):
    return draw(jax.random.fold_in(key, position), shape, jnp.float32)

  return jax.vmap(one)(positions_b)
