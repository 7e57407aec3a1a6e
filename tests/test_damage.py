"""Checkpoints that are damaged after they are written, in each of their files."""

import io
import json
import re
import shutil

import pytest

from sgae.errors import UserError
from sgae.evaluation.evaluate import evaluate_run
from sgae.evaluation.sample import sample_run
from sgae.reporting.console import Console
from sgae.runs import checksums
from sgae.runs.checkpoints import Checkpoints
from tests.runs import assert_same_bits, copy_of, timeless, tiny_config, train
from tests.systems import saved


def cut(path):
  path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path):
  path.write_bytes(b"")


def flip(path):
  data = bytearray(path.read_bytes())
  data[len(data) // 2] ^= 4
  path.write_bytes(data)


def remove(path):
  path.unlink()


DAMAGES = (cut, empty, flip, remove)


def files_below(folder):
  return sorted(path for path in folder.rglob("*") if path.is_file())


def numbers_of(folder):
  """Returns the file that holds most of a checkpoint's numbers."""
  return max(files_below(folder), key=lambda path: path.stat().st_size)


def trained(workdir, config=None):
  """Trains and returns what was printed."""
  stream = io.StringIO()
  train(workdir, config, Console(stream))
  return stream.getvalue()


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("phase", ["sae", "gan"])
def test_damage_to_each_file_is_noticed_and_named(tmp_path, whole_run, phase, damage):
  checkpoints = whole_run / phase / "checkpoints"
  names = [path.relative_to(checkpoints) for path in files_below(checkpoints / "20")]
  assert len(names) > 10
  for number, name in enumerate(names):
    folder = copy_of(checkpoints, tmp_path / str(number))
    assert Checkpoints(folder, 2).newest_whole() == (20, [])
    damage(folder / name)
    step, faults = Checkpoints(folder, 2).newest_whole()
    assert step == 10, name
    (line,) = faults
    assert f"{folder}/20 is damaged (" in line
    # if the checksums are damaged, either they or the file may be wrong
    assert name.name in line or name.name == checksums.SUMS


def test_damaged_checkpoints_are_kept_and_the_ones_before_give_the_same_bits(
  tmp_path, whole_run
):
  workdir = copy_of(whole_run, tmp_path / "run")
  kept = {}
  for phase in ("sae", "gan"):
    folder = workdir / phase / "checkpoints"
    flip(numbers_of(folder / "20"))  # which orbax does not notice
    kept[phase] = [path.read_bytes() for path in files_below(folder / "20")]
  said = trained(workdir)
  warnings = re.findall("Warning: checkpoint .*", said)
  assert len(warnings) == 2, said
  assert all("the one before is used" in warning for warning in warnings)
  assert_same_bits(workdir, whole_run)
  for phase in ("sae", "gan"):
    folder = workdir / phase / "checkpoints" / "20.damaged"
    assert [path.read_bytes() for path in files_below(folder)] == kept[phase]
  # the autoencoder's last records are written again after those of the other phase
  order = sorted(timeless(workdir), key=lambda record: record["phase"], reverse=True)
  assert order == timeless(whole_run)
  assert "Warning" not in trained(workdir)

  flip(numbers_of(workdir / "gan" / "checkpoints" / "20"))
  trained(workdir)
  assert (workdir / "gan" / "checkpoints" / "20.damaged-2").is_dir()
  assert_same_bits(workdir, whole_run)


@pytest.mark.parametrize("phase", ["sae", "gan"])
def test_if_all_are_damaged_one_line_says_so_and_nothing_changes(
  tmp_path, whole_run, phase
):
  workdir = copy_of(whole_run, tmp_path / "run")
  folder = workdir / phase / "checkpoints"
  for step in ("10", "20"):
    empty(numbers_of(folder / step))
  before = files_below(workdir / phase)
  for start in (train, evaluate):
    with pytest.raises(UserError, match="all checkpoints are damaged: ") as refusal:
      start(workdir)
    assert f"{folder}/10" in str(refusal.value)
    assert f"{folder}/20" in str(refusal.value)
  assert files_below(workdir / phase) == before

  shutil.rmtree(folder)  # as the line advises; the other phases are kept
  train(workdir)
  assert_same_bits(workdir, whole_run)


def evaluate(workdir):
  evaluate_run(workdir, {}, Console(io.StringIO()))


def test_sampling_uses_the_one_before_and_leaves_the_damaged_one(tmp_path, whole_run):
  workdir, stream = copy_of(whole_run, tmp_path / "run"), io.StringIO()
  flip(numbers_of(workdir / "gan" / "checkpoints" / "20"))
  before = files_below(workdir / "gan")
  sample_run(workdir, {}, 2, "npz", Console(stream))
  assert "gan/checkpoints/20 is damaged" in stream.getvalue()
  assert "2 samples of step 10:" in stream.getvalue()
  assert files_below(workdir / "gan") == before


def test_a_damaged_best_state_gives_way_to_the_newest(tmp_path):
  config = tiny_config(evaluation__keep_best=True)
  trained(tmp_path / "run", config)
  (best,) = (tmp_path / "run" / "gan" / "best").iterdir()
  flip(numbers_of(best))
  (tmp_path / "run" / "evaluation.json").unlink()
  assert f"{best} is damaged" in trained(tmp_path / "run", config)
  measured = json.loads((tmp_path / "run" / "evaluation.json").read_text())
  assert measured["gan"]["step"] == 20


def test_incomplete_folders_are_not_checkpoints(tmp_path, whole_run):
  workdir = copy_of(whole_run, tmp_path / "run")
  folder = workdir / "gan" / "checkpoints"
  half = [path.relative_to(folder / "20") for path in files_below(folder / "20")][::2]
  for name in ("30", "20.orbax-checkpoint-tmp"):
    for path in half:
      (folder / name / path).parent.mkdir(parents=True, exist_ok=True)
      shutil.copy(folder / "20" / path, folder / name / path)
  (folder / "30" / checksums.SUMS).unlink(
    missing_ok=True
  )  # as after an interrupted copy
  shutil.rmtree(folder / "20")
  said = trained(workdir)
  assert f"{folder}/30 is damaged ({checksums.SUMS} is missing)" in said
  assert (folder / "30.damaged").is_dir()
  assert_same_bits(workdir, whole_run)


def test_partial_files_of_a_killed_run_are_deleted(tmp_path, whole_run):
  workdir = copy_of(whole_run, tmp_path / "run")
  for name in (".details.json.77.partial", "images/.gan_samples.png.8.partial"):
    (workdir / name).write_bytes(b"half")
  (workdir / ".mine.partial").write_bytes(b"not of sgae")
  trained(workdir)
  assert [path.name for path in workdir.rglob("*.partial")] == [".mine.partial"]


def test_checkpoints_of_a_version_without_checksums_are_used(tmp_path, whole_run):
  workdir = copy_of(whole_run, tmp_path / "run")
  for path in workdir.rglob(checksums.SUMS):
    path.unlink()
  assert "gan: all 20 steps are done" in trained(workdir)
  # without checksums only orbax can notice damage
  empty(workdir / "gan" / "checkpoints" / "20" / "default" / "_METADATA")
  with pytest.raises(UserError, match=r"gan/checkpoints/20 cannot be read"):
    train(workdir)


def test_checksums_cover_every_file_of_every_checkpoint(whole_run):
  for phase in ("sae", "gan"):
    for step in ("10", "20"):
      folder = whole_run / phase / "checkpoints" / step
      names = {path.relative_to(folder).as_posix() for path in files_below(folder)}
      lines = (folder / checksums.SUMS).read_text().splitlines()
      assert {line.split("  ")[1] for line in lines} == names - {checksums.SUMS}
  assert saved(whole_run, "gan")[0] == 20


def test_strange_files_among_checkpoints_are_ignored(tmp_path, whole_run):
  workdir = copy_of(whole_run, tmp_path / "run")
  folder = workdir / "gan" / "checkpoints"
  (folder / "notes.txt").write_text("not a checkpoint")
  (folder / "20" / "notes.txt").write_text("not a part of it")
  (folder / "not_a_step").mkdir()
  said = trained(workdir)
  assert "gan: all 20 steps are done" in said
  assert "Warning" not in said


def test_a_file_in_place_of_the_checkpoints_is_named(tmp_path):
  config = tiny_config(checkpoint__directory=str(tmp_path / "elsewhere"))
  (tmp_path / "elsewhere" / "sae").mkdir(parents=True)
  (tmp_path / "elsewhere" / "sae" / "checkpoints").write_text("not a folder")
  with pytest.raises(UserError, match=r"sae/checkpoints cannot be read"):
    train(tmp_path / "run", config)
