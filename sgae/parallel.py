"""Devices: the mesh, placing of arrays, compilation of steps.

No other file but sgae/over_rows.py names a device, a mesh or a compiler.

One pure step is compiled in one of three ways that agree: `jit` over global arrays
(the reference), `shard_map`, and `pmap`. Devices may be those at hand, or those of a
TPU slice that is not: a program for them can be compiled, not run.
"""

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import topologies
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from sgae import machine
from sgae.errors import UserError
from sgae.training.states import Batch

AXIS = "data"

Step = Callable[..., tuple[Any, dict[str, jax.Array]]]
# (source, examples of one step) -> (float images in [-1, 1], labels)
Gather = Callable[[Any, Any], tuple[jax.Array, jax.Array]]


def make_mesh(devices: int, available: Sequence[Any] | None = None) -> Mesh:
  """Returns a mesh of one axis over the first `devices` devices (0: all of them).

  Args:
    devices: how many.
    available: of these; None: of those at hand.

  Raises:
    UserError: if there are fewer devices.
  """
  if available is None:
    available = _devices_at_hand()
  if devices > len(available):
    raise UserError(
      f"parallel.devices={devices}, but {len(available)} "
      f"{available[0].platform} device(s) are here: use 0 for all of them"
    )
  count = devices or len(available)
  left_out = {device.process_index for device in available[count:]} - {
    device.process_index for device in available[:count]
  }
  if left_out:
    raise UserError(
      f"parallel.devices={devices} leaves process {min(left_out)} without a device: "
      "start fewer processes, or use 0 for all devices"
    )
  return jax.make_mesh(
    (count,), (AXIS,), axis_types=(AxisType.Auto,), devices=available[:count]
  )


def mesh_of_this_process() -> Mesh:
  """Returns a mesh over one device of this process, for what it does by itself."""
  return make_mesh(1, jax.local_devices())


def _devices_at_hand() -> Sequence[Any]:
  try:
    return jax.devices()
  except (RuntimeError, AssertionError) as error:  # a platform that is not there
    reason = str(error).split("\n")[0] or type(error).__name__
    raise UserError(
      f"JAX finds no devices ({reason}): unset JAX_PLATFORMS, or install JAX for them"
    ) from error


_target: str | None = None


def build_for(backend: str) -> None:
  """Has all steps that this process builds fit a backend that is not at hand."""
  global _target
  _target = backend


def on_gpu() -> bool:
  """Says whether steps will run on GPUs; some are written in another way for them."""
  return _backend() == "gpu"


def multiplies_in_full() -> bool:
  """Says whether products of float32 are so; GPUs and TPUs multiply fewer bits."""
  return _backend() == "cpu"


def _backend():
  return _target or jax.default_backend()


def on_cpu(mesh: Mesh) -> bool:
  """Says whether a mesh is of CPU devices."""
  return mesh.devices.flat[0].platform == "cpu"


def slice_devices(topology: str, **description: Any) -> Sequence[Any]:
  """Returns the chips of a TPU slice that need not be here, to compile for.

  Needs libtpu, and an environment that keeps it from looking for a TPU.

  Args:
    topology: such as 'v5e:2x4'.
    description: what libtpu takes to describe it, see `Slice` in sgae/tpu/roofline.py.
  """
  return topologies.get_topology_desc(topology, "tpu", **description).devices


def memory_of_device(mesh: Mesh) -> int:
  """Returns the memory of one device (bytes); CPU devices share the machine's."""
  stats = mesh.local_devices[0].memory_stats()
  if stats is not None:
    return stats["bytes_limit"]
  return machine.memory() // len(mesh.local_devices)


def replicate(tree: Any, mesh: Mesh) -> Any:
  """Returns the tree with every leaf whole on each device, in buffers of its own."""
  whole = NamedSharding(mesh, PartitionSpec())

  def placed(leaf):
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
      return jax.random.wrap_key_data(placed(jax.random.key_data(leaf)))
    if jax.process_count() > 1:
      host = np.asarray(leaf)
      return jax.make_array_from_callback(host.shape, whole, lambda index: host[index])
    # device_put reuses a device's buffer even under may_alias=False (JAX 0.10.2); when
    # it is donated later, the caller's array would be gone
    own = jnp.copy(leaf) if isinstance(leaf, jax.Array) else leaf
    return jax.device_put(own, whole)

  return jax.tree.map(placed, tree)


def at_hand(tree: Any) -> Any:
  """Returns replicated arrays as they lie on one device of this process."""
  return jax.tree.map(lambda leaf: leaf.addressable_data(0), tree)


