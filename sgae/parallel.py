"""Devices: the mesh, placing of arrays, compilation. No other file names any of them.

One pure step is compiled in one of three ways that agree: `jit` over global arrays
(the reference), `shard_map`, and `pmap`.
"""

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from sgae.errors import UserError
from sgae.training.states import Batch

AXIS = "data"

Step = Callable[..., tuple[Any, dict[str, jax.Array]]]
# (indices of one step's examples, source) -> float images in [-1, 1]
Gather = Callable[[jax.Array, jax.Array], jax.Array]


def make_mesh(devices: int) -> Mesh:
  """Returns a mesh of one axis over the first `devices` devices (0: all of them).

  Raises:
    UserError: if there are fewer devices.
  """
  try:
    available = jax.devices()
  except (RuntimeError, AssertionError) as error:  # a platform that is not there
    reason = str(error).split("\n")[0] or type(error).__name__
    raise UserError(
      f"JAX finds no devices ({reason}): unset JAX_PLATFORMS, or install JAX for them"
    ) from error
  if devices > len(available):
    raise UserError(
      f"parallel.devices={devices}, but {len(available)} "
      f"{available[0].platform} device(s) are here: use 0 for all of them"
    )
  count = devices or len(available)
  return jax.make_mesh(
    (count,), (AXIS,), axis_types=(AxisType.Auto,), devices=available[:count]
  )


def replicate(tree: Any, mesh: Mesh) -> Any:
  """Returns the tree with every leaf whole on each device, in buffers of its own."""
  whole = NamedSharding(mesh, PartitionSpec())

  def placed(leaf):
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
      return jax.random.wrap_key_data(placed(jax.random.key_data(leaf)))
    if jax.process_count() > 1:
      return _placed(np.asarray(leaf), whole)
    # device_put reuses a device's buffer even under may_alias=False (JAX 0.10.2); when
    # it is donated later, the caller's array would be gone
    own = jnp.copy(leaf) if isinstance(leaf, jax.Array) else leaf
    return jax.device_put(own, whole)

  return jax.tree.map(placed, tree)


def at_hand(tree: Any) -> Any:
  """Returns replicated arrays as they lie on one device of this process."""
  return jax.tree.map(lambda leaf: leaf.addressable_data(0), tree)


def template(function: Callable[..., Any], mesh: Mesh, *args: Any) -> Any:
  """Returns the shapes of `function(*args)`, to be whole on each device; no values."""
  whole = NamedSharding(mesh, PartitionSpec())

  def described(leaf):
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=whole)

  return jax.tree.map(described, jax.eval_shape(function, *args))


@contextmanager
def out_of_memory_explained() -> Iterator[None]:
  """Turns a device's lack of memory inside the block into one line for the user."""
  try:
    yield
  except jax.errors.JaxRuntimeError as error:
    if "RESOURCE_EXHAUSTED" not in str(error):
      raise
    raise UserError(
      f"the device is out of memory ({str(error).splitlines()[0][:150]}): lower a "
      "batch_size or raise train.microbatches, then run the same command again"
    ) from error


class CompiledSteps:
  """Many steps in one dispatch: a scan over K steps, compiled once.

  Calling it runs `state, metrics = step(state, batch)` for each row of the indices
  and returns the last state and the metrics stacked along a leading axis of K. The
  given state's buffers are donated: it must not be used again.
  """

  def __init__(self, step: Step, gather: Gather, mesh: Mesh, mode: str):
    """Binds a step.

    Args:
      step: `step(state, batch, *, axis=None) -> (state, metrics)`.
      gather: `(source, indices) -> images`, run inside the scan.
      mesh: from `make_mesh`.
      mode: a key of `MODES`.
    """
    self.traces = 0

    def many_steps(state, source, indices, positions_b, axis=None):
      self.traces += 1

      def one_step(state, indices_of_step):
        return step(
          state, Batch(gather(source, indices_of_step), positions_b), axis=axis
        )

      return jax.lax.scan(one_step, state, indices)

    self._run = MODES[mode](many_steps, mesh)

  def __call__(self, state: Any, source: jax.Array, indices: np.ndarray):
    """Runs K steps.

    Args:
      state: replicated on the mesh; donated.
      source: what `gather` reads, replicated on the mesh.
      indices: int32 [K, ..., B] on the host, B divisible by the mesh's size.

    Returns:
      (state, metrics), each metric float32 [K].
    """
    positions = np.arange(indices.shape[-1], dtype=np.int32)
    return self._run(state, source, indices, positions)


def compile_function(function: Callable[..., Any]) -> Callable[..., Any]:
  """Compiles a pure function of arrays that are whole on every device."""
  return jax.jit(function)


def all_finite(tree: Any) -> bool:
  """Says whether every number of a tree is finite (keys and integers always are)."""
  leaves = [
    leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.floating)
  ]
  return bool(_all_finite(leaves))


@jax.jit
def _all_finite(leaves):
  return jnp.all(jnp.stack([jnp.isfinite(leaf).all() for leaf in leaves]))


def keep_compiled_programs(directory: Path) -> None:
  """Keeps compiled programs on disk, so that the second start need not compile.

  Where the directory cannot be written they are not kept, and the run is no worse.
  """
  try:
    directory.mkdir(parents=True, exist_ok=True)
  except OSError:
    return
  if not os.access(directory, os.W_OK):
    return
  jax.config.update("jax_compilation_cache_dir", str(directory))
  jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def _batch_spec(dimensions: int) -> PartitionSpec:
  return PartitionSpec(*[None] * (dimensions - 1), AXIS)


def _split_batch(array: np.ndarray, mesh: Mesh) -> jax.Array:
  return _placed(array, NamedSharding(mesh, _batch_spec(array.ndim)))


def _placed(array: np.ndarray, sharding: NamedSharding) -> jax.Array:
  """Places what every process holds whole; each device is given its part of it."""
  if sharding.is_fully_addressable:
    return jax.device_put(array, sharding)
  return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])


def _by_jit(many_steps, mesh):
  whole = NamedSharding(mesh, PartitionSpec())
  compiled = jax.jit(many_steps, donate_argnums=0, out_shardings=(whole, whole))

  def run(state, source, indices, positions):
    return compiled(
      state, source, _split_batch(indices, mesh), _split_batch(positions, mesh)
    )

  return run


def _by_shard_map(many_steps, mesh):
  whole = PartitionSpec()

  def mapped(state, source, indices, positions_b):
    return jax.shard_map(
      functools.partial(many_steps, axis=AXIS),
      mesh=mesh,
      in_specs=(whole, whole, _batch_spec(indices.ndim), _batch_spec(1)),
      out_specs=(whole, whole),
    )(state, source, indices, positions_b)

  return _by_jit(mapped, mesh)


def _by_pmap(many_steps, mesh):
  if jax.process_count() > 1:
    raise UserError("parallel.mode='pmap' is for one process: choose jit or shard_map")
  compiled = jax.pmap(
    functools.partial(many_steps, axis=AXIS),
    axis_name=AXIS,
    in_axes=(None, None, 0, 0),
    out_axes=(None, None),
    devices=list(mesh.devices.flat),
    donate_argnums=0,
  )

  def run(state, source, indices, positions):
    def by_device(array):
      parts = np.stack(np.split(array, mesh.size, axis=-1))
      return jax.device_put(parts, NamedSharding(mesh, PartitionSpec(AXIS)))

    return compiled(state, source, by_device(indices), by_device(positions))

  return run


MODES = {"jit": _by_jit, "shard_map": _by_shard_map, "pmap": _by_pmap}
