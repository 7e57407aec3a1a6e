"""The newest evaluation's lists, details.json, as the report shows them.

The argument `details` is the part of one phase in details.json.
"""

from typing import Any

from sgae.reporting import report_images
from sgae.reporting.charts import Histogram, histogram
from sgae.reporting.lenient import finite, items, numbers, section

CODES = ("firing_rate", "code_values", "active_latents")  # lists about codes
MOST_CLASSES = 30  # of more, the page shows those furthest from the reference


def class_shares(details: dict) -> list[dict[str, Any]]:
  """Returns the classes with their shares of samples and reference, and bar lengths.

  In the order of the classes; where there are many, those furthest from their share of
  the reference come first.
  """
  shares = numbers(details, "class_share")
  reference = numbers(details, "class_share_reference")
  if len(reference) != len(shares):
    reference = [None] * len(shares)
  names = [str(name) for name in items(details, "class_names")]
  names += [str(i) for i in range(len(names), len(shares))]
  longest = max((share for share in [*shares, *reference] if share), default=1)
  decimals = 1 if longest >= 0.05 else 2
  rows = [
    {
      "name": name,
      "share": share,
      "text": f"{100 * share:.{decimals}f} %",
      "reference": real,
      "width": 100 * share / longest,
      "reference_text": "" if real is None else f"{100 * real:.{decimals}f} %",
      "mark": None if real is None else 100 * real / longest,
    }
    for name, share, real in zip(names, shares, reference, strict=False)
  ]
  if len(rows) > MOST_CLASSES:
    rows.sort(key=lambda row: -abs(row["share"] - (row["reference"] or 0)))
  return rows


def dictionary(
  picture: report_images.Picture | None, config: dict, details: dict
) -> dict[str, Any] | None:
  """Returns the picture of atoms, the place of each atom and its firing rate."""
  if picture is None:
    return None
  rates = numbers(details, "firing_rate")
  latents = finite(section(config, "code").get("num_latents"))
  size, aspect, places = report_images.atoms(
    picture, len(rates) or (int(latents) if latents else None)
  )
  # The atoms are in the order of the rates of their own step.
  if details.get("step") != picture.step:
    rates = []
  return {
    "picture": picture,
    "size": size,
    "aspect": aspect,
    "atoms": [
      (place, rates[i] if i < len(rates) else None) for i, place in enumerate(places)
    ],
    "in_all": len(rates),
    "sorted": bool(rates),
  }


def code_histograms(details: dict) -> list[Histogram]:
  """Returns the histograms of firing rates, of active latents' values, and of L0."""
  charts = []
  fired = [rate for rate in numbers(details, "firing_rate") if 0 < rate <= 1]
  if fired:
    # four bins to a power of ten, from the smallest rate up to 1
    bins = 1
    while 10 ** (-bins / 4) > min(fired):
      bins += 1
    edges = [10 ** (i / 4) for i in range(-bins, 1)]
    counts = [
      sum(left < rate <= right for rate in fired)
      for left, right in zip(edges, edges[1:], strict=False)
    ]
    counts[0] += sum(rate <= edges[0] for rate in fired)
    charts.append(histogram("Latents by firing rate", edges, counts, log=True))
  for key, title in (
    ("code_values", "Values of active latents"),
    ("active_latents", "Images by L0"),
  ):
    part = section(details, key)
    charts.append(histogram(title, numbers(part, "edges"), numbers(part, "counts")))
  return [chart for chart in charts if chart]
