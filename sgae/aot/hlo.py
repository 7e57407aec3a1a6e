"""The text of a compiled TPU program as data: computations, instructions, arrays."""

import math
import re
from dataclasses import dataclass
from typing import NamedTuple


class Array(NamedTuple):
  """An array of a program: its size [bytes], without and with the padding of tiles."""

  dims: tuple[int, ...]
  bytes: int
  padded_bytes: int
  in_hbm: bool


@dataclass(frozen=True, eq=False)
class Instruction:
  """One line of a program.

  Attributes:
    name, opcode: as in the text.
    arrays: its results.
    operands: the instructions whose results it takes.
    calls: computations that it runs or consists of, by attribute: 'calls', 'body', ...
    branches: computations of which it runs one.
    rest: the text after the opcode's opening parenthesis.
  """

  name: str
  opcode: str
  arrays: list[Array]
  operands: list["Instruction"]
  calls: dict[str, "Computation"]
  branches: list["Computation"]
  rest: str


Computation = list[Instruction]  # in order of execution; the last is the result


def parse(text: str) -> Computation:
  """Returns the entry computation of a program.

  Args:
    text: the optimized program, `jax.stages.Compiled.as_text()`; XLA writes everything
      before the instructions that refer to it.
  """
  computations: dict[str, Computation] = {}
  current: Computation = []
  known: dict[str, Instruction] = {}
  for line in text.splitlines():
    if head := re.match(r"(?:ENTRY )?%([\w.\-]+) \(.*\{$", line):
      current, known = [], {}
      computations[head[1]] = current
    elif body := re.match(r"\s+(?:ROOT )?%([\w.\-]+) = (.*)", line):
      known[body[1]] = _instruction(body[1], body[2], known, computations)
      current.append(known[body[1]])
  return current


def _instruction(
  name: str,
  text: str,
  known: dict[str, Instruction],
  computations: dict[str, Computation],
) -> Instruction:
  end = _closing(text) if text[0] == "(" else text.index(" ")
  opcode, _, rest = text[end:].lstrip().partition("(")
  arguments = rest[: _closing("(" + rest) - 2]
  operands = [known[operand] for operand in re.findall(r"%([\w.\-]+)", arguments)]
  calls = {
    attribute: computations[called]
    for attribute, called in re.findall(r"(\w+)=%([\w.\-]+)", rest)
    if called in computations
  }
  listed = re.search(r"branch_computations=\{([^}]*)\}", rest)
  branches = [
    computations[called]
    for called in re.findall(r"%([\w.\-]+)", listed[1] if listed else "")
  ] + [calls[key] for key in ("true_computation", "false_computation") if key in calls]
  return Instruction(name, opcode, _arrays(text[:end]), operands, calls, branches, rest)


def _closing(text: str) -> int:
  """Returns the index after the parenthesis that closes the first character."""
  depth = 0
  for place, letter in enumerate(text):
    depth += (letter == "(") - (letter == ")")
    if depth == 0:
      return place + 1
  raise ValueError(f"unbalanced parentheses in {text[:80]}")


def _arrays(shape: str) -> list[Array]:
  matches = re.findall(r"([a-z]\w*)\[([\d,]*)\](?:\{([\d,]*)(?::([^}]*))?\})?", shape)
  return [_array(*parts) for parts in matches]


def _array(dtype: str, dims: str, minor_to_major: str, layout: str) -> Array:
  digits = re.search(r"\d+", dtype)  # f32, bf16, u8, f8e4m3fn; pred is a byte
  width = int(digits[0]) if digits else 8 * (dtype == "pred")
  sizes = tuple(int(size) for size in dims.split(",") if size)
  physical = [sizes[int(axis)] for axis in minor_to_major.split(",") if axis]
  tile = re.search(r"T\(([\d,]+)\)", layout)
  sides = [int(side) for side in tile[1].split(",")][::-1] if tile and sizes else []
  physical += [1] * (len(sides) - len(physical))
  for place, side in enumerate(sides):
    physical[place] = -(-physical[place] // side) * side
  return Array(
    sizes,
    math.prod(sizes) * width // 8,
    math.prod(physical) * width // 8,
    in_hbm=not re.search(r"S\([1-9]", layout),
  )
