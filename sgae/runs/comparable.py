"""Which runs can be compared: the same data, evaluated alike, each one once."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sgae.config import flatten, is_resumable
from sgae.data.fingerprint import differences
from sgae.errors import UserError
from sgae.reporting.lenient import section

# Fields in which runs of one experiment may differ, besides those that a resume may
# change.
_NOT_COMPARED = (
  "seed",
  # which data set is read: refused where it is another one
  "data.source",
  "data.name",
  "data.array",
  "data.image_size",
  "data.stacked_",
  "data.second.source",
  "data.second.name",
  "data.second.array",
  "data.second.image_size",
  "checkpoint.",
  "evaluation.measures",
  "evaluation.final_samples",  # in the protocol
  "evaluation.controls",
)
# What makes figures comparable, in the protocol of an evaluation.
_PROTOCOL = (
  "samples",
  "reference",
  "reference_samples",
  "features_sha256",
  "second_features_sha256",
  "likelihood",
  "importance_samples",
  "importance_examples",
  "test_labels",
)


class Run(NamedTuple):
  """What a run directory holds.

  Attributes:
    name: of the directory, unique among the compared runs.
    config: resolved and nested, as config.json has it.
    image_shape: (H, W, C).
    records: of metrics.jsonl, in order.
    evaluation: of evaluation.json.
    data: the fingerprint of its data; {}: an older version's, which stored none.
    together: how many members were trained in one program with it; 1: a single run.
    population: the name of the run directory that it is a member of; '': a single run.
  """

  name: str
  config: Mapping[str, Any]
  image_shape: Sequence[int]
  records: Sequence[Mapping[str, Any]]
  evaluation: Mapping[str, Any]
  data: Mapping[str, Any]
  together: int = 1
  population: str = ""


def check(runs: Sequence[Run]) -> None:
  """Refuses runs that cannot be compared.

  Raises:
    UserError: there is none, they are on different data, were evaluated differently or
      not at all, or two of them are the same.
  """
  if not runs:
    raise UserError("--runs='' names no run: give run directories, split by commas")
  first = runs[0]
  for run in runs[1:]:
    # the same bytes may lie in several places
    if not _same_bytes(first, run) and _data(run) != _data(first):
      raise UserError(
        f"{first.name} was trained on {data_name(first)}, {run.name} on "
        f"{data_name(run)}: compare runs on the same data"
      )
  _check_bytes(runs)
  for run in runs:
    if not any(part_of(run, phase, "figures") for phase in run.evaluation):
      raise UserError(
        f"{run.name} has no figures in its evaluation.json: python launch.py "
        "--mode=evaluate and its --workdir make them"
      )
  for phase in evaluated_phases(runs):
    of_phase = [run for run in runs if part_of(run, phase, "figures")]
    for run in of_phase[1:]:
      one, other = (part_of(each, phase, "protocol") for each in (of_phase[0], run))
      for field in _PROTOCOL:
        if one.get(field) != other.get(field):
          raise UserError(
            f"{of_phase[0].name} was evaluated with {field}={one.get(field)}, "
            f"{run.name} with {other.get(field)}: evaluate both with the same"
          )
  seen: dict[str, Run] = {}
  for run in runs:
    key = json.dumps([experiment(run), run.config["seed"]], sort_keys=True)
    if key in seen:
      raise UserError(
        f"{seen[key].name} and {run.name} are the same run (config and seed "
        f"{run.config['seed']}): name one of them"
      )
    seen[key] = run


def _check_bytes(runs):
  """Refuses runs that name the same data, but were trained on other bytes."""
  seen: dict[str, Run] = {}
  for run in runs:
    fields = experiment(run)
    read = {name: fields[name] for name in fields if name.startswith("data.")}
    other = seen.setdefault(json.dumps([_data(run), read], sort_keys=True), run)
    if _same_bytes(other, run) is False:
      raise UserError(
        f"{other.name} and {run.name} were trained on other images under one name "
        f"({data_name(run)}): compare runs on the same data"
      )


def evaluated_phases(runs: Sequence[Run]) -> list[str]:
  """Returns the phases that were evaluated, in the order of training."""
  # a longer chain says where the phases of shorter ones belong
  chains = sorted((run.config["phases"] for run in runs), key=len, reverse=True)
  evaluated = dict.fromkeys(name for run in runs for name in run.evaluation)
  names = dict.fromkeys(name for chain in [*chains, evaluated] for name in chain)
  return [name for name in names if name in evaluated]


def part_of(run: Run, phase: str, what: str) -> dict[str, Any]:
  """Returns a part of a phase's evaluation, such as its figures; {} without one."""
  return section(section(run.evaluation, phase), what)


def data_name(run: Run) -> str:
  """Returns the source, what was read of it, and the shape, as a reader names data."""
  source, what, second, shape = _data(run)
  parts = [source, what, "x".join(map(str, shape))]
  if second is not None:
    parts += ["with", *second]
  return " ".join(part for part in parts if part)


def experiment(run: Run) -> dict[str, Any]:
  """Returns the fields that make the experiment: {field: value}."""
  lengths = {f"{phase}.steps" for phase in run.config["phases"]}

  def is_compared(field):
    if field.startswith(_NOT_COMPARED):
      return False
    # a resume may change these, but the figures depend on them
    if field in lengths or field.startswith("evaluation."):
      return True
    return not is_resumable(field)

  fields = flatten(dict(run.config))
  return {name: value for name, value in fields.items() if is_compared(name)}


def _same_bytes(one: Run, other: Run) -> bool | None:
  """Says whether two runs read the same data; None: either has no fingerprint."""
  if not all("sha256" in run.data for run in (one, other)):
    return None
  return not differences(one.data, other.data)


def _data(run):
  """Returns what is read: the source, what of it, the same of a second side, shape."""
  data = run.config["data"]
  second = _read_of(data | data["second"]) if data["second"]["source"] else None
  return *_read_of(data), second, list(run.image_shape)


def _read_of(data):
  """Returns the source, and what is read of it, of one side of the data."""
  stacked = f"{data['stacked_digits']} x {data['name']}, {data['stacked_examples']}"
  read = {
    "tfds": data["name"],
    "mixture": data["name"],
    "patches": data["name"],
    "stacked": stacked,
    "vectors": f"{data['path']}, {data['array']}",
  }
  return data["source"], read.get(data["source"], data["path"])
