"""NumPy archives that do not do: one line names the file and what is wrong with it."""

import contextlib
import os
import zipfile

import numpy as np
import pytest

from sgae.data import sources
from sgae.devices import machine
from sgae.errors import UserError
from tests.image_files import pixels

GOOD = pixels(12, 4, 4)


@pytest.mark.parametrize(
  ("arrays", "words"),
  [
    ({}, "holds no arrays; allowed are 'images' or 'arr_0'"),
    ({"faces": GOOD, "arr_1": GOOD}, "holds 'faces', 'arr_1'; allowed are 'images'"),
    ({"x_test": GOOD, "x_val": GOOD}, "no training split"),
    ({"x_train": GOOD, "y_train": np.arange(12), "x_test": GOOD}, "no labels of 'x_te"),
    ({"images": GOOD / np.float32(255)}, "'images' is float32, 0.0"),
    ({"images": np.full((2, 4, 4), np.nan)}, "is float64, nan to nan"),
    ({"images": GOOD.astype(np.int64) * 10}, "is int64, 0 to 2550; allowed is uint8"),
    ({"images": GOOD.astype(">u2")}, "is >u2, 0 to 2"),
    ({"images": GOOD > 9}, "is bool, False to True"),
    ({"images": GOOD.astype("<U3")}, "is <U3; allowed is uint8"),
    ({"images": GOOD.reshape(12, 16)}, "the shape (12, 16); allowed are"),
    ({"images": GOOD[..., None, None]}, "the shape (12, 4, 4, 1, 1)"),
    ({"images": np.uint8(1)}, "the shape ()"),
    ({"images": pixels(4, 3, 8, 8)}, "(4, 3, 8, 8); allowed are"),
    ({"images": pixels(4, 8, 8, 4)}, "with 1 or 3 channels"),
    ({"images": GOOD[:0]}, "(0, 4, 4)"),
    ({"images": GOOD[:, :, :0]}, "(12, 4, 0)"),
    ({"images": GOOD[..., None][..., :0]}, "(12, 4, 4, 0)"),
    ({"images": GOOD[:1]}, "holds one example; at least two are needed"),
    ({"images": GOOD, "labels": np.zeros(11, int)}, "(11,), but there are 12 images"),
    ({"images": GOOD, "labels": np.zeros((12, 2), int)}, "not one-hot"),
    ({"images": GOOD, "labels": np.int64(1)}, "(), but there are 12"),
    (
      {"images": GOOD, "labels": np.full(12, 0.5)},
      "is float64 with values that are no",
    ),
    ({"images": GOOD, "labels": np.arange(12) - 2}, "values from -2 to 9"),
    ({"images": GOOD, "labels": np.zeros(12, complex)}, "is complex128; allowed are"),
    ({"images": GOOD.astype(object)}, "'images' cannot be read"),
    ({"images": GOOD, "labels": np.array(["a"] * 12, object)}, "that need no pickle"),
  ],
)
def test_unsuitable_arrays(write_npz, refuse_npz, arrays, words):
  assert words in refuse_npz(write_npz(**arrays))


def test_labels_of_keras_are_counted_in_each_split(write_npz, refuse_npz):
  arrays = {"x_train": GOOD, "y_train": np.arange(12), "x_test": GOOD[:5]}
  message = refuse_npz(write_npz(**arrays, y_test=np.arange(12)))
  assert "'y_test' has the shape (12,), but there are 5 images" in message


class Trap:
  """Writes a file when it is unpickled."""

  def __init__(self, path):
    self.path = path

  def __reduce__(self):
    return open, (self.path, "w")


def test_nothing_pickled_is_ever_run(write_npz, refuse_npz, tmp_path):
  trap = np.empty(1, object)
  trap[0] = Trap(str(tmp_path / "was_run"))
  assert "that need no pickle" in refuse_npz(write_npz(images=trap))
  (tmp_path / "faces.npz").write_bytes(trap.dumps())
  assert "not a .npz file" in refuse_npz(tmp_path / "faces.npz")
  assert not (tmp_path / "was_run").exists()


