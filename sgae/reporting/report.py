"""The report of a run: one file that loads nothing else.

`report.html` is written again at each evaluation, from the files of the run directory;
whatever does not exist yet is left out. What is shown of a method comes as data; a
section such as the samples appears for any phase that draws pictures of that title.
"""

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from sgae.errors import UserError
from sgae.reporting import (
  explorer,
  pages,
  report_curves,
  report_details,
  report_figures,
  report_images,
  report_members,
)
from sgae.reporting.best import Evaluations
from sgae.reporting.contents import Drawn, MethodReport, Shown, shown_as
from sgae.reporting.files import read_json, write_atomically
from sgae.reporting.lenient import finite, items, numbers, section
from sgae.reporting.metrics import read_metrics

FILE_NAME = "report.html"
# Titles of pictures that have a section of their own.
SECTIONS = ("samples", "reconstructions", "interpolations", "neighbours", "atoms")


class Event(Protocol):
  """A warning: what was seen in a phase at a step, and what to do about it."""

  @property
  def phase(self) -> str: ...
  @property
  def step(self) -> int: ...
  @property
  def saw(self) -> str: ...
  @property
  def advice(self) -> str: ...


def write_report(
  workdir: Path,
  events: Sequence[Event],
  shown: Mapping[str, Shown],
  output: Path | None = None,
) -> Path:
  """Writes `report.html`, whole or not at all, and returns where.

  Args:
    workdir: the run directory; any of its files may be missing.
    events: the warnings, in the order of time.
    shown: phase -> what is shown of its method; a phase that is missing here is shown
      by its own name, with all that it measured.
    output: the directory that it goes to, from whose `evaluation.json` figures come;
      None: the run directory.

  Raises:
    UserError: a file cannot be read or written, or metrics.jsonl is damaged.
  """
  place = Path(output or workdir)
  fill = pages.template(
    "report.html.jinja", ("report.css",), "report.js", (duration, percent)
  )
  page = fill(contents(Path(workdir), shown, place), events=events)
  write_atomically(place / FILE_NAME, page.encode())
  return place / FILE_NAME


def contents(
  workdir: Path, shown: Mapping[str, Shown], measured_in: Path | None = None
) -> dict[str, Any]:
  """Returns what the template shows, from the files of a run directory.

  Args:
    workdir: the run directory.
    shown: as for `write_report`.
    measured_in: the directory of `evaluation.json`, and of pictures that are not in
      the run directory; None: the run directory.
  """
  notes: list[str] = []
  place = measured_in or workdir
  stored = _read(workdir / "config.json", notes)
  config = section(stored, "config")
  evaluation = _read(place / "evaluation.json", notes)
  details = _read(workdir / "details.json", notes)
  records = read_metrics(workdir)
  phases = phases_of(config, records, shown)
  # the latest first; those that the run itself does not name have little to show
  names = dict.fromkeys(
    [*(phase["name"] for phase in phases), *evaluation, *details, *shown]
  )
  latest = list(names)[::-1]
  parts = [
    _part(name, evaluation, records, details, shown_as(shown, name).report)
    for name in latest
  ]
  return {
    "name": workdir.resolve().name,
    "dataset": dataset_of(config),
    "image_shape": items(stored, "image_shape"),
    "data_read": str(stored.get("data_read", "")),
    "phases": phases,
    "explorer": explorer.FILE_NAME if (place / explorer.FILE_NAME).exists() else "",
    "finished": bool(phases) and all(phase["finished"] for phase in phases),
    "notes": notes,
    "parts": [part for part in parts if part],
    "population": report_members.members(place, records, evaluation, latest, shown),
    "groups": report_curves.groups(records, latest, shown),
    "others": report_curves.others(records, shown),
    "throughput": report_curves.throughput(records, shown),
    **_pictures((workdir, place), latest, config, records, details, shown),
    **_codes(_details_of(details, latest, report_details.CODES)),
    **_classes(_details_of(details, latest, ("class_share",))),
    "config": sections(config),
    "environments": [e for e in items(stored, "environments") if isinstance(e, dict)],
  }


