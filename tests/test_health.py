"""Warnings of a run: each is given once, where it begins; healthy runs have none."""

import json
import math
from pathlib import Path

import pytest

from sgae.config import flatten
from sgae.diagnostics import health
from sgae.diagnostics.health import HEALED, Health
from sgae.methods.gan import warnings as gan
from sgae.methods.sparse_autoencoder import warnings as sae
from sgae.methods.vae import warnings as vae
from tests.systems import all_sections

RULES = gan.WARNINGS + sae.WARNINGS + vae.WARNINGS

# Every few records of `python launch.py`, which trains well on the embedded digits.
HEALTHY = [
  json.loads(line)
  for line in (Path(__file__).parent / "health_digits.jsonl").read_text().splitlines()
]
# What the newer measures of a healthy evaluation look like.
MEASURED = {
  "gan/class_kl": 0.03,
  "gan/classes_covered": 10,
  "gan/recall": 0.6,
  "gan/frechet": 4.0,
  "gan/frechet_error": 0.1,
}


def long_run(phase, count):
  """Goes on as the healthy run ended; samples still change a little."""
  measured = MEASURED if phase == "gan" else {}
  last = [record for record in HEALTHY if record["phase"] == phase][-1]
  records = []
  for index in range(count):
    record = last | measured | {"step": last["step"] + 100 * (index + 1)}
    if phase == "gan":
      record["gan/std_generated"] += 1e-4 * (-1) ** index
    records.append(record)
  return HEALTHY + records if phase == "gan" else HEALTHY[:6] + records


def with_warning(phase, first, last, values, count=30):
  """Replaces values in the records `first` to `last` of those that `long_run` adds."""
  records = long_run(phase, count)
  start = len(records) - count
  for index in range(start + first, start + last + 1):
    records[index] = records[index] | values
  return records, records[start]["step"] - 100


def events(records):
  return health.events(records, RULES)


def found(records):
  return [(event.phase, event.step, event.kind) for event in events(records)]


def test_a_healthy_run_has_no_event():
  assert [record["phase"] for record in HEALTHY].count("gan") == 16
  assert events(HEALTHY) == []
  assert events(long_run("gan", 120)) == events(long_run("sae", 120)) == []


# The kind, what is replaced from the 10th added record on, and the record that warns.
WARNED = [
  ("exploding_gradient", "gan", {"generator/grad_norm": 13.0}, 10),
  ("exploding_gradient", "gan", {"discriminator/grad_norm": 100.0}, 10),
  ("exploding_gradient", "sae", {"sae/grad_norm": 10.1}, 10),
  ("vanishing_gradient", "gan", {"generator/grad_norm": 5e-5}, 12),
  ("diverging_loss", "gan", {"gan/d_loss": 101.0}, 10),
  ("diverging_loss", "gan", {"gan/d_loss": -1001.0}, 10),
  ("diverging_loss", "gan", {"gan/g_loss": -1001.0}, 10),
  ("useless_reconstruction", "sae", {"sae/fvu": 1.01}, 14),
  (
    "discriminator_won",
    "gan",
    {"gan/d_loss": 0.049, "gan/d_real": 3.0, "gan/d_fake": -3.0},
    12,
  ),
  ("beyond_margin", "gan", {"gan/below_margin": 0.009}, 14),
  ("lost_balance", "gan", {"gan/balance": 0.995}, 14),
  ("dead_generator", "gan", {"gan/std_generated": 0.02}, 10),
  (
    "standstill",
    "gan",
    {"gan/std_generated": 0.4, "gan/pair_distance_generated": 9.0},
    11,
  ),
  ("mode_collapse", "gan", {"gan/pair_distance_generated": 4.5}, 11),
  ("mode_collapse", "gan", {"gan/class_kl": math.log(2)}, 11),
  ("ignored_class", "gan", {"gan/class_accuracy": 0.12}, 11),
  ("lost_modes", "gan", {"gan/classes_covered": 9}, 10),
  ("lost_modes", "gan", {"gan/recall": 0.29}, 10),
  ("worse_samples", "gan", {"gan/frechet": 8.1}, 10),
  (
    "overfitting_discriminator",
    "gan",
    {"gan/overfitting": 0.61, "gan/overfitting_error": 0.05},
    11,
  ),
  ("code_drift", "gan", {"gan/code_l0": 3.9}, 12),
  ("code_drift", "gan", {"gan/code_l0": 129.0}, 12),
  ("dead_latents", "sae", {"sae/dead_fraction": 0.26}, 12),
]


@pytest.mark.parametrize(("kind", "phase", "values", "number"), WARNED)
def test_a_warning_is_given_once_where_it_begins(kind, phase, values, number):
  records, before = with_warning(phase, 9, 20, values)
  (event,) = events(records)
  assert event[:3] == (phase, before + 100 * number, kind)
  name, value = next(iter(values.items()))
  assert f"{value:.3g}" in event.saw, event
  assert name.split("/")[1] in event.saw


