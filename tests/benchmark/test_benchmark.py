"""One row measured for real, briefly: that it runs, not how fast."""

import importlib.util
import json
import sys

from sgae.benchmark import __main__ as benchmark
from sgae.benchmark import rows
from sgae.benchmark.worker import Failed


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


class Side:
  """Stands for a process that is warm, or that failed (rate 0)."""

  def __init__(self, rate):
    self.rate, self.closed = rate, False

  def await_start(self):
    if not self.rate:
      raise Failed("no such kernel")
    return {"peak_bytes": 10 * self.rate}

  def ask(self, question, seconds):
    assert question == "images"
    return self.rate

  def close(self):
    self.closed = True


def test_the_quickest_way_that_works_is_kept_and_the_others_closed():
  sides = {"eager": Side(2), "compiled": Side(0), "eager_graph": Side(3)}
  notes: list[str] = []
  best = benchmark.quickest(rows.row_named("mlp 64"), sides, notes)  # pyright: ignore
  assert best == ("eager_graph", 30)
  assert [side.closed for side in sides.values()] == [True, True, False]
  assert notes == ["mlp 64, PyTorch compiled: no such kernel"]
  assert benchmark.quickest(rows.row_named("mlp 64"), {}, notes) == ("", 0)


def test_on_a_gpu_every_way_is_tried_as_a_cuda_graph_too():
  row = rows.row_named("mlp 64")
  assert rows.variants(row, "cpu") == ("eager", "compiled")
  assert rows.variants(row, "gpu") == (
    "eager",
    "compiled",
    "eager_graph",
    "compiled_graph",
  )
  sampling = rows.row_named("sampling mlp")
  assert rows.variants(sampling, "gpu") == rows.variants(sampling, "cpu")
