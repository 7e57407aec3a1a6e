"""Turns measured rates into figures and into the printed table: pure functions."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple


class Measured(NamedTuple):
  """The measurements of one row.

  Attributes:
    name: of the row.
    target: least ratio that the row should reach.
    ours, theirs: images per second, pair by pair; `theirs` is empty without PyTorch.
    variant: the fastest variant of the PyTorch side.
    product: rate of the matrix product, measured after each of ours [FLOP/s].
    flops_per_image: FLOP of our program for one image; 0: not counted.
    our_peak_bytes, their_peak_bytes: peak memory of each side until it is warm,
      compiling included: on a GPU of the device, else of the process.
    device: the kind of device of our side.
  """

  name: str
  target: float
  ours: Sequence[float]
  theirs: Sequence[float]
  variant: str
  product: Sequence[float]
  flops_per_image: float
  our_peak_bytes: int
  their_peak_bytes: int
  device: str


def figures(row: Measured) -> dict[str, Any]:
  """Returns the figures of one row by name; None for what is not known.

  Ratios are taken within each pair, since other load on the machine slows both halves
  of a pair; rates and memory are of the whole row.
  """
  ratios = [a / b for a, b in zip(row.ours, row.theirs, strict=bool(row.theirs))]
  shares = [
    row.flops_per_image * rate / product
    for rate, product in zip(row.ours, row.product, strict=True)
  ]
  return {
    "row": row.name,
    "device": row.device,
    "images_per_second": median(row.ours),
    "pytorch_images_per_second": median(row.theirs) if row.theirs else None,
    "pytorch_variant": row.variant or None,
    "ratio": median(ratios) if ratios else None,
    "least_ratio": min(ratios, default=None),
    "largest_ratio": max(ratios, default=None),
    "target": row.target,
    "share_of_product": median(shares) if row.flops_per_image else None,
    "flops_per_image": row.flops_per_image or None,
    "product_flops_per_second": median(row.product),
    "peak_bytes": row.our_peak_bytes,
    "pytorch_peak_bytes": row.their_peak_bytes or None,
    "pairs": {"sgae": list(row.ours), "pytorch": list(row.theirs)},
  }


HEAD = (
  "row",
  "sgae images/s",
  "PyTorch images/s",
  "ratio (least to largest)",
  "asked",
  "of product",
  "peak MiB",
)


def cells(row: Mapping[str, Any]) -> tuple[str, ...]:
  """Returns the cells of a row of the table, from `figures`."""
  theirs = ratio = "-"
  if row["ratio"] is not None:
    theirs = f"{row['pytorch_images_per_second']:,.0f} {row['pytorch_variant']}"
    ratio = f"{row['ratio']:.2f} ({row['least_ratio']:.2f} to"
    ratio += f" {row['largest_ratio']:.2f})"
  share = row["share_of_product"]
  peaks = (row["peak_bytes"], row["pytorch_peak_bytes"])
  return (
    row["row"],
    f"{row['images_per_second']:,.0f}",
    theirs,
    ratio,
    f"{row['target']:.1f}",
    "-" if share is None else f"{share:.0%}",
    " / ".join(f"{peak / 2**20:,.0f}" for peak in peaks if peak),
  )


WIDTHS = (16, 13, 32, 24, 5, 10, 13)


def line(texts: Sequence[str], widths: Sequence[int] = WIDTHS) -> str:
  """Returns cells as one line, the first aligned left, the others right."""
  pairs = list(zip(texts, widths, strict=True))
  first, width = pairs[0]
  rest = (f"{text:>{width}}" for text, width in pairs[1:])
  return "  ".join([f"{first:<{width}}", *rest])
