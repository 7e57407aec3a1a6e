"""The curves of a comparison: a measure over images and over seconds."""

from typing import Any

from matplotlib.figure import Figure

from sgae.reporting.plots import png_of

STYLES = ("-", "--", "-.", ":")
# Beyond this range of values only a logarithmic axis shows the end of training.
LINEAR_RANGE = 10.0


def draw(result: dict[str, Any], label: str) -> bytes:
  """Returns a PNG: the mean of each group, in a band of one standard deviation.

  Args:
    result: of `sgae.runs.compare.compare`, with a curve in at least one group.
    label: of the measure.
  """
  figure = Figure(figsize=(12, 5), layout="constrained")
  floors = [part.get(result["measure"], {}) for part in result["floor"].values()]
  floor = next((floor["value"] for floor in floors if "value" in floor), None)
  for axes, axis, x_label in zip(
    figure.subplots(1, 2, sharey=True),
    ("images", "seconds"),
    ("images seen, all phases", "seconds, all phases"),
    strict=True,
  ):
    shown = []
    for index, group in enumerate(result["groups"]):
      curve = group["curves"][axis]
      if not curve["x"]:
        continue
      # dashes as well: not every eye tells colours apart
      (line,) = axes.plot(
        curve["x"],
        curve["mean"],
        linestyle=STYLES[index % len(STYLES)],
        marker=".",
        label=f"{group['name']} ({len(group['runs'])})",
      )
      shown += curve["mean"]
      if None not in curve["spread"]:
        pairs = list(zip(curve["mean"], curve["spread"], strict=True))
        # a logarithmic axis has no place for values below 0
        lower = [max(mean - spread, mean / 10) for mean, spread in pairs]
        upper = [mean + spread for mean, spread in pairs]
        axes.fill_between(
          curve["x"], lower, upper, alpha=0.2, color=line.get_color(), linewidth=0
        )
    if floor is not None:
      axes.axhline(floor, color="grey", linewidth=1, label="floor (real images)")
    if shown and min(shown) > 0 and max(shown) > LINEAR_RANGE * min(shown):
      axes.set_yscale("log")
    axes.set_xlabel(x_label)
    axes.grid(alpha=0.3)
  first = figure.axes[0]
  first.set_ylabel(label)
  first.legend(fontsize="small")
  return png_of(figure)
