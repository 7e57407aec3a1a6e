"""Runs to compare, made up in memory."""

from sgae.methods import views
from sgae.runs import compare as comparison
from sgae.runs.comparable import Run
from tests.systems import all_sections

SELECTS_BY = views.selects_by()


def compare(runs, target):
  return comparison.compare(runs, target, SELECTS_BY)


def config_of(**fields):
  config = all_sections()
  for name, value in fields.items():
    section, _, field = name.partition("__")
    if field:
      config[section][field] = value
    else:
      config[section] = value
  return config


def records_of(phases, distances, seconds_per_step=1.0):
  """10 images a step; an evaluation every 100 steps of `gan`, from step 0 on."""
  records = []
  if "sae" in phases:
    for step in (0, 50, 100):
      records.append(
        {"phase": "sae", "step": step, "images_seen": 10 * step, "seconds": step / 10}
      )
  for index, distance in enumerate(distances):
    step = 100 * index
    records.append(
      {
        "phase": "gan",
        "step": step,
        "images_seen": 10 * step,
        "seconds": step * seconds_per_step,
        "gan/frechet": distance,
      }
    )
    records.append({"phase": "gan", "step": step + 50, "gan/d_loss": 1.0})
  return records


def evaluation_of(distance, **parts):
  figures = {"frechet": {"value": distance, "error": 0.1}, "recall": {"value": 0.5}}
  return {"gan": {"figures": figures, "protocol": {"samples": 1000}, **parts}}


def run_of(name, distances, phases=("gan",), seconds_per_step=1.0, **fields):
  return Run(
    name,
    config_of(phases=phases, **fields).to_dict(),
    [16, 16, 1],
    records_of(phases, distances, seconds_per_step),
    evaluation_of(distances[-1] if distances else 1.0),
    {},
  )


def with_images(run, index, images):
  records = list(run.records)
  records[index] = records[index] | {"images_seen": images}
  return run._replace(records=records)


def two_groups():
  """A baseline of two seeds, and one pretrained run (1,000 images, 10 s before)."""
  return [
    run_of("a", [100.0, 20.0, 10.0], seed=0),
    run_of("b", [100.0, 40.0, 14.0], seed=1),
    run_of("c", [60.0, 12.0, 8.0, 6.0], phases=("sae", "gan"), seconds_per_step=2.0),
  ]
