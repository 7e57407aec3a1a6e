"""The process that compiles: `python -m sgae.aot`, started by `compile.py`."""

import functools
import json
import sys
from time import perf_counter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from sgae import randomness
from sgae.aot import costs, report, roofline
from sgae.config import validate
from sgae.data import placement
from sgae.data.dataset import Split
from sgae.devices.backend import explain_out_of_memory, target_backend
from sgae.devices.mesh import make_mesh, template_on, tpu_slice_devices
from sgae.errors import UserError
from sgae.methods import population
from sgae.methods.inheritance import inherit
from sgae.reporting.console import Console
from sgae.training.calls import compile_steps


def compile_phases(
  config: Any, where: roofline.Slice, images_shape: tuple[int, ...], console: Console
) -> None:
  """Compiles the program that each phase runs, and prints what it tells.

  Args:
    config: validated.
    where: the slice to compile for.
    images_shape: (N, H, W, C) of the training images.
    console: where the lines go.

  Raises:
    UserError: a phase does not fit into the memory of a chip.
  """
  target_backend("tpu")
  devices = tpu_slice_devices(where.name, **where.description)
  members = len(population.members_of(config))
  mesh = make_mesh(config.parallel.devices, devices, members)
  sides = 2 if config.data.second.source or config.data.paired else 1
  placed, source = _placed(config, where, images_shape, sides, mesh)
  console.line(
    report.describe_slice(where, config.parallel.mode, images_shape, placed.resident)
  )
  finished: dict[str, Any] = {}
  kept = 0  # bytes of each chip that earlier phases hold on to
  for name, program in population.build_phases(config, images_shape[1:]).items():
    key, branches = randomness.root_key(config.seed), inherit(name, finished)
    state = template_on(program.init_from, mesh, key, branches, members=members)
    steps = config[name].log_every
    shape = (*([members] if members else []), *program.batch_shape)  # of one step
    examples = _examples(placed, (steps, *shape), images_shape[1:], sides)
    compiled = compile_steps(program, placed, mesh, config.parallel.mode)
    start = perf_counter()
    try:
      with explain_out_of_memory():
        executable = compiled.compile(state, source, examples)
    except UserError as error:
      raise UserError(f"{name} does not fit into {where.name}: {error}") from error
    seconds = perf_counter() - start
    memory = _memory_of(executable, beside=kept + size(examples) // where.chips)
    console.line(f"{name}:")
    images = int(np.prod(shape))
    counted = costs.count(executable.as_text() or "")
    for line in report.describe_phase(counted, memory, where, steps, images, seconds):
      console.line(f"  {line}")
    if memory.total > where.chip.hbm_size:
      raise UserError(
        f"{name} does not fit into {where.name}: it needs {memory.total:,} bytes of a "
        f"chip's {where.chip.hbm_size:,}: lower a batch_size or a width"
      )
    finished[name] = state
    kept += memory.aliased  # its state, donated and given back


def _placed(config, where, images_shape, sides, mesh) -> tuple[Any, Any]:
  """Returns the placement of the examples, and what resident ones are taken from.

  A second side is taken to be as large as the first.
  """
  size_of_all = sides * int(np.prod(images_shape))
  placed = placement.choose(config.data.placement, size_of_all, where.chip.hbm_size)
  source = ()
  if placed.resident:
    source = template_on(lambda: _split(images_shape[:1], images_shape[1:]), mesh)
    source = _of_sides(source, sides)
  return (placed if sides == 1 else placement.for_sides(placed)), source


def _examples(placed: placement.Placement, shape, image_shape, sides: int) -> Any:
  """Returns the shapes of what the host hands to a call: indices, or the examples."""
  examples: Any = jax.ShapeDtypeStruct(shape, jnp.int32)
  if not placed.resident:
    examples = jax.eval_shape(functools.partial(_split, shape, image_shape))
  return _of_sides(examples, sides)


def _of_sides(tree: Any, sides: int) -> Any:
  """Returns what there is of one side, or a pair of it for two."""
  return tree if sides == 1 else (tree, tree)


def _memory_of(executable: Any, beside: int) -> report.Memory:
  """Returns what a program needs of each chip, `beside` other bytes."""
  used = executable.memory_analysis()
  return report.Memory(
    arguments=used.argument_size_in_bytes,
    outputs=used.output_size_in_bytes,
    temporaries=used.temp_size_in_bytes,
    aliased=used.alias_size_in_bytes,
    code=used.generated_code_size_in_bytes,
    beside=beside,
  )


def size(tree: Any) -> int:
  """Returns the bytes of a tree of arrays or of their shapes.

  `jax.ShapeDtypeStruct` has no `nbytes` in JAX 0.10.
  """
  return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def _split(shape, image_shape) -> Split:
  arrays: Any = (
    jnp.zeros((*shape, *image_shape), jnp.uint8),
    jnp.zeros(shape, jnp.int32),
  )
  return Split(*arrays)


def main() -> int:
  """Reads what to compile from the standard input; returns the exit code."""
  request = json.load(sys.stdin)
  console = Console()
  try:
    compile_phases(
      validate(ConfigDict(request["config"])),
      roofline.parse_slice(request["topology"]),
      tuple(request["shape"]),
      console,
    )
  except UserError as error:
    console.error(str(error))
    return error.exit_code
  return 0


if __name__ == "__main__":
  sys.exit(main())
