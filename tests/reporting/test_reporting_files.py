"""Files are whole or as they were, and a refusal of the disk is one line."""

import json
import os
import re

import numpy as np
import pytest

from sgae.errors import UserError
from sgae.reporting import files
from sgae.reporting.files import replace_set, write_arrays, write_atomically, write_json

SET = re.compile(r"set-\d+")


def test_a_file_is_made_with_its_parents_and_replaced(tmp_path):
  path = tmp_path / "a" / "b.bin"
  write_atomically(path, b"old")
  write_atomically(path, b"new\0")
  assert path.read_bytes() == b"new\0"
  assert os.listdir(path.parent) == ["b.bin"]


def test_a_file_has_the_permissions_of_an_ordinary_one(tmp_path):
  ordinary = tmp_path / "ordinary"
  ordinary.write_bytes(b"")
  write_atomically(tmp_path / "ours", b"")
  assert (tmp_path / "ours").stat().st_mode == ordinary.stat().st_mode


def test_the_old_file_survives_a_failure_and_nothing_is_left(tmp_path, monkeypatch):
  path = tmp_path / "config.json"
  write_atomically(path, b"old")

  def full(_):
    raise OSError(28, "No space left on device")

  monkeypatch.setattr(files.os, "fsync", full)
  with pytest.raises(UserError, match="No space left on device") as refusal:
    write_atomically(path, b"new")
  assert str(path) in str(refusal.value)
  assert path.read_bytes() == b"old"
  assert os.listdir(tmp_path) == ["config.json"]


def test_a_path_below_a_file_is_refused_in_one_line(tmp_path):
  (tmp_path / "file").write_bytes(b"")
  path = tmp_path / "file" / "config.json"
  with pytest.raises(UserError) as refusal:
    write_json(path, {})
  assert str(path) in str(refusal.value)
  assert "--workdir" in str(refusal.value)
  assert "free some space" not in str(refusal.value)
  assert "\n" not in str(refusal.value)
  with pytest.raises(UserError, match="File exists; choose a writable directory"):
    files.require_writable(tmp_path / "file")


def test_json_is_sorted_indented_and_strict(tmp_path):
  path = tmp_path / "config.json"
  write_json(path, {"b": [1, 2.5], "a": None})
  text = path.read_text()
  assert json.loads(text) == {"a": None, "b": [1, 2.5]}
  assert text.startswith('{\n  "a": null,\n  "b"')
  write_json(path, {"a": [np.nan, -np.inf], "b": np.float64(np.inf), "c": (True, 0.5)})
  assert json.loads(path.read_text()) == {"a": [None] * 2, "b": None, "c": [True, 0.5]}


def test_arrays_are_written_without_pickled_objects(tmp_path):
  write_arrays(tmp_path / "a.npz", {"numbers": np.arange(3), "names": np.array(["x"])})
  with np.load(tmp_path / "a.npz", allow_pickle=False) as arrays:
    assert arrays["numbers"].tolist() == [0, 1, 2] and arrays["names"].tolist() == ["x"]
  with pytest.raises(ValueError, match="pickle"):
    write_arrays(tmp_path / "b.npz", {"objects": np.array([{}])})
  assert os.listdir(tmp_path) == ["a.npz"]


def test_a_set_replaces_the_older_one_and_other_files_stay(tmp_path):
  place = tmp_path / "set"
  replace_set(place, SET, lambda folder: _write(folder, "set-1", "set-2", "set-3"))
  (place / "notes.txt").write_text("mine")
  (place / "folder").mkdir()
  replace_set(place, SET, lambda folder: _write(folder, "set-1"))
  assert sorted(os.listdir(place)) == ["folder", "notes.txt", "set-1"]
  assert (place / "notes.txt").read_text() == "mine"
  assert os.listdir(tmp_path) == ["set"]


@pytest.mark.parametrize("failure", [OSError(28, "full"), KeyboardInterrupt()])
def test_the_older_set_survives_a_failure_half_way(tmp_path, failure):
  place = tmp_path / "set"
  replace_set(place, SET, lambda folder: _write(folder, "set-1", "set-2"))

  def write(folder):
    _write(folder, "set-9")
    raise failure

  with pytest.raises((UserError, KeyboardInterrupt)):
    replace_set(place, SET, write)
  assert sorted(os.listdir(place)) == ["set-1", "set-2"]
  assert os.listdir(tmp_path) == ["set"]


def test_a_run_killed_between_the_renames_loses_nothing(tmp_path, monkeypatch):
  place = tmp_path / "set"
  replace_set(place, SET, lambda folder: _write(folder, "set-1", "set-2", "notes.txt"))
  rename, renames = files.Path.rename, []

  def killed_at_the_second(path, target):
    renames.append(target)
    if len(renames) == 2:
      raise KeyboardInterrupt
    return rename(path, target)

  with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
    patch.setattr(files.Path, "rename", killed_at_the_second)
    replace_set(place, SET, lambda folder: _write(folder, "set-5", "set-6"))
  assert sorted(os.listdir(tmp_path / ".set.partial")) == ["set-5", "set-6"]
  replace_set(place, SET, lambda folder: _write(folder, "set-7"))
  assert sorted(os.listdir(place)) == ["notes.txt", "set-7"]
  assert os.listdir(tmp_path) == ["set"]


def test_a_linked_directory_stays_a_link(tmp_path):
  (tmp_path / "disk").mkdir()
  (tmp_path / "set").symlink_to(tmp_path / "disk")
  replace_set(tmp_path / "set", SET, lambda folder: _write(folder, "set-1"))
  assert (tmp_path / "set").is_symlink()
  assert os.listdir(tmp_path / "disk") == ["set-1"]


def _write(folder, *names):
  for name in names:
    (folder / name).write_text(name)
