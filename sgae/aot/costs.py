"""Counts the work of a compiled TPU program from its text: FLOP, HBM, collectives.

XLA's own cost analysis is wrong for this (JAX 0.10.2, libtpu 0.0.42): it counts the
body of a loop once, whatever its number of iterations; it counts a gather from the
resident images as a read of all of them; and it does not distinguish HBM from on-chip
memory. The text has what is needed: the end of each loop, and the tiling and memory
space of each array.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from sgae.aot.hlo import Array, Computation, Instruction, parse


class Product(NamedTuple):
  """A product [m, k] x [k, n], run `times` times in `passes` bf16 passes each."""

  m: int
  k: int
  n: int
  passes: int
  times: int

  @property
  def flops(self) -> int:
    """FLOP of all its runs; a multiplication and an addition count as two."""
    return 2 * self.m * self.k * self.n * self.times


class Collective(NamedTuple):
  """A collective with a result of `bytes` bytes on each chip, run `times` times."""

  kind: str
  bytes: int
  times: int


class Costs(NamedTuple):
  """What one chip does in one call of a program.

  Attributes:
    products: its matrix products.
    hbm_bytes: values read from HBM and written to it [bytes].
    hbm_padded_bytes: the same including the padding of tiles, which is moved too.
    collectives: its exchanges with other chips.
    cycles: sum of the compiler's own estimates of its operations [clock cycles]; there
      are none for copies, gathers and collectives.
  """

  products: list[Product]
  hbm_bytes: int
  hbm_padded_bytes: int
  collectives: list[Collective]
  cycles: int

  @property
  def flops(self) -> int:
    """FLOP of all matrix products."""
    return sum(product.flops for product in self.products)


COLLECTIVES = (
  "all-reduce",
  "all-gather",
  "reduce-scatter",
  "all-to-all",
  "collective-permute",
)
# These only name data, or run a computation whose instructions are counted.
_MOVES_NOTHING = {
  "after-all",
  "async-start",
  "bitcast",
  "call",
  "conditional",
  "constant",
  "get-tuple-element",
  "opt-barrier",
  "parameter",
  "partition-id",
  "tuple",
  "while",
}
_READS_A_PART = {"dynamic-slice", "gather", "slice"}
_PASSES = {"high": 3, "highest": 6}  # of jax.lax.Precision, for float32


def count(text: str) -> Costs:
  """Counts one call of a program; of each conditional, the most expensive branch.

  Args:
    text: the optimized program of one chip, `jax.stages.Compiled.as_text()`.

  Raises:
    ValueError: the text lacks a loop's number of iterations, or a matrix product is not
      written as a convolution, as all are on a TPU.
  """
  products: list[Product] = []
  collectives: list[Collective] = []
  moved = padded = cycles = 0
  for instruction, times, fused in _executed(parse(text), 1, False):
    if instruction.opcode == "convolution":
      products.append(_product(instruction, times))
    if instruction.opcode == "dot":
      raise ValueError(f"{instruction.name} is a dot")
    for kind, begun in _begun(instruction, fused):
      payload = sum(array.bytes for array in begun.arrays)
      collectives.append(Collective(kind, payload, times))
    if fused:
      continue
    for array in _moved(instruction):
      moved += times * array.bytes
      padded += times * array.padded_bytes
    estimate = re.search(r'"estimated_cycles":"(\d+)"', instruction.rest)
    cycles += times * int(estimate[1]) if estimate else 0
  return Costs(products, moved, padded, collectives, cycles)


def _begun(instruction: Instruction, fused: bool) -> Iterator[tuple[str, Instruction]]:
  """Yields the exchanges that an instruction begins, by kind.

  An asynchronous one is written into the fusion that begins it, into all that run
  beside it, and into the one that ends it.
  """
  begins = 'target="AsyncCollectiveStart"' in instruction.rest
  if fused and not begins:
    return
  for each in instruction.operands if begins else [instruction]:
    kind = each.opcode.removesuffix("-start")
    if kind in COLLECTIVES:
      yield kind, each


def _executed(
  computation: Computation, times: int, fused: bool
) -> Iterator[tuple[Instruction, int, bool]]:
  """Yields each executed instruction, how often, and whether it is inside a fusion."""
  for instruction in computation:
    yield instruction, times, fused
    calls = instruction.calls
    if instruction.opcode == "while":
      yield from _executed(calls["body"], times * _iterations(instruction), fused)
    elif instruction.opcode in ("async-start", "fusion"):
      fuses = fused or instruction.opcode == "fusion"
      yield from _executed(calls["calls"], times, fuses)
    elif instruction.opcode == "call":
      yield from _executed(calls["to_apply"], times, fused)
    elif instruction.opcode == "conditional":
      yield from _executed(max(instruction.branches, key=_work), times, fused)


def _work(branch: Computation) -> tuple[int, int]:
  """Returns the rank of a branch: FLOP, then the number of instructions."""
  executed = list(_executed(branch, 1, False))
  products = [
    _product(instruction, times).flops
    for instruction, times, _ in executed
    if instruction.opcode == "convolution"
  ]
  return sum(products), len(executed)


def _iterations(loop: Instruction) -> int:
  """Returns the iterations of a loop from 0 up to a constant, as scans are."""
  condition = loop.calls["condition"][-1]
  if condition.opcode == "compare" and "direction=LT" in condition.rest:
    end = condition.operands[1]
    if end.opcode == "constant":
      return int(end.rest.split(")")[0])
  raise ValueError(f"the number of iterations of {loop.name} is not a constant")


def _product(convolution: Instruction, times: int) -> Product:
  labels = re.search(r"dim_labels=(\w+)_(\w+)->(\w+)", convolution.rest)
  precision = re.search(r"operand_precision=\{(\w+)", convolution.rest)
  shapes = [array.dims for value in convolution.operands for array in value.arrays]
  left, right, out = (
    dict(zip(names, dims, strict=True))
    for names, dims in zip(
      labels.groups() if labels else (),
      [*shapes, convolution.arrays[0].dims],
      strict=True,
    )
  )
  m = out["b"]
  for axis in range(len(out) - 2):
    m *= _inputs_met(left[str(axis)], out[str(axis)], _window(convolution, axis))
  passes = _PASSES.get(precision[1], 1) if precision else 1
  return Product(m, right["i"], out["f"], passes, times)


def _window(convolution: Instruction, axis: int) -> dict[str, int]:
  """Returns the window of one axis, with the defaults filled in."""
  text = re.search(r"window=\{([^}]*)\}", convolution.rest)
  fields = dict(field.split("=") for field in text[1].split()) if text else {}
  window = {"size": 1, "stride": 1, "pad": 0, "lhs_dilate": 1, "rhs_dilate": 1}
  for name in window.keys() & fields.keys():
    window[name] = int(fields[name].split("x")[axis].split("_")[0])
  return window


def _inputs_met(inputs: int, outputs: int, window: dict[str, int]) -> int:
  """Returns how often the windows of one axis meet an input, not padding or a gap.

  A batch of products is written as a convolution whose windows meet one input each.
  """
  gap = window["lhs_dilate"]
  reached = (
    output * window["stride"] + step * window["rhs_dilate"] - window["pad"]
    for output in range(outputs)
    for step in range(window["size"])
  )
  return sum(0 <= place <= (inputs - 1) * gap and place % gap == 0 for place in reached)


def _moved(instruction: Instruction) -> Iterator[Array]:
  """Yields the arrays that an unfused instruction reads from HBM or writes to it."""
  opcode = instruction.opcode
  if opcode in _MOVES_NOTHING or opcode.endswith("-done"):
    return
  if re.search('target="(AllocateBuffer|ConcatBitcast)"', instruction.rest):
    return
  if opcode in ("copy-start", "slice-start"):
    # the result names source and target; a slice moves as much as its target holds
    ends = sorted(instruction.arrays[:2], key=lambda array: array.bytes)
    yield from (ends[0] for end in ends if end.in_hbm)
    return
  for place, operand in enumerate(instruction.operands):
    for array in operand.arrays:
      if array.in_hbm:
        part = _part_read(instruction, place)
        yield from [array] if part is None else part
  yield from _written(instruction)


def _part_read(instruction: Instruction, place: int) -> list[Array] | None:
  """Returns the parts that an instruction reads of one operand; None: all of it."""
  if instruction.opcode in _READS_A_PART:
    return instruction.arrays if place == 0 else None
  if instruction.opcode == "dynamic-update-slice":
    return [] if place == 0 else None
  if instruction.opcode != "fusion":
    return None
  inner = instruction.calls["calls"]
  parameters = [entry for entry in inner if entry.opcode == "parameter"]
  value = next(entry for entry in parameters if entry.rest.startswith(f"{place})"))
  return _part_used(value, inner)


def _part_used(value: Instruction, inside: Computation) -> list[Array] | None:
  """Returns the parts that a fusion reads of a value inside it; None: all of it."""
  parts: list[Array] = []
  for user in inside:
    for place, operand in enumerate(user.operands):
      if operand is value:
        is_alias = user.opcode == "bitcast"
        part = _part_used(user, inside) if is_alias else _part_read(user, place)
        if part is None:
          return None
        parts += part
  return parts


def _written(instruction: Instruction) -> Iterator[Array]:
  """Yields the arrays that are written to HBM; of an update in place, its part."""
  values = [instruction] * len(instruction.arrays)
  if instruction.opcode == "fusion":
    result = instruction.calls["calls"][-1]
    parts = result.operands if result.opcode == "tuple" else [result]
    values = [part for part in parts for _ in part.arrays]
  for array, value in zip(instruction.arrays, values, strict=True):
    while value.opcode == "bitcast":
      value = value.operands[0]
    updates = value.opcode == "dynamic-update-slice"
    if array.in_hbm:
      yield from value.operands[1].arrays if updates else [array]
