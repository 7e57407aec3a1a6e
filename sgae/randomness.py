"""Random keys as a pure function of (root key, stream name, step, example).

Nothing is ever advanced or stored but the root key, so a resumed run has no position
to lose, and noise is drawn per example from its place in the GLOBAL batch, so the same
seed gives the same run on any number of devices.

The bits are those of `jax.random`. Its hash is written out here because JAX rolls its
rounds into loops on a CPU, which take an eighth of a small step.
"""

import math
import zlib

import jax
import jax.numpy as jnp
import numpy as np

Key = jax.Array


def root_key(seed: int) -> Key:
  """Returns the typed key from which a whole run derives its randomness."""
  return jax.random.key(seed)


def stream_key(root: Key, name: str, step: jax.Array | int = 0) -> Key:
  """Returns the key of stream `name` at `step` (a counter below 2**32)."""
  return fold_in(fold_in(root, zlib.crc32(name.encode())), step)


def is_key(leaf: jax.Array | jax.ShapeDtypeStruct) -> bool:
  """Says whether an array, or the shape of one, is of typed keys."""
  return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def fold_in(key: Key, number: jax.Array | int) -> Key:
  """Returns the key of that number among those that come from `key`.

  As `jax.random.fold_in`; those of 0 and 1 are `jax.random.split(key)`.
  """
  words = _hashed(jax.random.key_data(key), jnp.asarray(number, jnp.uint32))
  return jax.random.wrap_key_data(jnp.stack(words))


def uniform(key: Key, positions_b: jax.Array, shape: tuple[int, ...]) -> jax.Array:
  """Draws noise uniform in [0, 1), one independent draw for each example.

  Args:
    key: the key of this stream and step.
    positions_b: int32 [B], place of each example in the global batch.
    shape: shape of one example's noise.

  Returns:
    float32 [B, *shape]; row i depends on `key` and `positions_b[i]` alone.
  """
  keys = _hashed(jax.random.key_data(key), positions_b.astype(jnp.uint32))
  places = jnp.arange(math.prod(shape), dtype=jnp.uint32)[None]
  # behind a barrier: to fuse two draws, in whose rounds every number is used twice,
  # with what is computed of both takes XLA longer than ten minutes (JAX 0.11.2, 0.12.0)
  first, second = jax.lax.optimization_barrier(
    _hashed([word_b[:, None] for word_b in keys], places)
  )
  # 23 bits behind the leading one: a number in [1, 2)
  bits = ((first ^ second) >> np.uint32(9)) | np.uint32(0x3F800000)
  from_one = jax.lax.bitcast_convert_type(bits, jnp.float32)
  return (from_one - 1).reshape(-1, *shape)


def normal(key: Key, positions_b: jax.Array, shape: tuple[int, ...]) -> jax.Array:
  """Draws standard normal noise with the arguments and result of `uniform`."""
  least = np.nextafter(np.float32(-1), np.float32(0))
  spread = uniform(key, positions_b, shape) * (1 - least) + least
  return np.float32(np.sqrt(2)) * jax.lax.erf_inv(jnp.maximum(least, spread))


ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))


@jax.jit  # so that its 100 operations are traced once for shapes that come again
def _hashed(key, count):
  """Threefry-2x32 of the counter (0, count), 20 rounds: two uint32 arrays.

  Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
  """
  keys = (key[0], key[1], key[0] ^ key[1] ^ np.uint32(0x1BD11BDA))
  first, second = jnp.broadcast_arrays(keys[0], count + keys[1])
  for i in range(5):
    for rotation in ROTATIONS[i % 2]:
      first += second
      second = (second << np.uint32(rotation)) | (second >> np.uint32(32 - rotation))
      second ^= first
    first += keys[(i + 1) % 3]
    second += keys[(i + 2) % 3] + np.uint32(i + 1)
  return first, second
