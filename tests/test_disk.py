"""Full disks and lost directories: one line, exit code 2, and the run can resume."""

import os
import shutil
import subprocess
import threading
import time

import pytest

from sgae.errors import UserError
from sgae.reporting.metrics import MetricsWriter
from sgae.runs.checkpoints import Checkpoints
from tests.commands import Forked
from tests.runs import ActingConsole, assert_same_bits, timeless, train

NEEDED = 1200  # KiB that the files of `tests.runs.tiny_config` take, and a reserve


@pytest.fixture
def disk(tmp_path):
  """A file system of 4 MiB in memory."""
  place = tmp_path / "disk"
  place.mkdir()
  mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(place)]
  if os.getuid() or subprocess.run(mount, capture_output=True).returncode:
    pytest.skip("only root may mount a small disk")
  yield place
  subprocess.run(["umount", "-l", str(place)], check=True)


def leave_free(disk, kibibytes):
  """Fills a disk except for the given number of KiB."""
  ballast = disk / "ballast"
  ballast.unlink(missing_ok=True)
  free = shutil.disk_usage(disk).free - kibibytes * 1024
  ballast.write_bytes(b"\0" * max(free, 0))


def run_on_a_full_disk(disk, arguments, kibibytes, output):
  """Trains with this much free space; returns the output and whether it ran out."""
  workdir = disk / "run"
  leave_free(disk, kibibytes)
  process = Forked([f"--workdir={workdir}", *arguments], output)
  code, said = process.wait(120), output.read_text()
  assert "Traceback" not in said, said
  errors = [line for line in said.splitlines() if line.startswith("error: ")]
  if code == 0:
    assert not errors
    return said, False
  assert code == 2, said
  assert len(errors) == 1, said
  assert "No space left" in errors[0] or "RESOURCE_EXHAUSTED" in errors[0], said
  for phase in ("sae", "gan"):
    step, faults = Checkpoints(workdir / phase / "checkpoints", 2).newest_whole()
    assert not faults, (step, faults)
  assert not list(disk.rglob("*.partial"))
  return said, True


def finish(disk, arguments, output, whole_run):
  """Resumes with enough space; fails unless the results are those of a large disk."""
  (disk / "ballast").unlink()
  process = Forked([f"--workdir={disk}/run", *arguments], output)
  assert process.wait(120) == 0, output.read_text()
  assert_same_bits(disk / "run", whole_run)
  assert timeless(disk / "run") == timeless(whole_run)


def test_a_full_disk_is_one_line_and_the_run_goes_on_after(tmp_path, disk, whole_run):
  arguments = [f"--config={whole_run}/config.json"]
  output = tmp_path / "said.txt"
  full = [run_on_a_full_disk(disk, arguments, free, output)[1] for free in (150, 400)]
  assert all(full)
  finish(disk, arguments, output, whole_run)


@pytest.mark.soak
def test_a_disk_that_is_full_at_each_write(tmp_path, disk, whole_run, capsys):
  arguments = [f"--config={whole_run}/config.json"]
  output, places = tmp_path / "said.txt", set()
  for free in range(0, NEEDED, 24):
    said, full = run_on_a_full_disk(disk, arguments, free, output)
    if full:
      (line,) = [line for line in said.splitlines() if line.startswith("error: ")]
      places.add(line.split(str(disk))[1].split(":")[0].split(" ")[0])
    finish(disk, arguments, output, whole_run)
    shutil.rmtree(disk / "run")
  assert len(places) > 1  # else the disk was large enough, and nothing was tested
  with capsys.disabled():
    print(f"\nwrites that found no room: {sorted(places)}")  # noqa: T201


def test_a_disk_that_takes_no_writes_is_one_line(tmp_path, disk, whole_run):
  subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
  with pytest.raises(UserError, match=f"cannot read or write {disk}/run: Read-only"):
    train(disk / "run")


def test_a_directory_that_is_removed_under_the_run_is_one_line(tmp_path, whole_run):
  workdir = tmp_path / "run"

  def remove():
    time.sleep(1)  # until the pictures are written, before the next save begins
    shutil.rmtree(workdir)

  with pytest.raises(UserError, match="run/metrics.jsonl: it was removed"):
    train(workdir, console=ActingConsole(6, remove))
  # no files are left that a new start would refuse as not of a run
  train(workdir)
  assert_same_bits(workdir, whole_run)


def immutable(sign, *directories):
  """Sets (+) or takes back (-) that nobody, not even root, may change directories."""
  command = ["chattr", f"{sign}i", *map(str, directories)]
  try:
    return subprocess.run(command, capture_output=True).returncode == 0
  except FileNotFoundError:
    return False


def test_a_directory_made_read_only_under_the_run_is_one_line(tmp_path, whole_run):
  workdir, locked = tmp_path / "run", []
  if not immutable("+", tmp_path) or not immutable("-", tmp_path):
    pytest.skip("only root may make a directory immutable, and not on each file system")

  def protect():
    locked.extend([workdir, *(path for path in workdir.rglob("*") if path.is_dir())])
    assert immutable("+", *locked)

  try:
    with pytest.raises(UserError, match=f"{workdir}.*not permitted"):
      train(workdir, console=ActingConsole(6, protect))
  finally:
    immutable("-", *locked)
  train(workdir)
  assert_same_bits(workdir, whole_run)
  assert timeless(workdir) == timeless(whole_run)


def test_a_write_that_hangs_holds_up_no_step_before_the_next_save(
  tmp_path, whole_run, monkeypatch
):
  """The write of the first record hangs until the second one's progress is shown."""
  workdir, write = tmp_path / "run", MetricsWriter.write
  stepped, waited = threading.Event(), []

  def hang(writer, record):
    waited.append(stepped.wait(60))
    write(writer, record)

  monkeypatch.setattr(MetricsWriter, "write", hang)
  train(workdir, console=ActingConsole(2, stepped.set))
  assert all(waited)
  assert_same_bits(workdir, whole_run)
  assert timeless(workdir) == timeless(whole_run)
