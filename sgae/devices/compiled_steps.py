"""Compiles many training steps into one call, by jit, shard_map or pmap.

`jit` over global arrays is the reference; `shard_map` and `pmap` give the same results.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from sgae.devices.mesh import AXIS, local_rows, replicate, split_at
from sgae.errors import UserError

Step = Callable[..., tuple[Any, dict[str, jax.Array]]]


class Layout(NamedTuple):
  """How the arrays of a call lie on the devices.

  Attributes:
    state, positions, metrics: partition specs.
    whole_members: whether each device has whole members of a population.
  """

  state: PartitionSpec
  positions: PartitionSpec
  metrics: PartitionSpec
  whole_members: bool


_WHOLE = PartitionSpec()
SINGLE = Layout(_WHOLE, split_at(0), _WHOLE, False)
POPULATION = Layout(split_at(0), _WHOLE, split_at(1), True)

# (source, examples of one step) -> named arrays, images float32 in [-1, 1]
Gather = Callable[[Any, Any], dict[str, jax.Array]]


class CompiledSteps:
  """Many steps in one dispatch: a scan over K steps, compiled once.

  A call runs `state, metrics = step(state, batch)` for each of the K rows of the
  examples and returns the last state and the metrics stacked along a leading axis of K.
  The buffers of the state passed in are donated: it must not be used again.
  """

  def __init__(
    self,
    step: Step,
    gather: Gather,
    mesh: Mesh,
    mode: str,
    batch_shape: tuple,
    members: int = 0,
  ):
    """Binds a step.

    Args:
      step: `step(state, batch, *, axis=None) -> (state, metrics)`.
      gather: `(source, examples of one step) -> named arrays`, run inside the scan.
      mesh: from `make_mesh`.
      mode: a key of `MODES`.
      batch_shape: (B,) or (U, B), the leading axes of one step's examples; B is a
        multiple of the mesh's size.
      members: of a population: the state and the examples of a step have a leading
        axis of them, a multiple of the mesh's size, and it is spread over the devices
        in place of each batch. 0: a single run.
    """
    self.traces = 0
    self._mesh = mesh
    self._batch_size = batch_shape[-1]
    self._members = members
    # What is spread over the devices: its length, and its axis in the examples of a
    # call, whose axis 0 is that of the K steps.
    self._spread = members or self._batch_size
    self._axis = 1 if members else len(batch_shape)

    def many_steps(state, source, examples, positions_b, axis=None):
      self.traces += 1

      def one_step(state, examples_of_step):
        batch = gather(source, examples_of_step) | {"position": positions_b}
        return step(state, batch, axis=axis)

      return jax.lax.scan(one_step, state, examples)

    layout = POPULATION if members else SINGLE
    self._program, self._place = MODES[mode](many_steps, mesh, self._axis, layout)

  @functools.cached_property
  def rows(self) -> np.ndarray:
    """What this process's devices take: positions in a batch, or numbers of members."""
    return local_rows(self._mesh, self._spread)

  @functools.cached_property
  def _positions(self) -> jax.Array:
    if self._members:  # each of them takes whole batches
      return replicate(np.arange(self._batch_size, dtype=np.int32), self._mesh)
    return self._place(self.rows.astype(np.int32), 0, self._put)

  def __call__(self, state: Any, source: Any, examples: Any):
    """Runs K steps.

    Args:
      state: replicated on the mesh, or its members spread over it; donated.
      source: what `gather` reads, replicated on the mesh.
      examples: from `place`.

    Returns:
      (state, metrics), each metric float32 [K], or [K, M] of M members.
    """
    return self._program(state, source, examples, self._positions)

  def place(self, examples: Any) -> Any:
    """Begins to copy the examples of one call to the devices that need them.

    Args:
      examples: array, or tree of arrays, [K, *batch_shape, ...] on the host; of each
        batch, or of the members, only `self.rows`.
    """
    return self._place_all(examples, self._put)

  def _place_all(self, examples, put):
    return jax.tree.map(lambda array: self._place(array, self._axis, put), examples)

  def compile(self, state: Any, source: Any, examples: Any) -> jax.stages.Compiled:
    """Compiles the program of a call, also for devices that this machine lacks.

    Args:
      state, source: as in a call, but from `template_on`.
      examples: shapes and dtypes of what `place` takes, for the whole batch; not for
        the mode 'pmap', which needs values.
    """

    def described(array, sharding, axis):
      del axis
      return jax.ShapeDtypeStruct(array.shape, array.dtype, sharding=sharding)

    placed = self._place_all(examples, described)
    positions = np.arange(self._batch_size, dtype=np.int32)
    if self._members:
      whole = NamedSharding(self._mesh, _WHOLE)
      positions = described(positions, whole, None)
    else:
      positions = self._place(positions, 0, described)
    return self._program.lower(state, source, placed, positions).compile()

  def _put(self, array: np.ndarray, sharding: NamedSharding, axis: int) -> jax.Array:
    if sharding.is_fully_addressable:
      return jax.device_put(array, sharding)
    shape = (*array.shape[:axis], self._spread, *array.shape[axis + 1 :])

    def part(index):
      start, stop, _ = index[axis].indices(self._spread)
      first = np.searchsorted(self.rows, start)
      return array.take(range(first, first + stop - start), axis)

    return jax.make_array_from_callback(shape, sharding, part)


def all_finite(tree: Any) -> bool:
  """Returns whether all floating-point values of a tree are finite."""
  leaves = [
    leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.floating)
  ]
  return bool(_all_finite(leaves))


@jax.jit
def _all_finite(leaves):
  return jnp.all(jnp.stack([jnp.isfinite(leaf).all() for leaf in leaves]))


def _by_jit(many_steps, mesh, examples_axis, layout):
  del examples_axis
  shardings = tuple(NamedSharding(mesh, spec) for spec in (layout.state, _WHOLE))
  program = jax.jit(many_steps, donate_argnums=0, out_shardings=shardings)

  def place(array, axis, put):
    return put(array, NamedSharding(mesh, split_at(axis)), axis)

  return program, place


def _by_shard_map(many_steps, mesh, examples_axis, layout):
  mapped = jax.shard_map(
    many_steps if layout.whole_members else functools.partial(many_steps, axis=AXIS),
    mesh=mesh,
    in_specs=(layout.state, _WHOLE, split_at(examples_axis), layout.positions),
    out_specs=(layout.state, layout.metrics),
    # whole members exchange nothing, so there is nothing to check
    check_vma=not layout.whole_members,
  )
  return _by_jit(mapped, mesh, examples_axis, layout)


def _by_pmap(many_steps, mesh, examples_axis, layout):
  del examples_axis, layout  # it is for single runs
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
