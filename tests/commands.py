"""launch.py in processes that tests start, signal and kill."""

import contextlib
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.systems import ROOT

# Children are forked from one process that has imported everything and touched no
# device: they start in a tenth of the time that `python launch.py` takes.
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["launch", "sgae.runner", "sgae.compilation"])


def launched(arguments: list[str], output: Path) -> subprocess.Popen:
  """Starts launch.py as a user does; what it prints goes to a file."""
  with open(output, "wb") as file:
    return subprocess.Popen(
      [sys.executable, "launch.py", *arguments],
      cwd=ROOT,
      env=os.environ | {"JAX_PLATFORMS": "cpu"},
      stdout=file,
      stderr=subprocess.STDOUT,
    )


class Forked:
  """launch.py in a process of its own that did not have to import what it needs."""

  def __init__(self, arguments: list[str], output: Path):
    cache = os.environ["SGAE_CACHE_DIR"]  # not known yet to the one that is forked
    environment = {"JAX_PLATFORMS": "cpu", "SGAE_CACHE_DIR": cache}
    output.write_bytes(b"")
    self._process = _forks.Process(target=_main, args=(arguments, output, environment))
    self._process.start()
    self.kill = self._process.kill
    assert self._process.pid
    self.pid = self._process.pid

  def poll(self) -> int | None:
    return self._process.exitcode

  def wait(self, timeout: float) -> int | None:
    self._process.join(timeout)
    if self.poll() is None:
      self.kill()
      raise TimeoutError(f"still there after {timeout} s")
    return self.poll()


def _main(arguments, output, environment):
  os.environ.update(environment)
  with open(output, "w") as file:
    os.dup2(file.fileno(), 1)
    os.dup2(file.fileno(), 2)
  # a shell's background job, which this may be part of, starts with it ignored
  signal.signal(signal.SIGINT, signal.default_int_handler)
  sys.argv = ["launch.py", *arguments]  # where config_flags looks for overrides
  import launch

  code = launch.main(sys.argv)
  sys.stdout.flush()
  os._exit(code)


def wait_for(process, words: str, output: Path, timeout: float = 120) -> None:
  """Returns once a process has printed something that matches, or ended."""
  _until(process, lambda: re.search(words, output.read_text()) is not None, timeout)


def wait_for_records(process, workdir: Path, count: int, timeout: float = 120) -> None:
  """Returns once a run has written so many records, or ended."""
  metrics = workdir / "metrics.jsonl"

  def enough():
    with contextlib.suppress(FileNotFoundError):
      return metrics.read_bytes().count(b"\n") >= count
    return False

  _until(process, enough, timeout)


def _until(process, happened, timeout):
  end = time.monotonic() + timeout
  while process.poll() is None and not happened():
    assert time.monotonic() < end, f"nothing after {timeout} s"
    time.sleep(0.002)
