"""The report's tables of figures: a run next to real data and simple controls.

A control is a simple generative model, such as an autoencoder with a Gaussian mixture
on its codes. A generative model that does not beat it has shown nothing (Lucic et al.,
2018, "Are GANs created equal?"; Ghosh et al., 2020, "From variational to deterministic
autoencoders").
"""

import math
import statistics
from collections.abc import Mapping
from typing import Any, NamedTuple

from sgae.reporting.charts import with_error
from sgae.reporting.contents import Meaning
from sgae.reporting.lenient import finite, section

LEVEL = 2  # standard errors within which two figures count as equal


class Row(NamedTuple):
  """A figure of the run, as text, with the same figure of others.

  Attributes:
    name: in evaluation.json.
    meaning: what it is.
    value: of the run, with its standard error.
    others: value by name, the floor first; '' where it has none.
    mark: 'better', 'worse', 'level' or '' (nothing to compare with).
    verdict: the mark in words.
  """

  name: str
  meaning: Meaning
  value: str
  others: dict[str, str]
  mark: str
  verdict: str


FLOOR = "Real images"


def rows(
  part: Mapping[str, Any], meanings: Mapping[str, Meaning], classes: int | None
) -> list[Row]:
  """Returns the figures of one part of evaluation.json in the order of the page.

  Args:
    part: {"figures": {name: {"value": v, "error": e or None}}, "floor": the same,
      "controls": {name: the same}}; whatever is missing or not a number is left out. A
      figure of a population has "members" too, and their deviation as its error.
    meanings: of the method; other figures follow, without a direction.
    classes: how many classes (or modes) there are to cover, where that is known.
  """
  figures = section(part, "figures")
  order = [name for name in meanings if name in figures]
  order += [name for name in figures if name not in meanings]
  floor = section(part, "floor")
  controls = section(part, "controls")
  controls = {name: section(controls, name) for name in controls}
  table = []
  for name in order:
    own = _figure(figures, name)
    if own is None:
      continue
    meaning = meanings.get(name, Meaning(name.replace("_", " "), "", ""))
    covered = name.endswith("_covered") and classes
    measured = {other: _figure(values, name) for other, values in controls.items()}
    # of a population the error is the deviation over members, of whose mean this is
    error = own[1] / math.sqrt(finite(section(figures, name).get("members")) or 1)
    mark, verdict = compare((own[0], error), measured, meaning.better)
    real = {FLOOR: _figure(floor, name)} if floor else {}
    table.append(
      Row(
        name,
        meaning,
        _text(own) + (f" of {classes:,}" if covered else ""),
        {other: _text(figure) for other, figure in (real | measured).items()},
        mark,
        verdict,
      )
    )
  return table


def figures_of_records(
  phase: str,
  records: list[dict],
  while_training: Mapping[str, tuple[str, str | None]],
) -> dict[str, Any] | None:
  """Returns the newest evaluation during training, as `rows` takes it.

  Of a population it is the median over the members that were evaluated.

  Args:
    phase: its name.
    records: of metrics.jsonl.
    while_training: figure -> (metric, metric of its error or None).

  Returns:
    {"step", "images_seen", "seconds", "figures"}, or None when there is no such figure.
  """
  measured = [
    record
    for record in records
    if record["phase"] == phase
    and any(finite(record.get(key)) is not None for key, _ in while_training.values())
  ]
  if not measured:
    return None
  newest = measured[-1]
  same = [record for record in measured if record["step"] == newest["step"]]
  figures = {}
  for name, (key, error) in while_training.items():
    of_all = [(v, r.get(error)) for r in same if (v := finite(r.get(key))) is not None]
    if of_all:
      middle = statistics.median(value for value, _ in of_all)
      figures[name] = {
        "value": middle,
        "error": of_all[0][1] if len(of_all) == 1 else None,
      }
  about = {key: newest.get(key) for key in ("step", "images_seen", "seconds")}
  return about | {"figures": figures}


def compare(
  own: tuple[float, float], controls: Mapping[str, Any], better: str
) -> tuple[str, str]:
  """Returns whether a figure beats the controls, as a word and as a sentence.

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
  """Returns in one line how the figures were measured; '' if that is unknown.

  Args:
    protocol: {"samples", "reference", "reference_samples", "features",
      "features_task", "features_sha256", "features_accuracy", those of a second side
      as "second_features" and so on, "labels", "permutation_invariant"}, any of them
      missing.
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
  line += _features(protocol, "features") + _features(protocol, "second_features")
  if labels := finite(protocol.get("labels")):
    line += f"; {labels:,.0f} labels"
    line += ", permutation-invariant" if protocol.get("permutation_invariant") else ""
  return line.removeprefix("; ")


def _features(protocol: Mapping[str, Any], name: str) -> str:
  """Returns which network images were compared by; '' if that is unknown."""
  if not (features := protocol.get(name)):
    return ""
  task = protocol.get(f"{name}_task", "labels")
  kind = "" if task == "labels" else f"{task} "
  line = f"; {kind}features of the network {features}"
  if digest := protocol.get(f"{name}_sha256"):
    line += f" ({str(digest)[:12]})"
  accuracy = finite(protocol.get(f"{name}_accuracy"))
  return line if accuracy is None else f"{line}, accuracy {100 * accuracy:.2f} %"


def _names(names: list[str], controls: Mapping[str, Any]) -> str:
  if len(controls) > 1 and len(names) == len(controls):
    return "every control"
  return ", ".join(names)


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
