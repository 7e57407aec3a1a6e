"""The decoded cache: the same bits back, or nothing."""

import concurrent.futures
import json
import os
import pathlib

import numpy as np
import pytest

from sgae.data import cache
from sgae.data.dataset import Dataset, Reading, Split
from sgae.errors import UserError


def make_dataset(seed=0):
  generator = np.random.default_rng(seed)

  def split(count):
    images = generator.integers(0, 256, (count, 4, 4, 3)).astype(np.uint8)
    return Split(images, generator.integers(0, 5, count).astype(np.int32))

  read = Reading("tiny", "x", ("a",), ("b", "c"), "black")
  return Dataset("tiny", split(50), split(10), 5, None, tuple("abcde"), read)


def assert_same(left, right):
  assert left[3:] == right[3:]
  assert left.name == right.name
  for one, other in zip(
    (*left.train, *left.test), (*right.train, *right.test), strict=True
  ):
    assert one.dtype == other.dtype
    np.testing.assert_array_equal(one, other)


def test_what_is_read_is_what_was_written(tmp_path):
  entry = tmp_path / "new" / "folders" / "tiny"
  assert cache.read(entry) is None
  cache.write(entry, make_dataset())
  assert_same(cache.read(entry), make_dataset())
  assert [path.name for path in entry.parent.iterdir()] == ["tiny"]


def truncate(entry):
  path = entry / "train_images.npy"
  path.write_bytes(path.read_bytes()[:-1])


def empty(entry):
  (entry / "test_labels.npy").write_bytes(b"")


def remove(entry):
  (entry / "test_images.npy").unlink()


def other_type(entry):
  path = entry / "train_labels.npy"
  np.save(path, np.load(path).astype(np.int64))


def other_shape(entry):
  path = entry / "train_images.npy"
  np.save(path, np.load(path).reshape(50, 8, 2, 3))


def flip_bit(entry):
  path = entry / "train_images.npy"
  data = bytearray(path.read_bytes())
  data[-1] ^= 1
  path.write_bytes(data)


def no_meta(entry):
  (entry / "dataset.json").unlink()


def broken_meta(entry):
  (entry / "dataset.json").write_text('{"name": "tiny"')


def empty_meta(entry):
  (entry / "dataset.json").write_text("[]")


def is_a_file(entry):
  for path in entry.iterdir():
    path.unlink()
  entry.rmdir()
  entry.write_text("")


DAMAGES = [
  truncate,
  empty,
  remove,
  other_type,
  other_shape,
  flip_bit,
  no_meta,
  broken_meta,
  empty_meta,
  is_a_file,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_never_trusted_and_can_be_replaced(tmp_path, damage):
  entry = tmp_path / "tiny"
  cache.write(entry, make_dataset())
  damage(entry)
  assert cache.read(entry) is None
  cache.write(entry, make_dataset(1))
  assert_same(cache.read(entry), make_dataset(1))
  assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_concurrent_writers_leave_one_valid_entry(tmp_path):
  entry = tmp_path / "tiny"
  with concurrent.futures.ThreadPoolExecutor(8) as executor:
    for write in [
      executor.submit(cache.write, entry, make_dataset()) for _ in range(64)
    ]:
      write.result()
  assert_same(cache.read(entry), make_dataset())
  assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_a_failed_write_leaves_the_old_entry(tmp_path, monkeypatch):
  entry = tmp_path / "tiny"
  cache.write(entry, make_dataset())

  def disk_full(*args, **kwargs):
    raise OSError(28, "No space left on device")

  monkeypatch.setattr(json, "dumps", disk_full)
  with pytest.raises(UserError, match="No space left on device") as error:
    cache.write(entry, make_dataset(1))
  assert "\n" not in str(error.value)
  assert_same(cache.read(entry), make_dataset())


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
  (tmp_path / "file").write_text("")
  with pytest.raises(UserError, match="--config.data.cache_directory") as error:
    cache.write(tmp_path / "file" / "tiny", make_dataset())
  assert str(tmp_path / "file") in str(error.value)


def test_the_root_of_the_cache(monkeypatch):
  monkeypatch.setenv("HOME", "/home/user")
  monkeypatch.delenv("SGAE_CACHE_DIR", raising=False)
  monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
  assert cache.cache_root("") == pathlib.Path("/home/user/.cache/sgae")
  monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
  assert cache.cache_root("") == pathlib.Path("/xdg/sgae")
  monkeypatch.setenv("SGAE_CACHE_DIR", "~/mine")
  assert cache.cache_root("") == pathlib.Path("/home/user/mine")
  assert cache.cache_root("given") == pathlib.Path.cwd() / "given"


@pytest.fixture
def homeless(monkeypatch):
  """No HOME, and a user that the system does not know, as in many containers."""
  monkeypatch.delenv("SGAE_CACHE_DIR", raising=False)
  monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
  monkeypatch.delenv("HOME")
  monkeypatch.setattr("pwd.getpwuid", lambda uid: {}[uid])


def test_without_a_home_directory_the_cache_is_beside_the_run(homeless, tmp_path):
  with pytest.raises(UserError, match="no home directory .* SGAE_CACHE_DIR"):
    cache.cache_root("")
  lines = []
  cache.ensure_root("", tmp_path / "runs" / "a", lines.append)
  assert cache.cache_root("") == tmp_path / "runs" / "sgae_cache"
  assert cache.cache_root("").is_dir()
  (line,) = lines
  assert str(cache.cache_root("")) in line
  assert "SGAE_CACHE_DIR" in line
  cache.ensure_root("", tmp_path / "runs" / "b", pytest.fail)  # it is known now


def test_a_home_that_cannot_be_written_is_no_place_either(monkeypatch, tmp_path):
  monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
  monkeypatch.setenv("SGAE_CACHE_DIR", "")
  (tmp_path / "file").write_text("")
  monkeypatch.setenv("HOME", str(tmp_path / "file"))
  cache.ensure_root("", tmp_path / "run", [].append)
  assert cache.cache_root("") == tmp_path / "sgae_cache"
  monkeypatch.setenv("SGAE_CACHE_DIR", "")
  with pytest.raises(UserError, match="SGAE_CACHE_DIR"):  # nor beside the run
    cache.ensure_root("", tmp_path / "file" / "run", pytest.fail)


def test_a_cache_that_was_chosen_is_not_replaced(monkeypatch, tmp_path):
  (tmp_path / "file").write_text("")
  with pytest.raises(UserError, match=r"file/cache .*cache_directory"):
    cache.ensure_root(str(tmp_path / "file" / "cache"), tmp_path / "run", pytest.fail)
  monkeypatch.setattr(os, "access", lambda path, mode: False)
  cache.ensure_root(str(tmp_path), tmp_path / "run", pytest.fail)  # a full one may do
  with pytest.raises(UserError, match="cannot write the cache"):
    cache.require_writable(tmp_path)
