"""Signals at every stage of a command: what is saved, how fast, and the exit code."""

import os
import signal
import time
from pathlib import Path

import pytest

from sgae.errors import StoppedBySignal
from sgae.training.signals import heeded, noted_signals, stopped
from tests.commands import Forked, wait_for_records
from tests.runs import (
  CALLS,
  ActingConsole,
  assert_same_bits,
  stopping_console,
  timeless,
  tiny_config,
  train,
)


def test_a_second_signal_ends_a_run_at_once(tmp_path, whole_run):
  workdir, output = tmp_path / "run", tmp_path / "said.txt"
  long = [f"--config.sae.{name}=300000" for name in ("steps", "log_every")]
  long += [f"--config.sae.{name}_every=300000" for name in ("evaluate", "save")]
  process = Forked(
    [f"--config={whole_run}/config.json", f"--workdir={workdir}", *long], output
  )
  wait_for_records(process, workdir, 1)  # next is a compiled call of many seconds
  time.sleep(0.5)
  for _ in range(2):  # at one moment, as `timeout` does, they are one
    os.kill(process.pid, signal.SIGINT)
    time.sleep(0.01)
  time.sleep(0.5)
  assert process.poll() is None, output.read_text()  # it waits for the call, to save
  os.kill(process.pid, signal.SIGINT)
  begin = time.monotonic()
  assert process.wait(60) == 130
  assert time.monotonic() - begin < 2
  assert "stopped at once by a second signal" in output.read_text()


def test_a_signal_after_the_last_step_does_not_wait_for_the_evaluation(
  tmp_path, whole_run
):
  workdir = tmp_path / "run"
  with pytest.raises(StoppedBySignal, match="after the last step") as stopped:
    train(workdir, console=stopping_console(2 * CALLS))
  assert stopped.value.exit_code == 143
  assert not (workdir / "evaluation.json").exists()
  train(workdir)
  assert (workdir / "evaluation.json").exists()
  assert_same_bits(workdir, whole_run)
  assert timeless(workdir) == timeless(whole_run)


@pytest.fixture
def heeded_hangups():
  """SIGHUP as a terminal's command has it, also where nohup runs the tests."""
  before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
  yield
  signal.signal(signal.SIGHUP, before)


def test_a_closed_terminal_saves_a_run_however_often_it_says_so(heeded_hangups):
  with noted_signals() as received:
    os.kill(os.getpid(), signal.SIGHUP)
    # no longer one moment: a second signal of another kind would end it
    time.sleep(0.3)
    os.kill(os.getpid(), signal.SIGHUP)
    time.sleep(0.3)
  assert received == [signal.SIGHUP, signal.SIGHUP]
  ended = stopped(received, "at sae step 5", "to go on")
  assert ended.exit_code == 129
  assert "stopped by SIGHUP at sae step 5, saved" in str(ended)


def test_a_run_under_nohup_does_not_heed_a_closed_terminal():
  before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
  try:
    assert heeded() == (signal.SIGINT, signal.SIGTERM)
    with noted_signals() as received:
      os.kill(os.getpid(), signal.SIGHUP)
    assert received == []
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
  finally:
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
  ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_a_signal_while_data_are_read_is_one_line(tmp_path, number, code):
  endless, output = tmp_path / "endless.npz", tmp_path / "said.txt"
  os.mkfifo(endless)
  process = Forked(
    [
      f"--workdir={tmp_path}/run",
      "--config.data.source=npz",
      f"--config.data.path={endless}",
    ],
    output,
  )
  wait_until_it_opens_a_pipe(process)
  os.kill(process.pid, number)
  assert process.wait(15) == code
  name = signal.Signals(number).name
  assert output.read_text() == (
    f"error: stopped by {name} while nothing was in training\n"
  )
  assert not (tmp_path / "run").exists()


def wait_until_it_opens_a_pipe(process):
  """Waits until a process waits for the other end of a pipe, which never opens."""
  waits = Path(f"/proc/{process.pid}/wchan")
  if not waits.exists():
    time.sleep(5)
  while waits.exists() and waits.read_text() != "wait_for_partner":
    time.sleep(0.1)
  assert process.poll() is None


def memory() -> float:
  """Returns the resident memory of this process in MiB."""
  with open("/proc/self/statm") as file:
    return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.mark.soak
def test_memory_stays_flat_over_20000_logging_intervals(tmp_path, capsys):
  seen = [memory()]

  def measure():
    seen.append(memory())
    console.reports = 1

  console = ActingConsole(1, measure)
  config = tiny_config(sae__steps=20_000, sae__log_every=1, sae__evaluate_every=20_000)
  config.sae.save_every = 2_500  # the first ones start threads that stay
  config.phases = ("sae",)
  train(tmp_path / "run", config, console)
  figures = {at: round(seen[at], 1) for at in (1_000, 5_000, 10_000, 15_000, 19_999)}
  with capsys.disabled():
    print(f"\nMiB after so many intervals: {figures}")  # noqa: T201
  assert figures[19_999] - figures[10_000] < 5
