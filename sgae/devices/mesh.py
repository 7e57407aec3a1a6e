"""The device mesh, and how arrays are placed on it.

Devices may be those of this machine, or of a remote TPU slice, for which a program can
be compiled but not run.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils, topologies
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from sgae import randomness
from sgae.devices import machine
from sgae.errors import UserError

AXIS = "data"


def make_mesh(
  devices: int, available: Sequence[Any] | None = None, members: int = 0
) -> Mesh:
  """Returns a mesh of one axis over the first `devices` devices (0: all of them).

  Args:
    devices: number of devices.
    available: the devices to choose from; None: all that JAX finds.
    members: of a population, which are spread over the devices; where these do not
      divide them, fewer devices are taken. 0: a single run.

  Raises:
    UserError: there are fewer devices, or a process would have none.
  """
  if available is None:
    available = _devices()
  if devices > len(available):
    raise UserError(
      f"parallel.devices={devices}, but {len(available)} "
      f"{available[0].platform} device(s) are available: use 0 for all of them"
    )
  most = count = devices or len(available)
  while members and members % count:
    count -= 1
  left_out = {device.process_index for device in available[count:]} - {
    device.process_index for device in available[:count]
  }
  if left_out:
    spread, instead = "", "0 for all devices"
    if count < most:
      spread = f", over which {members} members are spread,"
      instead = f"a multiple of {most} members"
    raise UserError(
      f"parallel.devices={devices}{spread} leaves process {min(left_out)} without a "
      f"device: start fewer processes, or use {instead}"
    )
  return jax.make_mesh(
    (count,), (AXIS,), axis_types=(AxisType.Auto,), devices=available[:count]
  )


def local_mesh() -> Mesh:
  """Returns a mesh over one device of this process, for work without the others."""
  return make_mesh(1, jax.local_devices())


def _devices() -> Sequence[Any]:
  try:
    return jax.devices()
  except (RuntimeError, AssertionError) as error:  # JAX_PLATFORMS names a missing one
    reason = str(error).split("\n")[0] or type(error).__name__
    raise UserError(
      f"JAX finds no devices ({reason}): unset JAX_PLATFORMS, or install JAX for them"
    ) from error


def is_cpu(mesh: Mesh) -> bool:
  """Returns whether a mesh consists of CPU devices."""
  return mesh.devices.flat[0].platform == "cpu"


def tpu_slice_devices(topology: str, **description: Any) -> Sequence[Any]:
  """Returns the chips of a remote TPU slice, to compile for.

  Needs libtpu, and an environment that keeps it from looking for a TPU.

  Args:
    topology: such as 'v5e:2x4'.
    description: libtpu's options for the slice, see `Slice` in sgae/aot/roofline.py.
  """
  return topologies.get_topology_desc(topology, "tpu", **description).devices


def device_memory(mesh: Mesh) -> int:
  """Returns the memory of one device (bytes); CPU devices share the machine's."""
  stats = mesh.local_devices[0].memory_stats()
  if stats is not None:
    return stats["bytes_limit"]
  return machine.memory() // len(mesh.local_devices)


def replicate(tree: Any, mesh: Mesh) -> Any:
  """Returns a copy of the tree, replicated on each device of the mesh."""
  return put(tree, NamedSharding(mesh, PartitionSpec()))


def put(tree: Any, sharding: NamedSharding) -> Any:
  """Returns a copy of the tree, each leaf placed by the sharding."""

  def placed(leaf):
    if randomness.is_key(leaf):
      return jax.random.wrap_key_data(placed(jax.random.key_data(leaf)))
    if jax.process_count() > 1:
      host = np.asarray(leaf)
      return jax.make_array_from_callback(
        host.shape, sharding, lambda index: host[index]
      )
    # Copied: device_put reuses a device's buffer even under may_alias=False (JAX
    # 0.10.2), and donating it later would delete the caller's array.
    copied = jnp.copy(leaf) if isinstance(leaf, jax.Array) else leaf
    return jax.device_put(copied, sharding)

  return jax.tree.map(placed, tree)


def fetch_local(tree: Any) -> Any:
  """Returns one whole local copy of each array, on a device of this process."""

  def fetched(leaf):
    if leaf.is_fully_replicated:
      return leaf.addressable_data(0)
    if randomness.is_key(leaf):
      return jax.random.wrap_key_data(fetched(jax.random.key_data(leaf)))
    return jnp.asarray(multihost_utils.process_allgather(leaf, tiled=True))

  return jax.tree.map(fetched, tree)


def compute_on(
  init: Callable[..., Any], mesh: Mesh, *args: Any, members: int = 0
) -> Any:
  """Returns `init(*args)`, compiled as one program.

  Args:
    init: a pure function.
    mesh: whose devices hold the result.
    args: of `init`.
    members: length of the leading axis that each leaf has, which is spread over the
      devices; 0: the result is replicated on each device.
  """
  # It runs once, so compiling counts: on a CPU this option makes it up to three times
  # as fast, with the same bits.
  options = {"xla_backend_optimization_level": 1} if is_cpu(mesh) else None
  return put(jax.jit(init, compiler_options=options)(*args), _sharding(mesh, members))


def template_on(
  function: Callable[..., Any], mesh: Mesh, *args: Any, members: int = 0
) -> Any:
  """Returns the shapes of what `compute_on` returns, with its shardings, no values."""
  sharding = _sharding(mesh, members)

  def described(leaf):
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)

  return jax.tree.map(described, jax.eval_shape(function, *args))


def take_member(tree: Any, index: int, mesh: Mesh) -> Any:
  """Returns the leaves at an index of their leading axis, replicated on the mesh."""
  return _take(NamedSharding(mesh, PartitionSpec()))(tree, index)


@functools.cache
def _take(sharding: NamedSharding):
  def take(tree, index):
    return jax.tree.map(lambda leaf: leaf[index], tree)

  return jax.jit(take, out_shardings=sharding)


def _sharding(mesh: Mesh, members: int) -> NamedSharding:
  return NamedSharding(mesh, split_at(0) if members else PartitionSpec())


def local_rows(mesh: Mesh, batch_size: int) -> np.ndarray:
  """Returns the positions in a batch that this process's devices take, in order."""
  spread = NamedSharding(mesh, split_at(0))
  parts = spread.addressable_devices_indices_map((batch_size,)).values()
  return np.sort(np.concatenate([np.arange(batch_size)[part] for part in parts]))


def split_at(axis: int) -> PartitionSpec:
  """Returns the spec of arrays whose given axis is divided over the devices."""
  return PartitionSpec(*[None] * axis, AXIS)
