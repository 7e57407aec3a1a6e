"""Applies row-independent functions in batches on all devices."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from sgae.devices.mesh import AXIS, is_cpu

# Temporary bytes of a call on a CPU. Blocks of 32 MiB and more glibc takes from the
# system and gives back each time; their pages cost a convolution half of its speed.
KEPT_BY_MALLOC = 24 << 20
# Bytes of a call's results, at most, unless one row a device is more. From an H200
# copies of 6 MiB were the quickest: those of 3 took 1.4 times as long for the same
# bytes, those of 30, whose memory is new each time, 4 times.
RESULTS = 8 << 20
# XLA's CPU backend has YNN multiply matrices. Told to leave it sums alone it multiplies
# itself: up to 1.2 times as quick where rows are many, but in training, where kernels
# are transposed too, up to 1.4 times as slow (JAX 0.10.2, 2 cores of an AMD EPYC).
OWN_PRODUCTS = ("xla_cpu_experimental_ynn_fusion_type", "LIBRARY_FUSION_TYPE_REDUCE")


def batched_apply(
  function: Callable[..., Any], mesh: Mesh, rows_per_call: int = 1024
) -> Callable[..., Any]:
  """Compiles a row-independent function, to run in batches on all devices.

  Args:
    function: `function(tree, rows) -> tree of arrays with the rows' leading axis`.
    mesh: from `make_mesh`; every process of it calls what is returned.
    rows_per_call: how many rows one compiled call takes; fewer where their results are
      large or, on a CPU, need much memory; a few more where the devices do not divide
      them.

  Returns:
    `run(tree, rows)`: the tree whole on each device of the mesh, of the same shapes at
    each call, as each row is; rows [N, ...] on the host, N >= 1. Gives NumPy arrays
    [N, ...], whole in every process.
  """
  return _BatchedApply(function, mesh, rows_per_call)


class _BatchedApply:
  """A function with what its compiled calls need; see `batched_apply`."""

  def __init__(self, function: Callable[..., Any], mesh: Mesh, rows_per_call: int):
    # compiled within the program; traced once for its shapes and for the program
    self._function, self._mesh = jax.jit(function, inline=True), mesh
    whole = NamedSharding(mesh, PartitionSpec())
    self._spread = NamedSharding(mesh, PartitionSpec(AXIS))
    self._program = jax.jit(
      _flattened(self._function),
      in_shardings=(whole, self._spread),
      out_shardings=whole,
      compiler_options=_if_known(*OWN_PRODUCTS) if is_cpu(mesh) else None,
    )
    self._most = -(-rows_per_call // mesh.size) * mesh.size
    self._batch = 0  # rows of a call; chosen when rows are first seen
    self._shapes: Any = None  # of the results of a call

  def __call__(self, tree: Any, rows: np.ndarray) -> Any:
    if not self._batch:
      self._choose_batch(tree, rows)
    under_way = self._begin(tree, rows, 0)
    results = jax.tree.map(functools.partial(_empty, len(rows)), self._shapes)
    for start in range(0, len(rows), self._batch):
      done, following = under_way, start + self._batch
      if following < len(rows):  # so that neither the devices nor the copy wait
        under_way = self._begin(tree, rows, following)
      jax.tree.map(functools.partial(_write, start), results, jax.device_get(done))
    return results

  def _choose_batch(self, tree, rows) -> None:
    """Takes as many rows a call as fit `RESULTS` and on a CPU `KEPT_BY_MALLOC`."""
    batch = self._most
    self._shapes = jax.eval_shape(self._function, tree, self._described(rows, batch))
    batch = self._share(batch, RESULTS, _bytes_of(self._shapes))
    if is_cpu(self._mesh):
      lowered = self._program.lower(tree, self._described(rows, batch))
      batch = self._share(batch, KEPT_BY_MALLOC, _temporary_bytes(lowered.compile()))
    self._batch = batch

  def _described(self, rows, batch):
    shape = (batch, *rows.shape[1:])
    return jax.ShapeDtypeStruct(shape, rows.dtype, sharding=self._spread)

  def _share(self, batch: int, limit: int, needed: int) -> int:
    """Returns the share of a batch that fits a limit; the devices divide it."""
    fitting = int(batch * min(1.0, limit / max(needed, 1)))
    return max(fitting // self._mesh.size, 1) * self._mesh.size

  def _begin(self, tree, rows, start):
    """Starts a call on the rows from `start` on, and the copy of its results."""
    # the last call is filled up, so that one program serves any number of rows
    part = rows.take(range(start, start + self._batch), axis=0, mode="clip")
    placed = jax.make_array_from_callback(part.shape, self._spread, part.__getitem__)
    started = self._program(tree, placed)
    jax.tree.map(lambda leaf: leaf.copy_to_host_async(), started)
    return started


def _flattened(function: Callable[..., Any]) -> Callable[..., Any]:
  """Returns the function with flat results.

  A CPU computes an image of one channel number by number, a flat one by the vector.
  """

  def flat(tree, rows):
    results = function(tree, rows)
    return jax.tree.map(lambda leaf: leaf.reshape(len(leaf), -1), results)

  return flat


@functools.cache
def _if_known(option: str, value: str) -> dict[str, str] | None:
  """Returns an option of XLA's compiler, or None if another version does without it."""
  options = {option: value}
  try:
    jax.jit(lambda: 0, compiler_options=options).lower().compile()
  except jax.errors.JaxRuntimeError:
    return None
  return options


def _bytes_of(tree: Any) -> int:
  return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def _temporary_bytes(compiled: Any) -> int:
  return compiled.memory_analysis().temp_size_in_bytes


def _empty(count, like):
  return np.empty((count, *like.shape[1:]), like.dtype)


def _write(start, into, flat_rows):
  part = into[start : start + len(flat_rows)]
  part[:] = flat_rows[: len(part)].reshape(part.shape)
