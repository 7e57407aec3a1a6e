"""Trackers, for real: Weights & Biases offline, Trackio in a local database."""

import importlib.util
import io
import json
import sqlite3

import pytest

from configs import digits
from sgae.errors import UserError
from sgae.reporting import trackers
from sgae.reporting.console import Console
from sgae.reporting.journal import Journal
from tests.systems import run_python

# In a process of its own: both packages leave threads and exit hooks behind.
WRITES_TWICE = """
import sys
from pathlib import Path
from configs import digits
from sgae.reporting.trackers import open_trackers
config = digits.get_config()
config.logging.update(wandb=True, trackio=True)
for start in (0, 2):
  opened = open_trackers(config, Path(sys.argv[1]), "run", print)
  for step in (start, start + 1):
    for tracker in opened:
      tracker.write(10 * step, {"one/loss": float(step)})
  for tracker in opened:
    tracker.close()
"""


def test_a_resumed_run_goes_on_in_the_same_run_of_both(tmp_path):
  pytest.importorskip("wandb")
  pytest.importorskip("trackio")
  workdir = tmp_path / "run"
  done = run_python("-c", WRITES_TWICE, str(workdir))
  assert done.returncode == 0, done.stderr
  assert "Warning" not in done.stdout
  with sqlite3.connect(workdir / "trackio" / "sgae.db") as database:
    rows = database.execute("select run_name, metrics from metrics").fetchall()
  assert {name for name, _ in rows} == {"run"}
  expected = [{"one/loss": float(i), "one/step": 10 * i} for i in range(4)]
  assert [json.loads(metrics) for _, metrics in rows] == expected
  files = list((workdir / "wandb").glob("offline-run-*/run-*.wandb"))
  assert len(files) in (1, 2)
  assert len({path.name for path in files}) == 1  # one id
  assert all(path.stat().st_size for path in files)


def test_a_missing_package_is_refused_in_one_line(monkeypatch):
  config = digits.get_config()
  trackers.check_trackers(config)
  config.logging.wandb = True
  monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
  with pytest.raises(UserError, match=r"pip install -e '.\[wandb\]'"):
    trackers.check_trackers(config)


def test_a_failure_is_one_warning_and_no_end(tmp_path):
  class Failing:
    def write(self, step, scalars):
      raise OSError(f"no room for {scalars} of step {step}")

    def close(self):
      raise OSError("nor for this")

  said: list[str] = []
  guarded = trackers.Guarded("cloud", Failing, said.append)
  journal = Journal(
    tmp_path,
    {},
    Console(io.StringIO()),
    rules=(),
    shown={},
    trackers=[guarded],
  )
  with journal:
    for step in (1, 2):
      journal.write({"phase": "one", "step": step, "one/loss": 0.5})
  assert said == [
    "Warning: cloud failed (no room for {'one/loss': 0.5} of step 1): it gets no more "
    "metrics"
  ]
