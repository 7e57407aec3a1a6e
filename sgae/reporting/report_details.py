"""What details.json says of the newest evaluation, as the report shows it."""

from typing import Any

from sgae.reporting import report_images
from sgae.reporting.charts import Histogram, histogram
from sgae.reporting.lenient import finite, items, numbers, section

MOST_CLASSES = 30  # a longer histogram shows the classes that are furthest off


def class_shares(gan: dict) -> list[dict[str, Any]]:
  """Returns the classes with their shares of samples and reference, and bar lengths.

  In the order of the classes; where they are many, those that are furthest from their
  share of the reference come first.
  """
  shares = numbers(gan, "class_share")
  reference = numbers(gan, "class_share_reference")
  if len(reference) != len(shares):
    reference = [None] * len(shares)
  names = [str(name) for name in items(gan, "class_names")]
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
  picture: report_images.Picture | None, config: dict, sae: dict
) -> dict[str, Any] | None:
  """Returns the picture of atoms, where each atom lies in it, and its firing rate."""
  if picture is None:
    return None
  rates = numbers(sae, "firing_rate")
  latents = finite(section(config, "code").get("num_latents"))
  size, aspect, places = report_images.atoms(
    picture, len(rates) or (int(latents) if latents else None)
  )
  # The order of the atoms is that of the rates of the same step alone.
  if sae.get("step") != picture.step:
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


def code_histograms(sae: dict) -> list[Histogram]:
  """Returns the histograms of firing rates, of active latents' values, and of L0."""
  made = []
  fired = [rate for rate in numbers(sae, "firing_rate") if 0 < rate <= 1]
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
    made.append(histogram("Latents by firing rate", edges, counts, log=True))
  for key, title in (
    ("code_values", "Values of active latents"),
    ("active_latents", "Images by L0"),
  ):
    part = section(sae, key)
    made.append(histogram(title, numbers(part, "edges"), numbers(part, "counts")))
  return [one for one in made if one]
