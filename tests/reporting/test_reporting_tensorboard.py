"""The TensorBoard events say what metrics.jsonl says, also after a resume."""

import struct

import numpy as np
import pytest
from tensorboardX.proto.event_pb2 import (
  Event,  # pyright: ignore[reportAttributeAccessIssue]
  SessionLog,  # pyright: ignore[reportAttributeAccessIssue]
)
from tensorboardX.record_writer import masked_crc32c

from sgae.errors import UserError
from sgae.reporting.metrics import MetricsWriter


def read_events(path):
  data, events = path.read_bytes(), []
  while data:
    (length,), (check,) = struct.unpack("<Q", data[:8]), struct.unpack("<I", data[8:12])
    assert check == masked_crc32c(data[:8])
    body, data = data[12 : 12 + length], data[12 + length :]
    assert struct.unpack("<I", data[:4]) == (masked_crc32c(body),)
    data = data[4:]
    events.append(Event.FromString(body))
  assert events[0].file_version == "brain.Event:2"
  return events


def shown(folder):
  """What TensorBoard shows: a START hides all earlier events from its step on."""
  points = []
  for path in sorted(folder.iterdir()):
    for event in read_events(path):
      if event.session_log.status == SessionLog.START:
        points = [point for point in points if point[1] < event.step]
      points += [(v.tag, event.step, v.simple_value) for v in event.summary.value]
  return points


def record(phase, step, **metrics):
  common = {"images_seen": 64, "seconds": 0.5, "images_per_second": 16.0}
  return {"phase": phase, "step": step, **common, **metrics}


def test_the_scalars_are_there_by_name_and_step(tmp_path):
  metrics = {"sae/mse": np.float32(0.25), "sae/l0": float("nan"), "sae/fvu": np.inf}
  with MetricsWriter(tmp_path, {}) as writer:
    writer.write(record("sae", 10, **metrics))
    # Before the end: a killed run keeps what it wrote.
    points = shown(tmp_path / "tensorboard" / "sae")
  assert sorted(points) == [
    ("sae/images_per_second", 10, 16.0),
    ("sae/images_seen", 10, 64.0),
    ("sae/mse", 10, 0.25),
    ("sae/seconds", 10, 0.5),
  ]


def test_a_resumed_run_shows_each_step_once(tmp_path):
  with MetricsWriter(tmp_path, {}) as writer:
    for step in (10, 20, 21):
      writer.write(record("sae", step, **{"sae/mse": 1.0}))
  with MetricsWriter(tmp_path, {"sae": 20}) as writer:
    for step in (21, 22):
      writer.write(record("sae", step, **{"sae/mse": 2.0}))
  points = shown(tmp_path / "tensorboard" / "sae")
  mse = [(step, value) for tag, step, value in points if tag == "sae/mse"]
  assert mse == [(10, 1.0), (20, 1.0), (21, 2.0), (22, 2.0)]


def test_a_purge_of_one_phase_leaves_the_others(tmp_path):
  with MetricsWriter(tmp_path, {}) as writer:
    for phase in ("sae", "gan"):
      for step in (10, 20):
        writer.write(record(phase, step))
  # The gan phase has no checkpoint: its events go at the opening, before any write.
  with MetricsWriter(tmp_path, {"sae": 20}):
    pass
  assert shown(tmp_path / "tensorboard" / "gan") == []
  points = shown(tmp_path / "tensorboard" / "sae")
  assert sorted({step for _, step, _ in points}) == [10, 20]


def test_a_refusing_disk_is_one_line(tmp_path):
  (tmp_path / "tensorboard").write_bytes(b"a file where the folder should be")
  with MetricsWriter(tmp_path, {}) as writer:
    with pytest.raises(UserError, match="tensorboard") as refusal:
      writer.write(record("sae", 10))
    assert "\n" not in str(refusal.value)
