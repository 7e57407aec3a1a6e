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
from tempfile import TemporaryDirectory

from tests.systems import ROOT

# Children are forked from one process that has imported everything and touched no
# device: they start in a tenth of the time that `python launch.py` takes.
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["launch", "sgae.training.run", "sgae.aot.compile"])


def launched(arguments: list[str], output: Path) -> subprocess.Popen:
  """Starts launch.py as a user does; its output goes to a file."""
  with open(output, "wb") as file:
    return subprocess.Popen(
      [sys.executable, "launch.py", *arguments],
      cwd=ROOT,
      env=os.environ | {"JAX_PLATFORMS": "cpu"},
      stdout=file,
      stderr=subprocess.STDOUT,
    )


class Forked:
  """launch.py in a forked process, which has all modules imported already."""

  def __init__(
    self,
    arguments: list[str],
    output: Path,
    errors: Path | None = None,
    devices: int = 1,
    folder: Path = ROOT,
  ):
    """Starts the process.

    Args:
      arguments: of launch.py.
      output: file for its output.
      errors: file for its standard error; None: `output`.
      devices: as which the CPU appears.
      folder: that relative paths of the arguments begin at.
    """
    flags = f"--xla_force_host_platform_device_count={devices}"
    environment = {
      "SGAE_CACHE_DIR": os.environ["SGAE_CACHE_DIR"],  # not known to what is forked
      "JAX_PLATFORMS": "cpu",
      "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} {flags}",
    }
    self.errors = errors or output
    for file in (output, self.errors):
      file.write_bytes(b"")
    self._process = _forks.Process(
      target=_main, args=(arguments, output, self.errors, environment, folder)
    )
    self._process.start()
    self.kill = self._process.kill
    assert self._process.pid
    self.pid = self._process.pid

  def poll(self) -> int | None:
    return self._process.exitcode

  def wait(self, timeout: float) -> int:
    self._process.join(timeout)
    code = self.poll()
    if code is None:
      self.kill()
      raise TimeoutError(f"still there after {timeout} s")
    return code


def _main(arguments, output, errors, environment, folder):
  os.environ.update(environment)
  os.chdir(folder)
  for descriptor, path in ((1, output), (2, errors)):
    with open(path, "a") as file:
      os.dup2(file.fileno(), descriptor)
  # a shell's background job, which this may be part of, starts with it ignored
  signal.signal(signal.SIGINT, signal.default_int_handler)
  sys.argv = ["launch.py", *arguments]  # where config_flags looks for overrides
  import launch

  code = launch.main(sys.argv)
  sys.stdout.flush()
  os._exit(code)


def forked(
  *arguments: str, devices: int = 1, folder: Path = ROOT
) -> subprocess.CompletedProcess:
  """Runs launch.py to its end, like `tests.systems.launch` but faster."""
  with TemporaryDirectory() as place:
    output, errors = Path(place) / "output.txt", Path(place) / "errors.txt"
    code = Forked(list(arguments), output, errors, devices, folder).wait(300)
    return subprocess.CompletedProcess(
      arguments, code, output.read_text(), errors.read_text()
    )


def wait_for(process, words: str, output: Path, timeout: float = 120) -> None:
  """Waits until a process has printed something that matches, or has ended."""
  _until(process, lambda: re.search(words, output.read_text()) is not None, timeout)


def wait_for_records(process, workdir: Path, count: int, timeout: float = 120) -> None:
  """Waits until a run has written `count` records, or has ended."""
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
