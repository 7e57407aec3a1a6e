"""The curves of a report: which metrics share a chart, and what they are called."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sgae.reporting.charts import LineChart, Series, line_chart
from sgae.reporting.lenient import finite


class Curve(NamedTuple):
  """A metric in a chart: its key, what it is called there, its error's key."""

  key: str
  label: str
  error: str = ""


class Panel(NamedTuple):
  """A chart: its title, its curves, the range of its values (None: from the data)."""

  title: str
  curves: tuple[Curve, ...]
  y_range: tuple[float, float] | None = None


class Group(NamedTuple):
  """Charts under one heading, all of one phase."""

  title: str
  charts: list[LineChart]


_SHARE = (0.0, 1.0)
PANELS: tuple[tuple[str, str, tuple[Panel, ...]], ...] = (
  (
    "gan",
    "Samples",
    (
      Panel(
        "Fréchet distance",
        (Curve("gan/frechet", "samples to reference", "gan/frechet_error"),),
      ),
      Panel(
        "Precision and recall",
        (Curve("gan/precision", "precision"), Curve("gan/recall", "recall")),
        _SHARE,
      ),
      Panel("Class KL [nats]", (Curve("gan/class_kl", "samples to reference"),)),
      Panel(
        "Distance between pairs",
        (
          Curve("gan/pair_distance_generated", "generated"),
          Curve("gan/pair_distance_real", "real"),
        ),
      ),
    ),
  ),
  (
    "gan",
    "Adversarial training",
    (
      Panel(
        "Losses",
        (
          Curve("gan/d_loss", "discriminator"),
          Curve("gan/g_loss", "generator"),
        ),
      ),
      Panel(
        "Mean logits",
        (Curve("gan/d_real", "real"), Curve("gan/d_fake", "generated")),
      ),
      Panel(
        "Penalties",
        (
          Curve("gan/r1", "R1"),
          Curve("gan/r2", "R2"),
          Curve("gan/gradient_penalty", "gradient penalty"),
        ),
      ),
      Panel(
        "Gradient norms",
        (
          Curve("discriminator/grad_norm", "discriminator"),
          Curve("generator/grad_norm", "generator"),
        ),
      ),
      Panel("Generator's L0", (Curve("gan/code_l0", "active latents"),)),
    ),
  ),
  (
    "sae",
    "Sparse autoencoder",
    (
      Panel(
        "FVU",
        (Curve("sae/fvu", "training"), Curve("sae/test_fvu", "test")),
      ),
      Panel("L0", (Curve("sae/l0", "training"), Curve("sae/test_l0", "test"))),
      Panel(
        "Dead share",
        (
          Curve("sae/dead_fraction", "training, by its window"),
          Curve("sae/test_never_fired", "never on test images"),
        ),
      ),
      Panel(
        "Loss",
        (Curve("sae/loss", "whole"), Curve("sae/auxiliary", "auxiliary")),
      ),
      Panel("Gradient norm", (Curve("sae/grad_norm", "autoencoder"),)),
      Panel(
        "Firing rates of latents on test images",
        (
          Curve("sae/test_density_median", "median"),
          Curve("sae/test_density_max", "largest"),
        ),
      ),
    ),
  ),
)
PHASE_NAMES = {"sae": "Sparse autoencoder", "gan": "GAN", "classifier": "Classifier"}
THROUGHPUT = Curve("images_per_second", "images/s")

_NO_METRICS = {"phase", "step", "images_seen", "seconds", THROUGHPUT.key}


def groups(records: Sequence[dict]) -> list[Group]:
  """Returns the charts of a run, those of the known metrics; empty ones are left out.

  Args:
    records: of metrics.jsonl.
  """
  made = []
  for phase, title, panels in PANELS:
    charts = [_chart(records, phase, panel) for panel in panels]
    made.append(Group(title, [chart for chart in charts if chart]))
  return [group for group in made if group.charts]


def others(records: Sequence[dict]) -> list[LineChart]:
  """Returns one chart for each metric that no panel shows (errors excepted)."""
  known = _NO_METRICS | {
    key
    for _, _, panels in PANELS
    for panel in panels
    for curve in panel.curves
    for key in (curve.key, curve.error)
  }
  found = {
    (record["phase"], key): None
    for record in records
    for key in record
    if key not in known and not key.endswith("_error")
  }
  charts = []
  for phase, key in found:
    title = key if "/" in key else f"{phase}/{key}"
    charts.append(_chart(records, phase, Panel(title, (Curve(key, phase),))))
  return [chart for chart in charts if chart]


def throughput(records: Sequence[dict]) -> list[LineChart]:
  """Returns one chart of images per second for each phase."""
  phases = dict.fromkeys(record["phase"] for record in records)
  # the records before the first step have a speed of 0 that says nothing
  moving = [record for record in records if finite(record.get(THROUGHPUT.key))]
  charts = [
    _chart(moving, phase, Panel(PHASE_NAMES.get(str(phase), str(phase)), (THROUGHPUT,)))
    for phase in phases
  ]
  return [chart for chart in charts if chart]


def _chart(records: Iterable[dict], phase: str, panel: Panel) -> LineChart | None:
  own = [record for record in records if record["phase"] == phase]
  series = [_series(own, curve) for curve in panel.curves]
  return line_chart(panel.title, series, panel.y_range)


def _series(records: Iterable[dict], curve: Curve) -> Series:
  points = []
  for record in records:
    x, y = finite(record.get("images_seen")), finite(record.get(curve.key))
    if x is not None and y is not None:
      points.append((x, y, max(finite(record.get(curve.error)) or 0.0, 0.0)))
  points.sort(key=lambda point: point[0])
  return Series(
    curve.label,
    [(x, y) for x, y, _ in points],
    [error for *_, error in points] if curve.error else (),
  )
