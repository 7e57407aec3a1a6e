"""The picture of probes: test error over the number of labels."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from sgae.reporting.comparison_curves import STYLES
from sgae.reporting.plots import png_of


def draw(errors: Mapping[str, Mapping[str, list[dict[str, Any]]]]) -> bytes:
  """Returns a PNG: a chart for each probe, a curve for each kind of codes.

  Args:
    errors: codes -> probe -> rows with `labels`, `value` and `error`.
  """
  probes = list(next(iter(errors.values())))
  figure = Figure(figsize=(5.5 * len(probes), 5), layout="constrained")
  charts = figure.subplots(1, len(probes), sharey=True, squeeze=False)[0]
  for axes, probe in zip(charts, probes, strict=True):
    for index, (name, by_probe) in enumerate(errors.items()):
      rows = by_probe[probe]
      axes.errorbar(
        [row["labels"] for row in rows],
        [100 * row["value"] for row in rows],
        yerr=[100 * (row["error"] or 0.0) for row in rows],
        linestyle=STYLES[index % len(STYLES)],
        marker=".",
        label=name,
      )
    axes.set_xscale("log")
    axes.set_title(probe)
    axes.set_xlabel("labels")
    axes.grid(alpha=0.3)
  charts[0].set_ylabel("test error [%]")
  charts[0].legend(fontsize="small")
  return png_of(figure)
