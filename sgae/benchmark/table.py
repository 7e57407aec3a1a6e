"""From measured rates to figures and to the text that is printed: pure functions."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple


class Measured(NamedTuple):
  """What was measured of one row.

  Attributes:
    name: of the row.
    target: least ratio that is asked for.
    ours, theirs: images per second, pair by pair; `theirs` is empty without PyTorch.
    variant: the way of writing the PyTorch side that was quickest.
    product: rate of the matrix product beside each of ours [FLOP/s].
    flops_per_image: FLOP that our program does for one image; 0: not counted.
    our_peak_bytes, their_peak_bytes: memory that either side took at most until it was
      warm, compiling included: on a GPU of the device, else the process.
    device: the kind that ours ran on.
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
  """Returns the figures of one row by name; None where there is nothing to say.

  A ratio is taken in each pair, since what slows a machine down slows both of its
  halves; rates and memory are of the whole row.
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
  """Returns a line of the table, from `figures`."""
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


def line(texts: Sequence[str]) -> str:
  """Returns cells side by side, the first one to the left, the others to the right."""
  pairs = list(zip(texts, WIDTHS, strict=True))
  first, width = pairs[0]
  rest = (f"{text:>{width}}" for text, width in pairs[1:])
  return "  ".join([f"{first:<{width}}", *rest])