@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_file(write_npz, refuse_npz, kept):
  path = write_npz(images=GOOD, labels=np.arange(12))
  data = path.read_bytes()
  path.write_bytes(data[: int(kept * len(data))])
  assert "is not a .npz file, or is damaged or truncated" in refuse_npz(path)


def test_no_altered_byte_ends_in_a_traceback(write_npz, load_npz):
  path = write_npz(images=GOOD[:2, :2, :2])
  data = path.read_bytes()
  for index in range(len(data)):
    for value in (0, 255, data[index] ^ 1):
      path.write_bytes(data[:index] + bytes([value]) + data[index + 1 :])
      with contextlib.suppress(UserError):
        assert load_npz(path).train.images.tolist() == GOOD[:1, :2, :2, None].tolist()


def test_an_altered_byte(write_npz, refuse_npz):
  path = write_npz(images=GOOD)
  data = bytearray(path.read_bytes())
  data[data.index(GOOD.tobytes()) + 5] ^= 1
  path.write_bytes(data)
  assert "'images' cannot be read (BadZipFile: Bad CRC-32" in refuse_npz(path)


def test_files_of_other_kinds(tmp_path, refuse_npz):
  path = tmp_path / "faces.npz"
  path.write_text("images")
  assert "is not a .npz file" in refuse_npz(path)
  np.save(tmp_path / "faces.npy", GOOD)
  assert "is not a .npz file" in refuse_npz(tmp_path / "faces.npy")
  with zipfile.ZipFile(path, "w") as archive:
    archive.writestr("images", b"\x00" * 100)
  assert "'images' is not an array" in refuse_npz(path)


def test_a_header_that_declares_a_larger_array(write_npz, refuse_npz, tmp_path):
  path = write_npz(images=GOOD)
  with zipfile.ZipFile(path) as archive:
    member = archive.read("images.npy")
  for shape in (b"(13, 4, 4), ", b"(12, 4, 10**9), ", b"(12, 4, 999999999999), "):
    with zipfile.ZipFile(path, "w") as archive:
      archive.writestr("images.npy", member.replace(b"(12, 4, 4), ", shape))
    assert "'images'" in refuse_npz(path)


def test_a_file_that_unpacks_to_more_than_the_memory(tmp_path, refuse_npz, monkeypatch):
  path = tmp_path / "faces.npz"
  np.savez_compressed(path, images=np.zeros((100, 64, 64), np.uint8))
  assert path.stat().st_size < 2000
  monkeypatch.setattr(machine, "memory", lambda: 300_000)
  monkeypatch.setattr(np.lib.format, "read_array", pytest.fail)  # not even begun
  assert "unpacks to 0.00 GiB, more than the 0.00 GiB of memory" in refuse_npz(path)


def test_an_array_that_does_not_fit_into_memory(write_npz, refuse_npz, monkeypatch):
  def no_memory(*args, **kwargs):
    raise MemoryError

  path = write_npz(images=GOOD)
  monkeypatch.setattr(np.lib.format, "read_array", no_memory)
  assert "'images' does not fit into memory" in refuse_npz(path)


def test_a_missing_file(tmp_path, refuse_npz):
  message = refuse_npz(tmp_path / "none.npz")
  assert "none.npz cannot be read (No such file or directory)" in message
  assert "--config.data.path" in message
  (tmp_path / "folder").mkdir()
  assert "Is a directory" in refuse_npz(tmp_path / "folder")


def test_an_unprintable_name_is_escaped(make_config, tmp_path):
  path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\n.npz")
  with open(path, "wb") as file:
    np.savez(file, images=GOOD)
  config = make_config(source="npz", path=path)
  assert sources.load(config, pytest.fail).name == r"'\udcff\n.npz'"
  os.unlink(path)
  with pytest.raises(UserError, match=r"\\udcff\\n.npz' cannot be read") as error:
    sources.load(config, pytest.fail)
  assert str(error.value).isprintable()