def _pictures(places, latest, config, records, details, shown) -> dict[str, Any]:
  """Returns the pictures; of each title, those of the latest phase that has it."""
  images = report_images.listed(dict.fromkeys(places), latest)
  phase_of = {title: next(iter(by_phase)) for title, by_phase in images.items()}
  newest = {
    title: report_images.newest(images[title][phase])
    for title, phase in phase_of.items()
    if title != "samples"
  }
  samples = phase_of.get("samples", "")
  atoms = phase_of.get("atoms", "")
  reconstructions = phase_of.get("reconstructions", "")
  return {
    "samples": [
      (picture, _caption(records, samples, picture.step, shown))
      for picture in report_images.frames(images.get("samples", {}).get(samples))
    ],
    "reconstructions": newest.get("reconstructions"),
    "reconstructions_of": shown_as(shown, reconstructions).title,
    "interpolations": newest.get("interpolations"),
    "neighbours": newest.get("neighbours"),
    "dictionary": report_details.dictionary(
      newest.get("atoms"), config, section(details, atoms)
    ),
    "other_pictures": [
      (*_drawn(title, shown_as(shown, phase_of[title])), picture)
      for title, picture in newest.items()
      if picture and title not in SECTIONS
    ],
  }


def _drawn(title: str, shown: Shown) -> tuple[str, str, str]:
  """Returns the heading of a picture, what it shows, and the name of its phase."""
  own = Drawn(title.replace("_", " ").capitalize(), "")
  heading, about = shown.report.pictures.get(title, own)
  return heading, about, shown.title


def _details_of(details: dict, latest: Iterable[str], names: Sequence[str]) -> dict:
  """Returns the details of the latest phase that has one of the names."""
  parts = [section(details, phase) for phase in latest]
  return next((part for part in parts if any(name in part for name in names)), {})


def _codes(details: dict) -> dict[str, Any]:
  rates = numbers(details, "firing_rate")
  return {
    "code_step": finite(details.get("step")),
    "code_histograms": report_details.code_histograms(details),
    "silent": sum(rate == 0 for rate in rates),
    "latents": len(rates),
  }


def _classes(details: dict) -> dict[str, Any]:
  classes = report_details.class_shares(details)
  return {
    "classes_step": finite(details.get("step")),
    "classes": classes[: report_details.MOST_CLASSES],
    "classes_in_all": len(classes),
  }


def phases_of(
  config: dict, records: Sequence[dict], shown: Mapping[str, Shown]
) -> list[dict[str, Any]]:
  """Returns where each phase stands: those of the config, then others with records."""
  recorded = dict.fromkeys(record["phase"] for record in records)
  patience = finite(section(config, "evaluation").get("patience")) or 0
  phases = []
  for name in dict.fromkeys([*map(str, items(config, "phases")), *recorded]):
    own = [record for record in records if record["phase"] == name]
    last = own[-1] if own else {}
    steps = finite(section(config, name).get("steps"))
    step = last.get("step", 0)
    speeds = [speed for r in own if (speed := finite(r.get("images_per_second")))]
    evaluations = Evaluations(shown_as(shown, name).selects_by, own if patience else ())
    # `patience` ends a phase before its last step
    exhausted = 0 < patience <= (evaluations.since_best() or 0)
    phases.append(
      {
        "name": name,
        "title": shown_as(shown, name).title,
        "step": step,
        "steps": steps and int(steps),
        # a phase of unknown length does not keep the run from being finished
        "finished": bool(own) and (exhausted or step >= (steps or 0)),
        "images_seen": _newest(own, "images_seen"),
        "seconds": _newest(own, "seconds"),
        "speed": statistics.median(speeds) if speeds else None,
      }
    )
  return phases


