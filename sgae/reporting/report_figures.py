"""The report's tables of figures: a run beside real data and beside simple controls.

A control is a model without adversarial training (an autoencoder and a Gaussian mixture
on its codes): a GAN that does not beat it has shown nothing (Lucic et al., 2018, "Are
GANs created equal?"; Ghosh et al., 2020, "From variational to deterministic
autoencoders").
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from sgae.reporting.charts import with_error
from sgae.reporting.lenient import finite, section

LEVEL = 2  # standard errors of a difference that is no difference


class Meaning(NamedTuple):
  """What a figure is called and says; `better` is 'lower', 'higher' or '' (neither)."""

  label: str
  better: str
  text: str


class Row(NamedTuple):
  """A figure of the run, as text, beside the same figure of others.

  Attributes:
    meaning: what it is.
    value: of the run, with its standard error.
    others: value by name, the floor first; '' where it has none.
    mark: 'better', 'worse', 'level' or '' (nothing to compare with).
    verdict: the mark in words.
  """

  meaning: Meaning
  value: str
  others: dict[str, str]
  mark: str
  verdict: str


FLOOR = "Real images"

# In the order of the page. Names that are not here follow, without a direction.
MEANINGS = {
  "frechet": Meaning(
    "Fréchet distance", "lower", "between the features of samples and of real images"
  ),
  "precision": Meaning(
    "Precision", "higher", "share of samples that lie among real images"
  ),
  "recall": Meaning("Recall", "higher", "share of real images that lie among samples"),
  "classes_covered": Meaning("Classes", "higher", "classes that samples cover"),
  "modes_covered": Meaning("Modes", "higher", "modes that samples cover"),
  "neighbour_ratio": Meaning(
    "Neighbour ratio",
    "",
    "nearness to training images; far below 1: copies",
  ),
  "fvu": Meaning("FVU", "lower", "fraction of variance unexplained"),
  "dead_share": Meaning("Dead latents", "lower", "share that never fires"),
  "l0": Meaning("L0", "", "active latents per image"),
  "kernel": Meaning("Kernel distance", "lower", "unbiased, so it may be below 0"),
  "density": Meaning("Density", "higher", "real neighbourhoods a sample lies in"),
  "coverage": Meaning("Coverage", "higher", "share of real images with a sample near"),
  "classifier_score": Meaning(
    "Classifier score", "higher", "the inception score, with this classifier"
  ),
  "class_kl": Meaning("Class KL", "lower", "from the reference's classes [nats]"),
  "copies": Meaning("Copies", "lower", "samples that repeat a training image"),
  "probe_error": Meaning("Probe error", "lower", "of a linear classifier on codes"),
}
HEADLINE = list(MEANINGS)[:9]

# What stands in for a figure while no evaluation.json has it: metrics of the records.
WHILE_TRAINING = {
  "gan": {
    "frechet": ("gan/frechet", "gan/frechet_error"),
    "precision": ("gan/precision", "gan/precision_error"),
    "recall": ("gan/recall", "gan/recall_error"),
    "classes_covered": ("gan/classes_covered", "gan/classes_covered_error"),
    "modes_covered": ("gan/modes_covered", "gan/modes_covered_error"),
    "high_quality": ("gan/high_quality", "gan/high_quality_error"),
    "class_kl": ("gan/class_kl", "gan/class_kl_error"),
  },
  "sae": {
    "fvu": ("sae/test_fvu", None),
    "dead_share": ("sae/test_dead_share", None),
    "l0": ("sae/test_l0", None),
  },
}


def rows(part: Mapping[str, Any], classes: int | None) -> list[Row]:
  """Returns the figures of one part of evaluation.json, headline figures first.

  Args:
    part: {"figures": {name: {"value": v, "error": e or None}}, "floor": the same,
      "controls": {name: the same}}; whatever is missing or no number is left out.
    classes: how many classes (or modes) there are to cover, where that is known.
  """
  figures = section(part, "figures")
  order = [name for name in MEANINGS if name in figures]
  order += [name for name in figures if name not in MEANINGS]
  floor = section(part, "floor")
  controls = section(part, "controls")
  controls = {name: section(controls, name) for name in controls}
  table = []
  for name in order:
    own = _figure(figures, name)
    if own is None:
      continue
    meaning = MEANINGS.get(name, Meaning(name.replace("_", " "), "", ""))
    covered = name.endswith("_covered") and classes
    beside = {control: _figure(values, name) for control, values in controls.items()}
    mark, verdict = compare(own, beside, meaning.better)
    real = {FLOOR: _figure(floor, name)} if floor else {}
    table.append(
      Row(
        meaning,
        _text(own) + (f" of {classes:,}" if covered else ""),
        {other: _text(figure) for other, figure in (real | beside).items()},
        mark,
        verdict,
      )
    )
  return table


def figures_of_records(phase: str, records: list[dict]) -> dict[str, Any] | None:
  """Returns the newest evaluation that was made while training, as `rows` takes it.

  Args:
    phase: 'gan' or 'sae'.
    records: of metrics.jsonl.

  Returns:
    {"step", "images_seen", "seconds", "figures"}, or None when there is no such figure.
  """
  for record in reversed(records):
    if record["phase"] != phase:
      continue
    figures = {
      name: {"value": record[key], "error": record.get(error)}
      for name, (key, error) in WHILE_TRAINING.get(phase, {}).items()
      if finite(record.get(key)) is not None
    }
    if figures:
      about = ("step", "images_seen", "seconds")
      return {key: record.get(key) for key in about} | {"figures": figures}
  return None


def compare(
  own: tuple[float, float], controls: Mapping[str, Any], better: str
) -> tuple[str, str]:
  """Says whether a figure beats the controls, in a word and in a sentence.

  Two figures are level when they differ by no more than 2 standard errors of the
  difference; an unknown error counts as 0.

  Args:
    own: value and standard error.
    controls: the same (or None) by name.
    better: 'lower', 'higher' or ''.

  Returns:
    ('better', ...) if it beats all of them, ('worse', ...) if one of them beats it,
    ('level', ...) otherwise, ('', '') when there is nothing to compare.
  """
  present = {name: figure for name, figure in controls.items() if figure is not None}
  if not present or better not in ("lower", "higher"):
    return "", ""
  worse, level = [], []
  for name, (value, error) in present.items():
    ahead = (value - own[0]) if better == "lower" else (own[0] - value)
    if abs(ahead) <= LEVEL * math.hypot(error, own[1]):
      level.append(name)
    elif ahead < 0:
      worse.append(name)
  if worse:
    return "worse", f"worse than {_names(worse, present)}"
  if level:
    return "level", f"level with {_names(level, present)}"
  return "better", f"better than {_names(list(present), present)}"


def protocol_line(protocol: Mapping[str, Any]) -> str:
  """Says in one line how the figures were measured; '' if nothing is known of it.

  Args:
    protocol: {"samples", "reference", "reference_samples", "features",
      "features_sha256", "features_accuracy"}, any of them missing.
  """
  count = {
    key: f"{value:,.0f} "
    for key in ("samples", "reference_samples")
    if (value := finite(protocol.get(key))) is not None
  }
  parts = []
  if "samples" in count:
    parts.append(f"{count['samples']}samples")
  if reference := protocol.get("reference"):
    against = "against " if parts else "on "
    images = count.get("reference_samples", "")
    of = f"{images}images of " if images else ""
    parts.append(f"{against}{of}the {reference}")
  line = " ".join(parts)
  if features := protocol.get("features"):
    line += f"; features of the network {features}"
    if digest := protocol.get("features_sha256"):
      line += f" ({str(digest)[:12]})"
    accuracy = finite(protocol.get("features_accuracy"))
    if accuracy is not None:
      line += f", accuracy {100 * accuracy:.2f} %"
  return line.removeprefix("; ")


def _names(some: list[str], everything: Mapping[str, Any]) -> str:
  if len(everything) > 1 and len(some) == len(everything):
    return "every control"
  return ", ".join(some)


def _figure(figures: Mapping[str, Any], name: str) -> tuple[float, float] | None:
  entry = section(figures, name)
  value = finite(entry.get("value"))
  return None if value is None else (value, max(finite(entry.get("error")) or 0.0, 0.0))


def _text(figure: tuple[float, float] | None) -> str:
  if figure is None:
    return ""
  value, error = figure
  if value == round(value) and not error:
    return f"{value:,.0f}"
  return with_error(value, error)
