"""The picture of edits: success over what an edit changes."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from sgae.reporting.comparison_curves import STYLES
from sgae.reporting.plots import png_of

CHANGES = {
  "pixel_change": "mean squared change of pixels",
  "feature_change": "relative change of features",
}


def draw(figures: Mapping[str, Sequence[Mapping[str, Any]]]) -> bytes:
  """Returns a PNG: a chart for each kind of change, a curve for each way to edit.

  Args:
    figures: way to edit -> for each strength, from 0 up, the measures `success`,
      `pixel_change` and `feature_change`.
  """
  figure = Figure(figsize=(13, 5), layout="constrained")
  charts = figure.subplots(1, len(CHANGES), sharey=True, squeeze=False)[0]
  for axes, (change, label) in zip(charts, CHANGES.items(), strict=True):
    for index, (name, rows) in enumerate(figures.items()):
      axes.plot(
        [row[change] for row in rows],
        [100 * row["success"] for row in rows],
        linestyle=STYLES[index % len(STYLES)],
        marker=".",
        label=name,
      )
    axes.set_xlabel(label)
    axes.grid(alpha=0.3)
  charts[0].set_ylabel("edits that show the class asked for [%]")
  names = charts[0].get_legend_handles_labels()
  figure.legend(*names, loc="outside right upper", fontsize="small")
  return png_of(figure)
