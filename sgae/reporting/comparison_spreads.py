"""The picture of populations: how many of their members end at which distance."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sgae.reporting.plots import png_of

BINS = 20


def draw(spreads: Mapping[str, Mapping[str, Any]], label: str) -> bytes:
  """Returns a PNG: the histogram of each population below the last, with equal bins.

  Args:
    spreads: of `sgae.runs.spreads.spreads`, with at least one population.
    label: of the measure.
  """
  figure = Figure(figsize=(8, 1 + 1.5 * len(spreads)), layout="constrained")
  charts = figure.subplots(
    len(spreads), 1, sharex=True, sharey=True, squeeze=False
  ).ravel()
  values = np.concatenate([own["values"] for own in spreads.values()])
  # equal ratios: from one population to another distances differ tenfold
  ratios = values.min() > 0
  edges = np.histogram_bin_edges(np.log(values) if ratios else values, BINS)
  edges = np.exp(edges) if ratios else edges
  for axes, (name, own) in zip(charts, spreads.items(), strict=True):
    axes.hist(own["values"], edges)
    if ratios:
      axes.set_xscale("log")
    axes.yaxis.get_major_locator().set_params(integer=True)
    without = own["members"] - len(own["values"])
    note = f", {without} of them without a value" if without else ""
    axes.set_title(f"{name}: {own['members']} members{note}", fontsize="medium")
    axes.set_ylabel("members")
    axes.grid(alpha=0.3)
  charts[-1].set_xlabel(label)
  return png_of(figure)
