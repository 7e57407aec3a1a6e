"""The picture of fronts: two figures of a phase against each other."""

from typing import Any

from matplotlib.figure import Figure

from sgae.reporting.plots import png_of

MARKERS = "os^vDPX*<>"


def draw(fronts: dict[str, Any]) -> bytes:
  """Returns a PNG: a curve for each kind, bars of one standard deviation over seeds.

  Points that no other one beats in both figures are filled.

  Args:
    fronts: of `sgae.runs.fronts.fronts`, with at least one phase.
  """
  figure = Figure(figsize=(7 * len(fronts), 5), layout="constrained")
  for axes, (phase, front) in zip(
    figure.subplots(1, len(fronts), squeeze=False)[0], fronts.items(), strict=True
  ):
    shown = []
    for index, curve in enumerate(front["curves"]):
      points = curve["points"]
      xs, ys = ([point[axis]["mean"] for point in points] for axis in "xy")
      x_bars, y_bars = (
        [point[axis]["spread"] or 0.0 for point in points] for axis in "xy"
      )
      marker = MARKERS[index % len(MARKERS)]
      line, *_ = axes.errorbar(
        xs,
        ys,
        xerr=x_bars,
        yerr=y_bars,
        marker=marker,
        markerfacecolor="white",
        label=curve["name"],
      )
      best = [point for point in points if point["best"]]
      axes.plot(
        [point["x"]["mean"] for point in best],
        [point["y"]["mean"] for point in best],
        marker,
        color=line.get_color(),
        zorder=3,
      )
      shown += xs
    if min(shown) > 0:
      axes.set_xscale("log", base=2)
      axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel(front["x"])
    axes.set_ylabel(front["y"])
    axes.set_title(f"{phase}: filled where no other is better in both")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
  return png_of(figure)