def created(init: Callable[..., Any], mesh: Mesh, *args: Any) -> Any:
  """Returns `init(*args)`, computed as one program, whole on each device."""
  # it runs once: a CPU compiles it up to three times as quickly, to the same bits
  options = {"xla_backend_optimization_level": 1} if on_cpu(mesh) else None
  return replicate(jax.jit(init, compiler_options=options)(*args), mesh)


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

  Calling it runs `state, metrics = step(state, batch)` for each of the K rows of the
  examples and returns the last state and the metrics stacked along a leading axis of K.
  The given state's buffers are donated: it must not be used again.
  """

  def __init__(
    self, step: Step, gather: Gather, mesh: Mesh, mode: str, batch_shape: tuple
  ):
    """Binds a step.

    Args:
      step: `step(state, batch, *, axis=None) -> (state, metrics)`.
      gather: `(source, examples of one step) -> (images, labels)`, run inside the
        scan.
      mesh: from `make_mesh`.
      mode: a key of `MODES`.
      batch_shape: (B,) or (U, B), the leading axes of one step's examples; the mesh's
        size divides B.
    """
    self.traces = 0
    self._mesh = mesh
    self._batch_size = batch_shape[-1]
    self._batch_axis = len(batch_shape)  # axis 0 is that of the K steps

    def many_steps(state, source, examples, positions_b, axis=None):
      self.traces += 1

      def one_step(state, examples_of_step):
        images, labels = gather(source, examples_of_step)
        return step(state, Batch(images, labels, positions_b), axis=axis)

      return jax.lax.scan(one_step, state, examples)

    self._program, self._place = MODES[mode](many_steps, mesh, self._batch_axis)

  @functools.cached_property
  def rows(self) -> np.ndarray:
    """Which examples of a batch the devices of this process take, in order."""
    return rows_at_hand(self._mesh, self._batch_size)

  @functools.cached_property
  def _positions(self) -> jax.Array:
    return self._place(self.rows.astype(np.int32), 0, self._put)

  def __call__(self, state: Any, source: Any, examples: Any):
    """Runs K steps.

    Args:
      state: replicated on the mesh; donated.
      source: what `gather` reads, replicated on the mesh.
      examples: from `place`.

    Returns:
      (state, metrics), each metric float32 [K].
    """
    return self._program(state, source, examples, self._positions)

  def place(self, examples: Any) -> Any:
    """Begins to move the examples of one call to the devices that will need them.

    Args:
      examples: array, or tree of arrays, [K, *batch_shape, ...] on the host, of the
        batch only `self.rows`: what the devices of this process take.
    """
    return self._place_all(examples, self._put)

  def _place_all(self, examples, put):
    return jax.tree.map(
      lambda array: self._place(array, self._batch_axis, put), examples
    )

  def compile(self, state: Any, source: Any, examples: Any) -> jax.stages.Compiled:
    """Compiles what a call would run, for devices that need not be here.

    Args:
      state, source: as in a call, but from `template`.
      examples: shapes and dtypes of what `place` takes, for the whole batch; not in
        the mode 'pmap', which arranges values.
    """

    def described(array, sharding, axis):
      del axis
      return jax.ShapeDtypeStruct(array.shape, array.dtype, sharding=sharding)

    placed = self._place_all(examples, described)
    positions = self._place(np.arange(self._batch_size, dtype=np.int32), 0, described)
    return self._program.lower(state, source, placed, positions).compile()

  def _put(self, array: np.ndarray, sharding: NamedSharding, axis: int) -> jax.Array:
    if sharding.is_fully_addressable:
      return jax.device_put(array, sharding)
    shape = (*array.shape[:axis], self._batch_size, *array.shape[axis + 1 :])

    def part(index):
      start, stop, _ = index[axis].indices(self._batch_size)
      first = np.searchsorted(self.rows, start)
      return array.take(range(first, first + stop - start), axis)

    return jax.make_array_from_callback(shape, sharding, part)


def rows_at_hand(mesh: Mesh, batch_size: int) -> np.ndarray:
  """Returns which examples of a batch the devices of this process take, in order."""
  spread = NamedSharding(mesh, _split_at(0))
  parts = spread.addressable_devices_indices_map((batch_size,)).values()
  return np.sort(np.concatenate([np.arange(batch_size)[part] for part in parts]))


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


def check_strictly() -> None:
  """Turns on the checks of `config.debug`, for the rest of this process."""
  jax.config.update("jax_debug_nans", True)
  jax.config.update("jax_debug_key_reuse", True)
  jax.config.update("jax_numpy_rank_promotion", "raise")


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


def _split_at(axis: int) -> PartitionSpec:
  return PartitionSpec(*[None] * axis, AXIS)


# Each mode gives a program of (state, source, examples, positions), and a function that
# places an array whose given axis is the batch's: (array, axis, put) -> placed, where
# `put(array, sharding, axis)` does the moving.


def _by_jit(many_steps, mesh, batch_axis):
  del batch_axis
  whole = NamedSharding(mesh, PartitionSpec())
  program = jax.jit(many_steps, donate_argnums=0, out_shardings=(whole, whole))

  def place(array, axis, put):
    return put(array, NamedSharding(mesh, _split_at(axis)), axis)

  return program, place


def _by_shard_map(many_steps, mesh, batch_axis):
  whole = PartitionSpec()
  mapped = jax.shard_map(
    functools.partial(many_steps, axis=AXIS),
    mesh=mesh,
    in_specs=(whole, whole, _split_at(batch_axis), _split_at(0)),
    out_specs=(whole, whole),
  )
  return _by_jit(mapped, mesh, batch_axis)


def _by_pmap(many_steps, mesh, batch_axis):
  del batch_axis
  if jax.process_count() > 1:
    raise UserError("parallel.mode='pmap' is for one process: choose jit or shard_map")
  program = jax.pmap(
    functools.partial(many_steps, axis=AXIS),
    axis_name=AXIS,
    in_axes=(None, None, 0, 0),
    out_axes=(None, None),
    devices=list(mesh.devices.flat),
    donate_argnums=0,
  )

  def place(array, axis, put):
    by_device = np.stack(np.split(array, mesh.size, axis=axis))
    return put(by_device, NamedSharding(mesh, PartitionSpec(AXIS)), 0)

  return program, place


MODES = {"jit": _by_jit, "shard_map": _by_shard_map, "pmap": _by_pmap}
