"""Several processes train one model over loopback, each with its own CPU devices."""

import errno
import os
import signal
import socket
import time
from types import SimpleNamespace

import numpy as np
import pytest

from sgae.devices.mesh import make_mesh
from sgae.devices.processes import join
from sgae.errors import UserError
from tests.commands import Forked
from tests.systems import saved

SMALL = [
  "--config.code.num_latents=32",
  "--config.code.k=4",
  "--config.data.image_size=8",
  "--config.classifier.steps=20",
  "--config.classifier.log_every=10",
  "--config.classifier.channels=(4,4,4)",
  "--config.evaluation.num_samples=40",
  "--config.evaluation.final_samples=200",
]
for _phase in ("sae", "gan"):
  SMALL += [f"--config.{_phase}.log_every=5", f"--config.{_phase}.save_every=10"]
  SMALL += [f"--config.{_phase}.evaluate_every=20", f"--config.{_phase}.batch_size=16"]
SMALL += ["--config.sae.steps=20", "--config.gan.steps=100"]
# Runs that never end by themselves, without an autoencoder and evaluations.
ENDLESS = ["--config.gan.steps=100000", "--config.phases=('gan',)"]
ENDLESS += ["--config.gan.evaluate_every=100000"]


def start(workdir, count, devices, *arguments, last=(), host="127.0.0.1"):
  """Starts a run of `count` processes with `devices` CPU devices each.

  The last process is given the arguments `last` as well. `host` is of the first one.
  """
  with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
  place = [f"--coordinator={host}:{port}", f"--num_processes={count}"]
  return [
    Forked(
      [f"--workdir={workdir}", *SMALL, *arguments]
      + ([*place, f"--process_id={i}"] if count > 1 else [])
      + (list(last) if i == count - 1 else []),
      workdir.with_name(f"said by {i}"),
      workdir.with_name(f"errors of {i}"),
      devices,
    )
    for i in range(count)
  ]


def finish(processes):
  """Waits for processes to end; returns (exit codes, standard errors)."""
  try:
    codes = [process.wait(120) for process in processes]
  finally:
    for process in processes:
      process.kill()
  return codes, [process.errors.read_text() for process in processes]


def wait_for_checkpoint(workdir, phase, step, processes):
  folder = workdir / phase / "checkpoints" / str(step)
  while not folder.exists():
    assert all(process.poll() is None for process in processes), finish(processes)
    time.sleep(0.02)


def error_lines(text):
  return [line for line in text.splitlines() if line.startswith("error: ")]


def test_two_killed_processes_resumed_as_one_end_like_one(tmp_path):
  whole, parts = tmp_path / "whole", tmp_path / "parts"
  codes, errors = finish(start(whole, 1, 4))
  assert codes == [0], errors
  assert " 4 x cpu" in (tmp_path / "said by 0").read_text()

  processes = start(parts, 2, 2, "--config.data.placement=streamed")
  wait_for_checkpoint(parts, "gan", 10, processes)
  for process in processes:
    process.kill()
  finish(processes)
  assert saved(parts, "gan")[0] < 100
  codes, errors = finish(start(parts, 1, 4))
  assert codes == [0], errors

  for phase in ("sae", "gan"):
    step, expected = saved(whole, phase)
    again, arrays = saved(parts, phase)
    assert step == again
    for a, b in zip(expected, arrays, strict=True):
      assert np.linalg.norm(a - b) <= 1e-6 * np.linalg.norm(a)


def test_two_processes_end_together(tmp_path):
  with socket.socket(socket.AF_INET6) as probe:
    host = "127.0.0.1" if probe.connect_ex(("::1", 1)) == errno.ENETUNREACH else "[::1]"
  one_phase = ["--config.phases=('sae',)"]
  codes, errors = finish(start(tmp_path / "r", 2, 2, *one_phase, host=host))
  assert codes == [0, 0], errors
  assert " 4 x cpu" in (tmp_path / "said by 0").read_text()
  assert saved(tmp_path / "r", "sae")[0] == 20


def test_processes_that_differ_are_refused(tmp_path):
  codes, errors = finish(start(tmp_path / "r", 2, 1, last=["--config.seed=1"]))
  assert codes == [2, 2], errors
  for text in errors:
    (line,) = error_lines(text)
    assert "the processes differ in config" in line


@pytest.mark.parametrize("victim", [0, 1])
def test_a_process_that_loses_another_ends_with_one_line(tmp_path, victim):
  processes = start(tmp_path / "r", 2, 2, *ENDLESS)
  wait_for_checkpoint(tmp_path / "r", "gan", 10, processes)
  processes[victim].kill()
  if victim == 0:  # as JAX does where it is the first to see it
    os.kill(processes[1].pid, signal.SIGABRT)
  codes, errors = finish(processes)
  assert codes[1 - victim] == 4, errors
  (line,) = error_lines(errors[1 - victim])
  assert f"process {1 - victim} ends" in line
  assert "Traceback" not in errors[1 - victim]


def test_a_signal_to_one_process_stops_and_saves_them_all(tmp_path):
  processes = start(tmp_path / "r", 2, 2, *ENDLESS)
  wait_for_checkpoint(tmp_path / "r", "gan", 10, processes)
  os.kill(processes[1].pid, signal.SIGTERM)
  codes, errors = finish(processes)
  assert codes == [143, 143], errors
  for text in errors:
    (line,) = error_lines(text)
    assert "saved: run the same command again" in line


def test_incomplete_flags_are_refused(tmp_path):
  codes, errors = finish(start(tmp_path / "r", 1, 1, "--num_processes=2"))
  assert codes == [2]
  (line,) = error_lines(errors[0])
  assert "give all three" in line


@pytest.mark.parametrize(
  ("devices", "members", "words"),
  [
    (1, 0, "devices=1 leaves process 1 without a device: .* use 0 for all devices"),
    (0, 3, "over which 3 members are spread, leaves process 1 .* a multiple of 2 mem"),
  ],
)
def test_a_process_without_a_device_is_refused(devices, members, words):
  available = [SimpleNamespace(process_index=i, platform="cpu") for i in range(2)]
  with pytest.raises(UserError, match=words):
    make_mesh(devices, available, members)


@pytest.mark.parametrize(
  ("flags", "words"),
  [
    (("", -3, -7), "give all three"),
    (("127.0.0.1:1", 2, 2), "--process_id=2 is not allowed with --num_processes=2"),
    (("127.0.0.1:1", -3, 0), "not allowed with --num_processes=-3"),
    (("there", 1, 0), "names no port: give host:port, such as there:1234"),
  ],
)
def test_impossible_flags_are_refused(flags, words):
  with pytest.raises(UserError, match=words):
    join(*flags)
