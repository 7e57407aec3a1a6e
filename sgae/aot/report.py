"""The result of compiling a phase for a TPU slice, as lines for the terminal."""

from typing import NamedTuple

from sgae.aot.costs import Costs
from sgae.aot.roofline import GIB, Slice, roofline, unit_flops

MIB = 2**20


class Memory(NamedTuple):
  """Memory of one chip while a program runs [bytes].

  Attributes:
    arguments, outputs, temporaries: arrays of the program.
    aliased: outputs that reuse the memory of donated arguments.
    code: the program itself.
    beside: held at the same time: states of earlier phases, and the examples of the
      next call.
  """

  arguments: int
  outputs: int
  temporaries: int
  aliased: int
  code: int
  beside: int

  @property
  def total(self) -> int:
    """Memory that is held at once [bytes]."""
    return sum(self) - 2 * self.aliased


def describe_slice(
  where: Slice, mode: str, images_shape: tuple[int, ...], resident: bool
) -> str:
  """Returns the line above all phases; `images_shape` is (N, H, W, C)."""
  chip = where.chip
  count, height, width, channels = images_shape
  return (
    f"{where.name}: {where.chips} chip(s), each {chip.bfloat16 / 1e12:.0f} TFLOP/s in "
    f"bfloat16 ({chip.float32 / 1e12:.0f} in float32), {chip.hbm_size / GIB:.0f} GiB "
    f"of HBM at {chip.hbm_rate / 1e9:.0f} GB/s; {mode}; {count:,} images of "
    f"{height}x{width}x{channels}, {'resident' if resident else 'streamed'}"
  )


def describe_phase(
  costs: Costs, memory: Memory, where: Slice, steps: int, images: int, seconds: float
) -> list[str]:
  """Returns the lines about a phase.

  Args:
    costs: of one call on one chip.
    memory: of one chip.
    where: the slice.
    steps: steps per call.
    images: images per step, over all chips.
    seconds: time of compiling.
  """
  chip, limits = where.chip, roofline(costs, steps, where)
  share = images * steps / where.chips  # images of one chip in a call
  moved = costs.hbm_padded_bytes
  filled = sum(product.flops * product.passes for product in costs.products)
  spent = unit_flops(costs.products, chip.unit)
  padding = 1 - filled / spent if spent else 0.0
  runs = sum(collective.times for collective in costs.collectives) / steps
  exchanged = sum(one.bytes * one.times for one in costs.collectives) / steps
  kinds = ", ".join(sorted({one.kind for one in costs.collectives})) or "none"
  parts = ", ".join(
    f"{name} {size / MIB:.1f}" for name, size in memory._asdict().items()
  )
  lines = [
    f"{steps} steps of {images:,} images in one call, compiled in {seconds:.1f} s",
    f"work         {_short(costs.flops / share)}FLOP and {_short(moved / share)}B of "
    f"HBM traffic per image: {costs.flops / moved:.3g} FLOP/B",
    f"padding      {padding:.0%} of the work of the {chip.unit}x{chip.unit} matrix "
    f"units, {1 - costs.hbm_bytes / moved:.0%} of the HBM traffic",
    f"collectives  {runs:g} per step with {_short(exchanged)}B ({kinds})",
    f"memory       {memory.total / GIB:.3g} of {chip.hbm_size / GIB:.0f} GiB per chip "
    f"({parts} MiB)",
    f"roofline     {_time(limits.seconds)} per step, bound by {limits.bound} "
    f"(compute {_time(limits.compute)}, HBM {_time(limits.hbm)}, interconnect "
    f"{_time(limits.interconnect)}): {_rate(images / limits.seconds, where)}",
  ]
  if chip.clock:
    serial = costs.cycles / chip.clock / steps + limits.interconnect
    lines += [
      f"no overlap   {_time(serial)} per step, the compiler's estimate of each "
      f"operation and the interconnect added up: {_rate(images / serial, where)}"
    ]
  return lines


def _short(number: float) -> str:
  """Returns a number with three digits and the prefix of its unit."""
  for size, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
    if number >= size:
      return f"{number / size:.3g} {prefix}"
  return f"{number:.3g} "


def _time(seconds: float) -> str:
  return f"{1e6 * seconds:.3g} us" if seconds < 1e-3 else f"{1e3 * seconds:.3g} ms"


def _rate(images_per_second: float, where: Slice) -> str:
  total, per_chip = (
    f"{float(f'{rate:.3g}'):,.0f}"
    for rate in (images_per_second, images_per_second / where.chips)
  )
  return f"{total} images/s, {per_chip} per chip"
