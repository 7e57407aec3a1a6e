"""The report of a run: one file that needs nothing else, not even a network.

`report.html` is written again at each evaluation, from the files of the run directory;
whatever is not there yet is left out.
"""

import base64
import functools
import hashlib
import json
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from sgae.errors import UserError
from sgae.reporting import report_curves, report_details, report_figures, report_images
from sgae.reporting.files import read_json, write_atomically
from sgae.reporting.lenient import finite, items, numbers, section
from sgae.reporting.metrics import read_metrics

FILE_NAME = "report.html"


class Event(Protocol):
  """Something that a health check saw in a phase at a step, and what to do about it."""

  @property
  def phase(self) -> str: ...
  @property
  def step(self) -> int: ...
  @property
  def saw(self) -> str: ...
  @property
  def advice(self) -> str: ...


def write_report(workdir: Path, events: Sequence[Event]) -> None:
  """Writes `report.html` into the run directory, whole or not at all.

  Args:
    workdir: the run directory; any of its files may be missing.
    events: what the health checks saw, in the order of time.

  Raises:
    UserError: a file cannot be read or written, or metrics.jsonl is damaged.
  """
  page = _page()(contents(Path(workdir)), events=events)
  write_atomically(Path(workdir) / FILE_NAME, page.encode())


@functools.cache  # compiling the template takes longer than all the rest
def _page() -> Callable[..., str]:
  """Returns the function that makes the page from what the template shows."""
  # Loaded here: a run that writes no report does without it.
  import jinja2
  from markupsafe import Markup

  here = Path(__file__).parent
  style, script = (
    (here / name).read_text(encoding="utf-8") for name in ("report.css", "report.js")
  )
  # The browser runs this script and no other.
  digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
  environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(here),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
  )
  environment.filters |= {"duration": duration, "percent": percent}
  environment.globals |= {
    "style": Markup(style),
    "script": Markup(script),
    "script_hash": digest,
  }
  return environment.get_template("report.html.jinja").render


def contents(workdir: Path) -> dict[str, Any]:
  """Returns what the template shows, from the files of a run directory."""
  notes: list[str] = []
  stored = _read(workdir / "config.json", notes)
  config = section(stored, "config")
  evaluation = _read(workdir / "evaluation.json", notes)
  details = _read(workdir / "details.json", notes)
  records = read_metrics(workdir)
  images = report_images.listed(workdir)
  sae, gan = section(details, "sae"), section(details, "gan")
  classes = report_details.class_shares(gan)
  phases = phases_of(config, records)
  return {
    "name": workdir.resolve().name,
    "dataset": dataset_of(config),
    "image_shape": items(stored, "image_shape"),
    "phases": phases,
    "finished": bool(phases) and all(phase["finished"] for phase in phases),
    "notes": notes,
    "parts": [
      part
      for phase in ("gan", "sae")
      if (part := _part(phase, evaluation, records, len(items(gan, "class_names"))))
    ],
    "groups": report_curves.groups(records),
    "others": report_curves.others(records),
    "throughput": report_curves.throughput(records),
    "samples": [
      (picture, _at(records, "gan", picture.step))
      for picture in report_images.frames(images.get("gan_samples"))
    ],
    "reconstructions": report_images.newest(images.get("sae_reconstructions")),
    "interpolations": report_images.newest(images.get("gan_interpolations")),
    "neighbours": report_images.newest(images.get("gan_neighbours")),
    "dictionary": report_details.dictionary(
      report_images.newest(images.get("sae_atoms")), config, sae
    ),
    "code_step": finite(sae.get("step")),
    "code_histograms": report_details.code_histograms(sae),
    "silent": sum(rate == 0 for rate in numbers(sae, "firing_rate")),
    "latents": len(numbers(sae, "firing_rate")),
    "classes_step": finite(gan.get("step")),
    "classes": classes[: report_details.MOST_CLASSES],
    "classes_in_all": len(classes),
    "config": sections(config),
    "environments": [e for e in items(stored, "environments") if isinstance(e, dict)],
  }


def phases_of(config: dict, records: Sequence[dict]) -> list[dict[str, Any]]:
  """Returns where each phase stands: those of the config, then others with records."""
  recorded = dict.fromkeys(record["phase"] for record in records)
  phases = []
  for name in dict.fromkeys([*map(str, items(config, "phases")), *recorded]):
    own = [record for record in records if record["phase"] == name]
    last = own[-1] if own else {}
    steps = finite(section(config, name).get("steps"))
    step = last.get("step", 0)
    speeds = [speed for r in own if (speed := finite(r.get("images_per_second")))]
    phases.append(
      {
        "name": name,
        "title": report_curves.PHASE_NAMES.get(name, name),
        "step": step,
        "steps": steps and int(steps),
        # a phase of unknown length does not keep the run from being finished
        "finished": bool(own) and step >= (steps or 0),
        "images_seen": _newest(own, "images_seen"),
        "seconds": _newest(own, "seconds"),
        "speed": statistics.median(speeds) if speeds else None,
      }
    )
  return phases


def dataset_of(config: dict) -> str:
  """Returns the name of the data, e.g. `mnist`, `digits` or the name of a file."""
  data = section(config, "data")
  source = str(data.get("source", ""))
  if source in ("tfds", "mixture"):
    return str(data.get("name", source))
  if source == "stacked":
    return f"{data.get('stacked_digits')} x {data.get('name')}"
  return Path(str(data.get("path", ""))).name or source


def sections(config: dict) -> list[tuple[str, list[tuple[str, str]]]]:
  """Returns the fields of a config by their first name: [(section, [(field, value)])].

  Fields that are in no section come first, under ''.
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
  phase: str, evaluation: dict, records: list[dict], classes: int
) -> dict[str, Any] | None:
  part = section(evaluation, phase)
  final = bool(section(part, "figures"))
  if not final:
    part = report_figures.figures_of_records(phase, records) or {}
  rows = report_figures.rows(part, classes or None)
  if not rows:
    return None
  headline = {report_figures.MEANINGS[name] for name in report_figures.HEADLINE}
  last = max((r["step"] for r in records if r["phase"] == phase), default=0)
  step = finite(part.get("step"))
  return {
    "title": {"gan": "Generator", "sae": "Sparse autoencoder"}[phase],
    "step": step,
    "images_seen": finite(part.get("images_seen")),
    "seconds": finite(part.get("seconds")),
    "final": final,
    "behind": last if step is not None and last > step else None,
    "headline": [row for row in rows if row.meaning in headline],
    "more": [row for row in rows if row.meaning not in headline],
    "others": list(rows[0].others),
    "protocol": report_figures.protocol_line(section(part, "protocol")),
  }


def _at(records: Sequence[dict], phase: str, step: int) -> dict[str, float | None]:
  """Returns what the slider shows beside the picture of a step."""
  shown: dict[str, float | None] = {"images_seen": None, "frechet": None}
  for record in records:
    if record["phase"] == phase and record["step"] == step:
      shown["images_seen"] = finite(record.get("images_seen"))
      shown["frechet"] = shown["frechet"] or finite(record.get("gan/frechet"))
  return shown


def _newest(records: Sequence[dict], key: str) -> float | None:
  known = (finite(record.get(key)) for record in reversed(records))
  return next((value for value in known if value is not None), None)


def _read(path: Path, notes: list[str]) -> dict:
  try:
    return read_json(path)
  except UserError as error:
    if isinstance(error.__cause__, OSError):
      raise
    # A report is no reason to stop a run; the reader is told what is missing.
    notes.append(f"{path.name} is damaged; what it says is missing here.")
    return {}
