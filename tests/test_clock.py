"""Clocks: the system's may jump, and what a run says of its speed stays true."""

import itertools
import time

import numpy as np

from sgae.reporting.metrics import read_metrics
from sgae.reporting.tensorboard import EventFile
from tests.runs import assert_same_bits, timeless, train

JUMP = 1  # second; far more than steps take, and orbax waits by this clock


def jumping(monkeypatch):
  """Makes the system's clock jump at every look, forth and back."""
  jumps, now = itertools.cycle([JUMP, -JUMP]), time.time

  def jumped():
    return now() + next(jumps)

  monkeypatch.setattr(time, "time", jumped)
  monkeypatch.setattr(time, "time_ns", lambda: int(jumped() * 1e9))


def seconds_of_records(run):
  return {
    phase: [r["seconds"] for r in read_metrics(run) if r["phase"] == phase]
    for phase in ("sae", "gan")
  }


def test_a_clock_that_jumps_changes_nothing(tmp_path, whole_run, monkeypatch):
  jumping(monkeypatch)
  begin = time.perf_counter()
  train(tmp_path / "run")
  took = time.perf_counter() - begin
  assert_same_bits(tmp_path / "run", whole_run)
  assert timeless(tmp_path / "run") == timeless(whole_run)
  for seconds in seconds_of_records(tmp_path / "run").values():
    assert (np.diff([0, *seconds]) >= 0).all()
    assert seconds[-1] < took


def test_event_files_are_read_in_the_order_of_writing(tmp_path, monkeypatch):
  jumping(monkeypatch)
  written = []
  for step in range(6):
    EventFile(tmp_path, step).close()
    (new,) = {path.name for path in tmp_path.iterdir()} - set(written)
    written.append(new)
  assert sorted(written) == written


def test_speeds_are_of_the_time_in_which_steps_ran(whole_run):
  for phase in ("sae", "gan"):
    records = [r for r in read_metrics(whole_run) if r["phase"] == phase]
    records = [r for r in records if r["images_per_second"]]
    images = np.diff([0, *(r["images_seen"] for r in records)])
    elapsed = np.diff([0, *(r["seconds"] for r in records)])
    busy = images / [r["images_per_second"] for r in records]
    assert (busy > 1e-5).all()  # five steps
    assert (busy < elapsed + 1e-6).all()
