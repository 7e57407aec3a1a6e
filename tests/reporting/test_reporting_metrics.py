"""metrics.jsonl is strict JSON, and a resumed run has each line once."""

import json
import os

import jax.numpy as jnp
import numpy as np
import pytest

from sgae.errors import UserError
from sgae.reporting.metrics import MetricsWriter, read_metrics


def record(phase, step, **metrics):
  common = {"images_seen": 8 * step, "seconds": step / 2, "images_per_second": 16.0}
  return {"phase": phase, "step": step, **common, **metrics}


def steps(workdir):
  return [(r["phase"], r["step"]) for r in read_metrics(workdir)]


def test_every_line_is_strict_json_with_plain_numbers(tmp_path):
  metrics = {
    "sae/mse": float("nan"),
    "sae/fvu": np.float32(0.5),
    "sae/l0": jnp.float32(jnp.inf),
    "sae/bf16": jnp.bfloat16(1.5),
    "sae/dead": np.int64(2**40),
    "sae/flag": np.bool_(True),
    "sae/array": jnp.asarray(-0.25),
  }
  with MetricsWriter(tmp_path, {}) as writer:
    writer.write(record("sae", np.int32(10), **metrics))

  def refuse(constant):
    raise AssertionError(f"{constant} is no JSON")

  (line,) = (tmp_path / "metrics.jsonl").read_text().splitlines()
  expected = {"sae/mse": None, "sae/fvu": 0.5, "sae/l0": None, "sae/bf16": 1.5}
  expected |= {"sae/dead": 2**40, "sae/flag": True, "sae/array": -0.25}
  assert json.loads(line, parse_constant=refuse) == record("sae", 10, **expected)


def test_a_line_can_be_read_as_soon_as_it_is_written(tmp_path):
  with MetricsWriter(tmp_path, {}) as writer:
    writer.write(record("sae", 10))
    assert steps(tmp_path) == [("sae", 10)]


@pytest.mark.parametrize(
  "wrong", [{"sae/mse": np.zeros(1)}, {"step": 1.5}, {"phase": 3}, {"step": None}]
)
def test_what_is_no_record_is_refused_and_not_written(tmp_path, wrong):
  with MetricsWriter(tmp_path, {}) as writer, pytest.raises(ValueError):
    writer.write({**record("sae", 10), **wrong})
  assert read_metrics(tmp_path) == []


def test_a_resumed_run_has_no_doubled_missing_or_torn_line(tmp_path):
  with MetricsWriter(tmp_path, {}) as writer:
    for step in (0, 10, 20, 30):
      writer.write(record("sae", step, **{"sae/mse": 1.0}))
  path = tmp_path / "metrics.jsonl"
  second = path.read_bytes().splitlines(keepends=True)[1]
  with open(path, "ab") as file:
    file.write(second + b'{"phase": "sae", "step": 40, "sae/m')

  with MetricsWriter(tmp_path, {"sae": 20}) as writer:
    assert steps(tmp_path) == [("sae", 0), ("sae", 10), ("sae", 20)]
    for step in (30, 40):
      writer.write(record("sae", step, **{"sae/mse": 2.0}))
  assert steps(tmp_path) == [("sae", step) for step in (0, 10, 20, 30, 40)]
  assert [r["sae/mse"] for r in read_metrics(tmp_path)] == [1, 1, 1, 2, 2]


def test_a_whole_last_line_without_its_end_is_kept(tmp_path):
  (tmp_path / "metrics.jsonl").write_text(json.dumps(record("sae", 10)))
  with MetricsWriter(tmp_path, {"sae": 10}) as writer:
    writer.write(record("sae", 20))
  assert steps(tmp_path) == [("sae", 10), ("sae", 20)]


def test_lines_of_a_later_phase_go_when_the_position_lacks_it(tmp_path):
  with MetricsWriter(tmp_path, {}) as writer:
    for phase in ("sae", "gan"):
      for step in (10, 20):
        writer.write(record(phase, step))
  with MetricsWriter(tmp_path, {"sae": 20}):
    assert steps(tmp_path) == [("sae", 10), ("sae", 20)]


def test_the_same_record_is_written_once_but_other_names_are_another(tmp_path):
  with MetricsWriter(tmp_path, {}) as writer:
    writer.write(record("sae", 10, **{"sae/mse": 1.0}))
  with MetricsWriter(tmp_path, {"sae": 10}) as writer:
    writer.write(record("sae", 10, **{"sae/mse": 1.0}))
    writer.write(record("sae", 10, **{"sae/test_mse": 3.0}))
  assert [r.get("sae/test_mse") for r in read_metrics(tmp_path)] == [None, 3.0]
  with MetricsWriter(tmp_path, {"sae": 10}):
    assert len(read_metrics(tmp_path)) == 2


def test_last_is_the_last_kept_record_of_the_phase(tmp_path):
  with MetricsWriter(tmp_path, {}) as writer:
    assert writer.last("sae") is None
    for phase, step in [("sae", 10), ("sae", 20), ("gan", 10)]:
      writer.write(record(phase, step))
    assert writer.last("sae") == record("sae", 20)
  with MetricsWriter(tmp_path, {"sae": 10}) as writer:
    assert writer.last("sae") == record("sae", 10)
    assert writer.last("gan") is None


@pytest.mark.parametrize("damage", [b"\0\0\0", b"[1]", b'{"step": 1}', b""])
def test_a_damaged_line_in_the_middle_is_named_and_nothing_is_changed(tmp_path, damage):
  path = tmp_path / "metrics.jsonl"
  line = json.dumps(record("sae", 1)).encode()
  path.write_bytes(b"\n".join([line, damage, line, b""]))
  before = path.read_bytes()
  with pytest.raises(UserError, match="line 2 of .*metrics.jsonl") as refusal:
    MetricsWriter(tmp_path, {"sae": 1})
  assert "\n" not in str(refusal.value)
  assert path.read_bytes() == before


def test_a_full_disk_is_one_line_and_the_next_run_goes_on(tmp_path):
  resource = pytest.importorskip("resource")
  soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
  writer = MetricsWriter(tmp_path, {})
  writer.write(record("sae", 10))
  size = os.path.getsize(tmp_path / "metrics.jsonl")
  try:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, hard))
    with pytest.raises(UserError) as refusal:
      writer.write(record("sae", 20))
    with pytest.raises(UserError):
      writer.close()
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
  assert str(tmp_path / "metrics.jsonl") in str(refusal.value)
  assert "\n" not in str(refusal.value)
  assert os.path.getsize(tmp_path / "metrics.jsonl") == size + 20
  with MetricsWriter(tmp_path, {"sae": 20}) as writer:
    writer.write(record("sae", 20))
  assert steps(tmp_path) == [("sae", 10), ("sae", 20)]


def test_an_unusable_directory_is_one_line(tmp_path):
  (tmp_path / "file").write_bytes(b"")
  with pytest.raises(UserError, match="cannot read or write") as refusal:
    MetricsWriter(tmp_path / "file", {})
  assert str(tmp_path / "file") in str(refusal.value)
