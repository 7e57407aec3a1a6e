"""The roofline of a TPU slice: published peaks, and the least time of a step.

Sources: FLOP/s in bfloat16, HBM, matrix units and shapes of slices are from the pages
'TPU v4', 'v5e', 'v5p', 'v6e' of the Cloud TPU manual (docs.cloud.google.com/tpu/docs);
links between chips, which axes form rings and the time of a hop are from Austin et al.,
'How to Scale Your Model', parts 2 and 3 (jax-ml.github.io/scaling-book). The clock is
the one at which the matrix units, with 2 x side^2 FLOP per cycle each, reach the peak.
"""

import math
import re
from typing import NamedTuple

from sgae.aot.costs import Collective, Costs, Product
from sgae.errors import UserError

GIB = 2**30
HOP = 1e-6  # time of the shortest message between neighbouring chips [s]
ROWS = 8  # a matrix unit takes rows in groups of eight


class Chip(NamedTuple):
  """One kind of TPU chip.

  Attributes:
    bfloat16: peak of the matrix units [FLOP/s].
    hbm_size: [bytes].
    hbm_rate: [bytes/s].
    link: bandwidth of one link to a neighbour, one way [bytes/s].
    unit: side of a matrix unit [numbers].
    clock: [Hz]; None for v6e, whose two published units would need 3.5 GHz.
    cores: TensorCores, which work as one.
    axes: number of axes of the torus that chips form.
    largest: number of chips in the largest slice.
    accelerator: its name in Cloud TPU accelerator types.
  """

  bfloat16: float
  hbm_size: int
  hbm_rate: float
  link: float
  unit: int
  clock: float | None
  cores: int
  axes: int
  largest: int
  accelerator: str

  @property
  def float32(self) -> float:
    """Peak of float32 products [FLOP/s]: jax.lax.Precision.HIGHEST is six passes."""
    return self.bfloat16 / 6


CHIPS = {
  "v4": Chip(275e12, 32 * GIB, 1200e9, 45e9, 128, 1.05e9, 2, 3, 4096, "v4"),
  "v5e": Chip(197e12, 16 * GIB, 819e9, 50e9, 128, 1.5e9, 1, 2, 256, "v5litepod"),
  "v5p": Chip(459e12, 95 * GIB, 2765e9, 100e9, 128, 1.75e9, 2, 3, 6144, "v5p"),
  "v6e": Chip(918e12, 32 * GIB, 1638e9, 100e9, 256, None, 1, 2, 256, "v6e"),
}
_FLAT = ("1x1", "2x2", "2x4", "4x4", "4x8", "8x8", "8x16", "16x16")
_SMALL = ("2x2x1", "2x2x2", "2x2x4", "2x4x4")


