"""Functions of rows that do not see each other, run on all devices, some at a time."""

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
  """Compiles a function of rows that do not see each other, to run on all devices.

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
  whole = NamedSharding(mesh, PartitionSpec())
  spread = NamedSharding(mesh, PartitionSpec(AXIS))

  def flat(tree, rows):
    # An image of one channel is computed number by number on a CPU, a flat one by the
    # vector.
    made = function(tree, rows)
    return jax.tree.map(lambda leaf: leaf.reshape(len(leaf), -1), made)

  program = jax.jit(
    flat,
    in_shardings=(whole, spread),
    out_shardings=whole,
    compiler_options=_if_known(*OWN_PRODUCTS) if is_cpu(mesh) else None,
  )
  batch, made = 0, None

  def at_most(count):
    return max(int(count) // mesh.size, 1) * mesh.size

  def described(rows):
    return jax.ShapeDtypeStruct((batch, *rows.shape[1:]), rows.dtype, sharding=spread)

  def run(tree, rows):
    nonlocal batch, made
    if not batch:
      batch = -(-rows_per_call // mesh.size) * mesh.size
      made = jax.eval_shape(function, tree, described(rows))
      batch = at_most(batch * _share_that_fits(RESULTS, _bytes_of(made)))
      if is_cpu(mesh):
        needed = _temporary_bytes(program.lower(tree, described(rows)).compile())
        batch = at_most(batch * _share_that_fits(KEPT_BY_MALLOC, needed))

    def begin(start):
      # the last call is filled up, so that one program serves any number of rows
      some = rows.take(range(start, start + batch), axis=0, mode="clip")
      placed = jax.make_array_from_callback(some.shape, spread, some.__getitem__)
      started = program(tree, placed)
      jax.tree.map(lambda leaf: leaf.copy_to_host_async(), started)
      return started

    under_way = begin(0)
    results = jax.tree.map(functools.partial(_empty, len(rows)), made)
    for start in range(0, len(rows), batch):
      done = under_way
      if start + batch < len(rows):  # so that neither the devices nor the copy wait
        under_way = begin(start + batch)
      jax.tree.map(functools.partial(_write, start), results, jax.device_get(done))
    return results

  return run


@functools.cache
def _if_known(option: str, value: str) -> dict[str, str] | None:
  """Returns an option of XLA's compiler, or None if another version does without it."""
  options = {option: value}
  try:
    jax.jit(lambda: 0, compiler_options=options).lower().compile()
  except jax.errors.JaxRuntimeError:
    return None
  return options


def _share_that_fits(limit: int, needed: int) -> float:
  return min(1.0, limit / max(needed, 1))


def _bytes_of(made: Any) -> int:
  return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(made))


def _temporary_bytes(compiled: Any) -> int:
  return compiled.memory_analysis().temp_size_in_bytes


def _empty(count, like):
  return np.empty((count, *like.shape[1:]), like.dtype)


def _write(start, into, flat_rows):
  some = into[start : start + len(flat_rows)]
  some[:] = flat_rows[: len(some)].reshape(some.shape)
