"""Measures one row briefly: whether it runs, not how fast."""

import importlib.util
import json
import sys
from typing import Any

import pytest

from configs.benchmark import row_named
from sgae.benchmark import __main__ as benchmark
from sgae.benchmark.table import Measured
from sgae.benchmark.worker import Failed, Worker


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


def test_a_failed_side_is_reported_in_one_line(monkeypatch, capsys):
  monkeypatch.setattr(sys, "argv", ["benchmark", "--only=mlp"])
  monkeypatch.setattr(benchmark, "ROWS", benchmark.ROWS[:1])
  monkeypatch.setattr(sys, "executable", "false")
  monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
  assert benchmark.main() == 1
  assert capsys.readouterr().out.endswith("note: mlp 64: it ended without a message\n")


def test_a_row_that_fails_beside_others_is_told_by_the_exit_code(monkeypatch, capsys):
  def measure(row, *others):
    if row is benchmark.ROWS[0]:
      raise Failed("it broke")
    return Measured(
      row.name, row.target, [2.0], [1.0], "eager", [1.0], 1.0, 1, 1, "cpu"
    )

  monkeypatch.setattr(sys, "argv", ["benchmark", "--only=mlp"])
  monkeypatch.setattr(benchmark, "measure", measure)
  assert benchmark.main() == 1
  assert "note: mlp 64: it broke" in capsys.readouterr().out


@pytest.mark.parametrize(
  ("flags", "words"),
  [
    (["--only=mlp", "--limit=5"], "--limit is read by --only=quality alone"),
    (["--json=/nowhere/x.json"], "is no file that can be written"),
    (["--json=/"], "is no file that can be written"),
  ],
)
def test_flags_that_would_do_nothing_or_fail_late_are_refused(
  monkeypatch, capsys, flags, words
):
  monkeypatch.setattr(sys, "argv", ["benchmark", *flags])
  with pytest.raises(SystemExit) as end:
    benchmark.main()
  assert end.value.code == 2
  assert words in capsys.readouterr().err


class Side:
  """A fake process with a given rate, or that fails at its start or later."""

  def __init__(self, rate: Any, starts: bool = True):
    self.rate, self.starts, self.closed = rate, starts, False

  def await_start(self):
    if not self.starts:
      raise Failed("no such kernel")
    return {"peak_bytes": 10 * (self.rate or 0)}

  def ask(self, question, seconds):
    assert question == "images"
    if self.rate is None:
      raise Failed("an assertion")
    return self.rate

  def close(self):
    self.closed = True


OURS: Any = Side(1)


def test_the_fastest_variant_is_kept_and_the_others_are_closed():
  sides = {
    "eager": Side(2),
    "compiled": Side(9, starts=False),
    "eager_graph": Side(3),
    "compiled_graph": Side(None),
  }
  row, notes = row_named("mlp 64"), []

  def start(side, name, precision, variant) -> Any:
    assert (side, name, precision) == ("pytorch", "mlp 64", "default")
    return sides[variant]

  def quickest():
    return benchmark.quickest(row, "default", "gpu", OURS, start, notes)

  assert quickest() == (sides["eager_graph"], "eager_graph", 30)
  assert [side.closed for side in sides.values()] == [True, True, False, True]
  assert notes == [
    "mlp 64, PyTorch compiled: no such kernel",
    "mlp 64, PyTorch compiled_graph: an assertion",
  ]
  for side in sides.values():
    side.rate = None
  assert quickest() == (None, "", 0)


@pytest.mark.parametrize("platform", ["cpu", "gpu"])
def test_the_sides_compile_in_parallel_only_on_a_cpu(platform):
  waiting, most = 0, 0

  class Counted(Side):
    def await_start(self):
      nonlocal waiting
      waiting -= self.starts
      self.starts = False
      return {"peak_bytes": 0}

  def start(*args) -> Any:
    nonlocal waiting, most
    waiting += 1
    most = max(most, waiting)
    return Counted(1)

  row = row_named("sae 512")
  benchmark.quickest(row, "default", platform, start(), start, [])
  assert most == (1 + len(row.variants_on("cpu")) if platform == "cpu" else 1)


def test_a_side_that_has_ended_says_why(monkeypatch):
  monkeypatch.setattr(sys, "executable", "false")
  side = Worker("ours")
  side._process.wait()
  with pytest.raises(Failed, match="ended without a message"):
    side.ask("images", 0.1)
  side.close()


def test_on_a_gpu_every_variant_is_also_tried_as_a_cuda_graph():
  row = row_named("mlp 64")
  assert row.variants_on("cpu") == ("eager", "compiled")
  assert row.variants_on("gpu") == (
    "eager",
    "compiled",
    "eager_graph",
    "compiled_graph",
  )
  sampling = row_named("sampling mlp")
  assert sampling.variants_on("gpu") == sampling.variants_on("cpu")