class Slice(NamedTuple):
  """A slice of a TPU pod: its name such as 'v5e:2x4', its chips, and their grid."""

  name: str
  chip: Chip
  grid: tuple[int, ...]

  @property
  def chips(self) -> int:
    """Number of chips."""
    return math.prod(self.grid)

  @property
  def rings(self) -> tuple[bool, ...]:
    """For each axis, whether its last chip is a neighbour of its first."""
    if self.chip.axes == 2:
      return tuple(length == 16 for length in self.grid)
    return (all(length % 4 == 0 for length in self.grid),) * 3

  @property
  def links(self) -> int:
    """Links of the chip that has the fewest."""
    pairs = zip(self.grid, self.rings, strict=True)
    return sum(1 + ring for length, ring in pairs if length > 1)

  @property
  def hops(self) -> int:
    """Hops between the two chips that are farthest apart."""
    pairs = zip(self.grid, self.rings, strict=True)
    return sum(length // 2 if ring else length - 1 for length, ring in pairs)

  @property
  def description(self) -> dict[str, object]:
    """libtpu's options for the slice, in addition to its name."""
    return {
      "chips_per_host_bounds": (1, 1, 1) if self.chips == 1 else (2, 2, 1),
      "chip_config_name": "megacore" if self.chip.cores == 2 else "default",
      "wrap": (*self.rings, False)[:3],
    }

  @property
  def environment(self) -> dict[str, str]:
    """Environment variables that make libtpu work without a TPU.

    Without them it looks for a TPU and waits for a metadata server.
    """
    return {
      "JAX_PLATFORMS": "cpu",
      "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",  # else a second process fails on its lock
      "TPU_SKIP_MDS_QUERY": "1",
      "TPU_ACCELERATOR_TYPE": f"{self.chip.accelerator}-{self.chips * self.chip.cores}",
      "TPU_WORKER_HOSTNAMES": "localhost",
      "TPU_WORKER_ID": "0",
    }


def parse_slice(topology: str) -> Slice:
  """Returns the slice of a name.

  Args:
    topology: kind of chip and grid, such as 'v5e:2x4' or 'v4:2x2x2'.

  Raises:
    UserError: there is no such slice.
  """
  name, _, grid = topology.partition(":")
  chip = CHIPS.get(name)
  if chip and re.fullmatch(r"\d+(x\d+)*", grid):
    lengths = tuple(map(int, grid.split("x")))
    cubes = len(lengths) == 3 and all(length % 4 == 0 for length in lengths)
    small = grid in (_FLAT if chip.axes == 2 else _SMALL)
    if small or (chip.axes == 3 and cubes and 0 < math.prod(lengths) <= chip.largest):
      return Slice(topology, chip, lengths)
  raise UserError(
    f"--topology={topology!r} is not a TPU slice: choose v5e: or v6e: with "
    f"{', '.join(_FLAT)}, or v4: or v5p: with {', '.join(_SMALL)} or multiples of 4 "
    "such as 4x4x8"
  )


class Roofline(NamedTuple):
  """Least time of one step by each of its three resources [s]."""

  compute: float
  hbm: float
  interconnect: float

  @property
  def seconds(self) -> float:
    """Least time of the step if everything overlaps [s]."""
    return max(self)

  @property
  def bound(self) -> str:
    """The resource that bounds the step."""
    return ("compute", "HBM", "interconnect")[self.index(self.seconds)]


def roofline(costs: Costs, steps: int, where: Slice) -> Roofline:
  """Returns the least time of one step from a program's costs and the chip's peaks.

  Args:
    costs: of one call on one chip.
    steps: steps per call.
    where: the slice.
  """
  chip = where.chip
  exchange = sum(exchange_seconds(one, where) for one in costs.collectives)
  return Roofline(
    unit_flops(costs.products, chip.unit) / chip.bfloat16 / steps,
    costs.hbm_padded_bytes / chip.hbm_rate / steps,
    exchange / steps,
  )


def unit_flops(products: list[Product], unit: int) -> int:
  """Returns the FLOP that matrix units of side `unit` spend, padding included.

  A unit holds a tile of one operand, with the contracted and the other axis padded to
  `unit`, and takes the rows of the other operand in groups of eight. Either operand may
  be the held one; the cheaper choice counts.
  """
  total = 0
  for product in products:
    m, k, n, passes, times = product
    outer = min(_up(m, ROWS) * _up(n, unit), _up(n, ROWS) * _up(m, unit))
    total += 2 * outer * _up(k, unit) * passes * times
  return total


def exchange_seconds(collective: Collective, where: Slice) -> float:
  """Returns the least time of all runs of a collective over all chips [s].

  Each chip must send its part through its links, and data must travel between the
  farthest chips; an all-reduce does both twice, to sum and to distribute.
  """
  chips = where.chips
  if chips == 1:
    return 0.0
  rounds = 2 if collective.kind == "all-reduce" else 1
  total = collective.bytes * (chips if collective.kind == "reduce-scatter" else 1)
  sent = rounds * total * (chips - 1) / chips
  hops = 1 if collective.kind == "collective-permute" else rounds * where.hops
  return collective.times * max(sent / (where.links * where.chip.link), hops * HOP)


def _up(number: int, multiple: int) -> int:
  return -(-number // multiple) * multiple