@pytest.mark.parametrize(
  ("phase", "values"),
  [
    # what the losses allow: D just ahead, Wasserstein's loss passing 0 with a flat D
    ("gan", {"gan/d_loss": 0.051, "gan/d_real": 3.0, "gan/d_fake": -3.0}),
    ("gan", {"gan/d_loss": 0.001, "gan/d_real": 0.2, "gan/d_fake": -0.2}),
    ("gan", {"gan/d_loss": -100.0, "gan/d_real": 150.0, "gan/d_fake": 50.0}),
    ("gan", {"gan/d_loss": 12.0}),
    ("gan", {"gan/below_margin": 0.02, "gan/balance": 0.9}),
    ("gan", {"generator/grad_norm": 1e-3}),
    ("gan", {"generator/grad_norm": 9.0}),
    ("gan", {"gan/pair_distance_generated": 5.4}),
    ("gan", {"gan/recall": 0.31}),
    ("gan", {"gan/frechet": 7.9}),
    ("gan", {"gan/frechet": 8.1, "gan/frechet_error": 1.0}),
    ("gan", {"gan/code_l0": 4.1}),
    ("gan", {"gan/overfitting": 0.59, "gan/overfitting_error": 0.05}),
    ("sae", {"sae/dead_fraction": 0.24}),
    ("sae", {"sae/fvu": 0.99}),
  ],
)
def test_what_only_looks_bad_gives_no_warning(phase, values):
  assert found(with_warning(phase, 9, 20, values)[0]) == []


@pytest.mark.parametrize("length", [1, 2])
def test_a_stray_record_gives_no_warning_of_the_patient_rules(length):
  values = {"gan/d_loss": 0.01, "gan/d_real": 5.0, "gan/code_l0": 0.1}
  assert found(with_warning("gan", 9, 8 + length, values)[0]) == []


def test_a_warning_is_given_again_only_after_it_has_ended():
  records, before = with_warning("gan", 4, 4, {"gan/d_loss": 500.0})
  start = len(records) - 30
  # within HEALED records of the first: the same warning; after that, a new one
  for index in (4 + HEALED, 5 + 2 * HEALED + 1):
    records[start + index] = records[start + index] | {"gan/d_loss": 500.0}
  assert found(records) == [
    ("gan", before + 500, "diverging_loss"),
    ("gan", before + 100 * (6 + 2 * HEALED + 1), "diverging_loss"),
  ]


def test_evaluations_between_training_records_are_judged_by_themselves():
  evaluation = {"gan/pair_distance_generated": 1.0, "gan/pair_distance_real": 9.0}
  records = []
  for step in range(1, 41):
    records.append({"phase": "gan", "step": step, "gan/d_loss": 0.7})
    if step % 10 == 0:
      records.append({"phase": "gan", "step": step} | evaluation)
  assert found(records) == [("gan", 20, "mode_collapse")]


def test_a_first_record_may_diverge_and_an_untrained_network_gives_no_warning():
  bad = {"gan/d_loss": 1810.0, "gan/std_generated": 0.0, "gan/std_real": 0.4}
  assert found([{"phase": "gan", "step": 0} | bad]) == []
  assert found([{"phase": "gan", "step": 100} | bad]) == [
    ("gan", 100, "diverging_loss"),
    ("gan", 100, "dead_generator"),
  ]


def test_without_an_autoencoder_the_code_is_compared_with_its_start():
  records = [
    {"phase": "gan", "step": step, "gan/code_l0": 64.0 if step < 20 else 7.9}
    for step in range(1, 40)
  ]
  assert found(records) == [("gan", 22, "code_drift")]


def test_a_slow_decay_of_the_gradient_is_seen_against_its_first_size():
  # halves every 100 records, so the median of the last 50 never is far above it
  records = [
    {"phase": "gan", "step": step, "generator/grad_norm": 2 ** (-step / 100)}
    for step in range(1, 1300)
  ]
  ((phase, step, kind),) = found(records)
  # median of the first five records: 2 ** -.03; the third record below 1e-3 of it
  assert (phase, kind) == ("gan", "vanishing_gradient")
  assert step == math.ceil(3 + 100 * math.log2(1000)) + 2


def test_the_newest_record_adds_what_the_whole_run_has():
  records, _ = with_warning("gan", 9, 20, {"gan/code_l0": 0.5, "gan/frechet": 20.0})
  expected = events(records)
  assert len(expected) == 2
  for split in (0, 5, len(HEALTHY) + 10, len(HEALTHY) + 11, len(records)):
    follower = Health(RULES)
    for record in records[:split]:
      follower.add(record)
    rest = [event for record in records[split:] for event in follower.add(record)]
    assert events(records[:split]) + rest == expected


def test_any_metric_may_be_missing_or_no_number():
  records, _ = with_warning("gan", 9, 20, {"gan/d_loss": 500.0})
  names = sorted({name for record in records for name in record} - {"phase", "step"})
  for value in (None, math.nan, math.inf, "?"):
    for name in names:
      events([record | {name: value} for record in records])
  for name in names:
    events([{k: v for k, v in record.items() if k != name} for record in records])
  assert events([{"phase": "gan", "step": 5}, {"step": 5}, {}]) == []


def test_every_advice_names_fields_that_exist():
  fields = set(flatten(all_sections().to_dict()))
  for rule in RULES:
    words = {word.strip("(),:").split("=")[0] for word in rule.advice.split()}
    named = {word for word in words if "." in word.strip(".")}
    assert named <= fields, (rule.kind, named - fields)
