"""kill -9 at random moments: the same command again ends in the same bits.

    pytest -m soak tests/test_kill.py

kills 50 times.
"""

import json
import random
import time

import pytest

from sgae.methods import views
from sgae.reporting.report import write_report
from tests.commands import Forked, launched, wait_for, wait_for_records
from tests.runs import assert_same_bits, timeless

SHOWN = views.shown()


def killed_again_and_again(start, arguments, workdir, records, kills, seed):
  """Runs a command to its end with kills; returns what each kill interrupted.

  Args:
    start: starts it.
    arguments: of launch.py.
    workdir: the run directory.
    records: lines of metrics that the whole run writes; kills are spread over them.
    kills: how many.
    seed: of the moments.
  """
  rng, struck, output = random.Random(seed), [], workdir.with_suffix(".txt")
  for number in range(kills):
    process = start([f"--workdir={workdir}", *arguments], output)
    if rng.random() < 0.85:
      wait_for(process, "Training |Resuming ", output)
      wait_for_records(process, workdir, 1 + (number * records) // kills)
      time.sleep(rng.uniform(0, 0.15))
    else:  # at any time, also before anything is trained
      time.sleep(rng.uniform(0, 6))
    if process.poll() is None:
      process.kill()
      process.wait(60)
      struck.append(_position(workdir))
  process = start([f"--workdir={workdir}", *arguments], output)
  assert process.wait(600) == 0, output.read_text()
  return struck


def _position(workdir):
  """Returns (records, checkpoints, incomplete checkpoints) after a kill."""
  try:
    lines = (workdir / "metrics.jsonl").read_bytes().count(b"\n")
  except FileNotFoundError:
    lines = 0
  names = [path.name for path in workdir.glob("*/checkpoints/*")]
  return lines, len(names), sum("tmp" in name for name in names)


def assert_as_undisturbed(workdir, whole):
  """Fails unless states, records, figures and report equal those of `whole_run`."""
  assert_same_bits(workdir, whole)
  text = (workdir / "metrics.jsonl").read_bytes()
  assert text.endswith(b"\n")
  for line in text.splitlines():
    json.loads(line, parse_constant=pytest.fail)
  assert timeless(workdir) == timeless(whole)
  measured, expected = (
    json.loads((run / "evaluation.json").read_text()) for run in (workdir, whole)
  )
  for phase in ("sae", "gan"):
    assert measured[phase]["figures"] == expected[phase]["figures"]
  assert not list(workdir.rglob("*.partial"))
  pictures = {path.name for path in (whole / "images").iterdir()}
  assert {path.name for path in (workdir / "images").iterdir()} == pictures
  write_report(workdir, [], SHOWN)
  assert "</html>" in (workdir / "report.html").read_text()


def test_a_run_killed_at_random_moments_ends_in_the_same_bits(tmp_path, whole_run):
  arguments = [f"--config={whole_run}/config.json"]
  records = len(timeless(whole_run))
  workdir = tmp_path / "run"
  struck = killed_again_and_again(Forked, arguments, workdir, records, 3, seed=0)
  assert len(struck) >= 2
  assert_as_undisturbed(workdir, whole_run)


@pytest.mark.soak
def test_fifty_kills_over_both_phases_lose_nothing(tmp_path, whole_run, capsys):
  arguments = [f"--config={whole_run}/config.json"]
  for phase in ("sae", "gan"):
    arguments += [f"--config.{phase}.steps=400", f"--config.{phase}.save_every=20"]
    arguments += [f"--config.{phase}.evaluate_every=20"]
  whole = tmp_path / "whole"
  undisturbed = launched([f"--workdir={whole}", *arguments], tmp_path / "whole.txt")
  assert undisturbed.wait(600) == 0
  records = len(timeless(whole))
  struck, round = [], 0
  while len(struck) < 50:
    workdir = tmp_path / f"run{round}"
    struck += killed_again_and_again(
      launched, arguments, workdir, records, 50 - len(struck), seed=round
    )
    assert_as_undisturbed(workdir, whole)
    round += 1
  with capsys.disabled():
    half = sum(tmp for *_, tmp in struck)
    print(f"\n{len(struck)} kills survived, {half} of them within a save: {struck}")  # noqa: T201
