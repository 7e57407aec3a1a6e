"""Clocks: the system's may jump, and the reported speeds are right."""

import itertools
import time

import jax
import numpy as np

from sgae.devices.compiled_steps import CompiledSteps
from sgae.reporting.metrics import read_metrics
from sgae.reporting.tensorboard import EventFile
from sgae.training import clock
from sgae.training.recorder import Recorder
from tests.runs import assert_same_bits, timeless, train

JUMP = 1  # second; far more than steps take, and orbax waits by this clock


def jumping(monkeypatch):
  """Makes the system's clock jump at every reading, forward and back."""
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


def seconds_of_steps(run, phase):
  """Returns (step, seconds from the reported speed, seconds elapsed) of each record."""
  records = [r for r in read_metrics(run) if r["phase"] == phase]
  records = [r for r in records if r["images_per_second"]]
  pause = {"images_seen": 0, "seconds": 0.0}
  rows = []
  for record in records:
    images = record["images_seen"] - pause["images_seen"]
    elapsed = record["seconds"] - pause["seconds"]
    rows.append((record["step"], images / record["images_per_second"], elapsed))
    # an evaluation and a save follow, or it is the first one, which compiles the step
    if record["step"] % 10 == 0 or record is records[0]:
      pause = record
  return rows


def test_speeds_count_only_the_time_of_steps(whole_run):
  for phase in ("sae", "gan"):
    rows = seconds_of_steps(whole_run, phase)
    for step, busy, elapsed in rows:
      # the second one's time starts when the step is compiled, during the first one's
      limit = elapsed + (rows[0][2] if step == rows[1][0] else 0)
      assert 1e-5 < busy < limit + 1e-6
    (_, compiling, _), *others = rows
    assert all(busy < compiling for _, busy, _ in others)


def test_speeds_are_right_if_a_call_returns_when_it_is_done(tmp_path, monkeypatch):
  call, evaluate, now = CompiledSteps.__call__, Recorder._measure, [0.0]

  def blocking(self, *args):
    now[0] += 10  # five steps
    return jax.block_until_ready(call(self, *args))

  def slow(self, *args):
    now[0] += 1000
    return evaluate(self, *args)

  monkeypatch.setattr(clock, "perf_counter", lambda: now[0])
  monkeypatch.setattr(CompiledSteps, "__call__", blocking)
  monkeypatch.setattr(Recorder, "_measure", slow)
  train(tmp_path / "run")
  records = [r for r in read_metrics(tmp_path / "run") if r["phase"] == "gan"]
  records = [r for r in records if r["images_per_second"]]
  per_step = np.diff([r["images_seen"] for r in records])[0] / 5
  of_pauses = {
    r["step"]: r["images_per_second"] for r in records if r["step"] % 10 == 0
  }
  assert len(of_pauses) > 1
  assert of_pauses == dict.fromkeys(of_pauses, per_step / 2)
