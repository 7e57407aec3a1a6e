"""One row measured for real, briefly: that it runs, not how fast."""

import importlib.util
import json
import sys

from sgae.benchmark import __main__ as benchmark


def test_without_pytorch_a_row_is_measured_and_kept(monkeypatch, tmp_path, capsys):
  path = tmp_path / "speed.json"
  monkeypatch.setattr(sys, "argv", ["benchmark", "--only=sampling", f"--json={path}"])
  monkeypatch.setattr(benchmark, "ROWS", benchmark.ROWS[-2:-1])
  monkeypatch.setattr(benchmark, "PAIRS", 1)
  monkeypatch.setattr(benchmark, "SECONDS", 0.01)
  monkeypatch.setattr(benchmark, "PRODUCT_SECONDS", 0.01)
  monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
  assert benchmark.main() == 0
  (row,) = json.loads(path.read_text())["rows"]
  assert row["images_per_second"] > 0
  assert row["ratio"] is None
  assert "sampling mlp" in capsys.readouterr().out


def test_a_side_that_fails_is_told_in_one_line(monkeypatch, capsys):
  monkeypatch.setattr(sys, "argv", ["benchmark", "--only=mlp"])
  monkeypatch.setattr(benchmark, "ROWS", benchmark.ROWS[:1])
  monkeypatch.setattr(sys, "executable", "false")
  monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
  assert benchmark.main() == 1
  assert capsys.readouterr().out.endswith("note: mlp 64: it ended without a word\n")