def dataset_of(config: dict) -> str:
  """Returns the name of the data, such as `mnist`, `digits` or a file's name."""
  data = section(config, "data")
  source = str(data.get("source", ""))
  if source in ("tfds", "mixture"):
    return str(data.get("name", source))
  if source == "stacked":
    return f"{data.get('stacked_digits')} x {data.get('name')}"
  return Path(str(data.get("path", ""))).name or source


def sections(config: dict) -> list[tuple[str, list[tuple[str, str]]]]:
  """Returns the fields of a config by section: [(section, [(field, value)])].

  Fields outside of sections come first, under ''.
  """
  flat: dict[str, list[tuple[str, str]]] = {"": []}

  def add(group, name, value):
    if isinstance(value, dict):
      for key, inner in value.items():
        add(group, f"{name}.{key}" if name else str(key), inner)
    else:
      flat[group].append((name, json.dumps(value, ensure_ascii=False)))

  for key, value in config.items():
    if isinstance(value, dict):
      flat[str(key)] = []
      add(str(key), "", value)
    else:
      add("", str(key), value)
  return [(group, fields) for group, fields in flat.items() if fields]


def duration(seconds: float) -> str:
  """Returns a time as people write it: `2 h 3 min`, `3 min 12 s` or `4.2 s`."""
  if seconds < 9.95:
    return f"{seconds:.1f} s"
  minutes, rest = divmod(round(seconds), 60)
  hours, minutes = divmod(minutes, 60)
  if hours:
    return f"{hours:,} h {minutes} min"
  return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def percent(share: float) -> str:
  """Returns a share as a percentage with two digits or more: `0.4 %`, `12 %`."""
  if share == 0:
    return "0 %"
  return f"{100 * share:.0f} %" if share >= 0.0995 else f"{100 * share:.2g} %"


def _part(
  phase: str, evaluation: dict, records: list[dict], details: dict, report: MethodReport
) -> dict[str, Any] | None:
  """Returns the figures of a phase, or None where it has none."""
  part = section(evaluation, phase)
  final = bool(section(part, "figures"))
  if not final:
    part = report_figures.figures_of_records(phase, records, report.while_training)
    part = part or {}
  classes = len(items(section(details, phase), "class_names"))
  rows = report_figures.rows(part, report.meanings, classes or None)
  if not rows:
    return None
  headline = report.headline or tuple(row.name for row in rows)
  last = max((r["step"] for r in records if r["phase"] == phase), default=0)
  step = finite(part.get("step"))
  return {
    "title": report.title,
    "step": step,
    "images_seen": finite(part.get("images_seen")),
    "seconds": finite(part.get("seconds")),
    "final": final,
    "behind": last if step is not None and last > step else None,
    "headline": [row for row in rows if row.name in headline],
    "more": [row for row in rows if row.name not in headline],
    "others": list(rows[0].others),
    "protocol": report_figures.protocol_line(section(part, "protocol")),
  }


def _caption(
  records: Sequence[dict], phase: str, step: int, shown: Mapping[str, Shown]
) -> dict[str, Any]:
  """Returns what the slider says of the samples of a step: the first headline figure.

  `images_seen` and `value` are None where no record of the step has them.
  """
  report = shown_as(shown, phase).report
  name = report.headline[0] if report.headline else ""
  label = report.meanings[name].label if name in report.meanings else name
  metric, _ = report.while_training.get(name, ("", None))
  caption: dict[str, Any] = {"images_seen": None, "label": label, "value": None}
  for record in records:
    if record["phase"] == phase and record["step"] == step:
      caption["images_seen"] = finite(record.get("images_seen"))
      if caption["value"] is None:
        caption["value"] = finite(record.get(metric))
  return caption


def _newest(records: Sequence[dict], key: str) -> float | None:
  known = (finite(record.get(key)) for record in reversed(records))
  return next((value for value in known if value is not None), None)


def _read(path: Path, notes: list[str]) -> dict:
  try:
    return read_json(path)
  except UserError as error:
    if isinstance(error.__cause__, OSError):
      raise
    # A report is no reason to stop a run: the page says what is missing.
    notes.append(f"{path.name} is damaged; its part is missing here.")
    return {}
