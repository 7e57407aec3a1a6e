"""NumPy archives: which arrays are read, and how bad ones are refused."""

import contextlib
import json
import os
import zipfile

import numpy as np
import pytest
from PIL import Image

from sgae.data import sources
from sgae.data.holdout import hold_out
from sgae.devices import machine
from sgae.errors import UserError
from sgae.reporting.metrics import read_metrics
from tests.image_files import assert_holds, pixels


@pytest.fixture
def write(tmp_path):
  """Writes <tmp_path>/faces.npz with these arrays; returns its path."""

  def write(**arrays):
    path = tmp_path / "faces.npz"
    np.savez(path, **arrays)
    return path

  return write


@pytest.fixture
def load(make_config):
  """Loads the file; without `lines`, any report is a failure."""

  def load(path, lines=None, **changes):
    config = make_config(source="npz", path=str(path), **changes)
    return sources.load(config, pytest.fail if lines is None else lines.append)

  return load


@pytest.fixture
def refusal(load):
  def refuse(path, **changes):
    with pytest.raises(UserError) as error:
      load(path, [], **changes)
    message = str(error.value)
    assert message.isprintable()  # One line, for any terminal.
    assert os.path.basename(path) in message
    return message

  return refuse


@pytest.mark.parametrize("key", ["images", "arr_0"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_example_is_in_one_split(write, load, key, channels):
  images, labels = pixels(25, 4, 6, channels), np.arange(25) % 7
  dataset = load(write(**{key: images}, labels=labels))
  assert (dataset.name, dataset.num_classes) == ("faces.npz", 7)
  for array in (dataset.train.images, dataset.test.images):
    assert array.dtype == np.uint8
  for array in (dataset.train.labels, dataset.test.labels):
    assert array.dtype == np.int32
  assert sorted(dataset.test.labels) == list(range(7))
  is_test = hold_out("", labels).is_test
  assert_holds(dataset.test, list(images[is_test]), labels[is_test].tolist())
  assert_holds(dataset.train, list(images[~is_test]), labels[~is_test].tolist())


def test_without_labels_all_examples_have_class_0(write, load):
  dataset = load(write(images=pixels(2, 3, 3, 1)))
  assert dataset.num_classes == 1
  assert dataset.train.labels.tolist() == dataset.test.labels.tolist() == [0]
  assert dataset.train.labels.dtype == np.int32


def test_images_without_an_axis_of_channels_are_grey(write, load):
  images = np.asfortranarray(pixels(2, 5, 4))  # The order in memory means nothing.
  dataset = load(write(arr_0=images))
  both = np.concatenate([dataset.train.images, dataset.test.images])
  np.testing.assert_array_equal(both, images[..., None])


@pytest.mark.parametrize("column", [False, True])  # Keras stores CIFAR's as a column.
def test_the_splits_of_keras_stay_as_they_are(write, load, column):
  arrays = {
    "x_train": pixels(12, 4, 4),
    "y_train": np.arange(12, dtype=np.uint8) % 3,
    "x_test": pixels(5, 4, 4, seed=1),
    "y_test": np.arange(5, dtype=np.int64),
  }
  stored = {
    key: array[:, None] if column and key[0] == "y" else array
    for key, array in arrays.items()
  }
  dataset = load(write(**stored))
  assert dataset.num_classes == 5
  for split in ("train", "test"):
    images, labels = getattr(dataset, split)
    np.testing.assert_array_equal(images[..., 0], arrays[f"x_{split}"])
    assert labels.tolist() == arrays[f"y_{split}"].tolist()
    assert labels.dtype == np.int32


def test_only_the_first_layout_of_the_file_is_read_and_the_rest_is_named(write, load):
  # If it were read, it would be refused: it needs pickle.
  other = np.array([{}], object)
  keras = dict.fromkeys(("x_train", "y_train", "x_test", "y_test"), other)
  images = pixels(2, 3, 3, 3)
  for arrays in ({"images": images, "arr_0": other}, {"arr_0": images}):
    dataset = load(write(**arrays, more=other, **keras))
    np.testing.assert_array_equal(dataset.train.images, images[:1])
    unread = {"x_train", "y_train", "x_test", "y_test", "more", *list(arrays)[1:]}
    assert set(dataset.read.left_out) == {f"array {name!r}" for name in unread}


WHOLE = {"images": pixels(12, 4, 4), "labels": np.arange(12) % 3}


@pytest.mark.parametrize(
  "names",
  [("X", "y"), ("image", "label"), ("data", "target"), ("arr_0", "arr_1"),
   ("x_train", "y_train"), ("train_images", "train_labels")],
)  # fmt: skip
def test_the_names_of_arrays_that_people_use(write, load, names):
  dataset = load(write(**dict(zip(names, WHOLE.values(), strict=True))))
  expected = load(write(**WHOLE))
  assert_holds(
    dataset.train, list(expected.train.images), expected.train.labels.tolist()
  )
  assert dataset.class_names == ("0", "1", "2")
  assert not dataset.read.left_out


@pytest.mark.parametrize(
  "pattern", ["{part}_{kind}", "{kind}_{part}"]
)  # MedMNIST's, and the reverse
def test_the_test_split_is_read_where_there_is_one_else_the_validation_split(
  write, load, pattern
):
  def arrays(*parts):
    return {
      pattern.format(part=part, kind=kind): WHOLE[kind][at:]
      for at, part in enumerate(parts)
      for kind in ("images", "labels")
    }

  dataset = load(write(**arrays("train", "test", "val")))
  assert_holds(
    dataset.test, list(WHOLE["images"][1:, ..., None]), [1, 2, *[0, 1, 2] * 3]
  )
  assert len(dataset.train.images) == 12
  assert len(dataset.read.left_out) == 2
  assert all("val" in phrase for phrase in dataset.read.left_out)
  dataset = load(write(**arrays("Train", "Valid")))
  assert (len(dataset.train.images), len(dataset.test.images)) == (12, 11)


def test_a_compressed_file_holds_the_same(tmp_path, load):
  images = pixels(11, 4, 4, 3)
  np.savez_compressed(tmp_path / "faces.npz", images=images)
  dataset = load(tmp_path / "faces.npz")
  both = [*dataset.train.images, *dataset.test.images]
  assert sorted(map(bytes, both)) == sorted(map(bytes, images))


def test_splits_of_different_sizes_are_resized(write, load, refusal):
  labels = np.arange(2)
  arrays = {
    "x_train": pixels(2, 4, 6),
    "y_train": labels,
    "x_test": pixels(2, 8, 8),
    "y_test": labels,
  }
  path = write(**arrays)
  assert "(2, 4, 6, 1) and 'x_test' (2, 8, 8, 1)" in refusal(path)
  dataset = load(path, image_size=5)
  for split in ("train", "test"):
    expected = Image.fromarray(arrays[f"x_{split}"][1]).resize((5, 5), 2)
    np.testing.assert_array_equal(getattr(dataset, split).images[1, ..., 0], expected)
  path = write(**arrays | {"x_test": pixels(2, 8, 8, 3)})
  assert "must have the same channels and size" in refusal(path, image_size=5)


def test_a_path_may_begin_with_the_home_folder_or_be_relative(
  write, load, tmp_path, monkeypatch
):
  write(images=pixels(2, 3, 3))
  monkeypatch.setenv("HOME", str(tmp_path))
  assert load("~/faces.npz").train.images.shape == (1, 3, 3, 1)
  monkeypatch.chdir(tmp_path)
  assert load("faces.npz").train.images.shape == (1, 3, 3, 1)


def test_labels_of_one_class_get_a_warning(write, load):
  lines = []
  dataset = load(write(images=pixels(20, 3, 3), labels=np.full(20, 4)), lines)
  assert (dataset.num_classes, dataset.class_names) == (1, ("4",))
  [line] = lines
  assert line.startswith("Warning: all labels of faces.npz are one class (4)")
  assert "without the measures that need classes" in line


def test_labels_of_one_class_in_training_and_another_in_testing_get_none(write, load):
  images, zeros = pixels(20, 3, 3), np.zeros(20, int)
  path = write(x_train=images, y_train=zeros, x_test=images, y_test=zeros + 1)
  assert load(path).num_classes == 2


def test_two_steps_of_training(write, train_two_steps):
  path = write(images=pixels(40, 8, 8, 3))
  workdir, printed = train_two_steps(("sae", "gan"), source="npz", path=str(path))
  assert "on faces.npz: 36 images" in printed
  line = "36 training and 4 test images of 8x8x3; no labels; test split: 1 in 10"
  assert f"Data: arrays of {path}: {line}" in printed
  assert line in json.loads((workdir / "config.json").read_text())["data_read"]
  assert line in (workdir / "report.html").read_text()
  assert json.loads((workdir / "config.json").read_text())["image_shape"] == [8, 8, 3]
  records = read_metrics(workdir)
  assert {(r["phase"], r["step"]) for r in records} >= {("sae", 2), ("gan", 2)}
  with Image.open(workdir / "images" / "gan_samples_000002.png") as picture:
    assert picture.mode == "RGB"


# Bad data give one line that names the file and what is wrong with it.

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
def test_unsuitable_arrays(write, refusal, arrays, words):
  assert words in refusal(write(**arrays))


def test_labels_of_keras_are_counted_in_each_split(write, refusal):
  arrays = {"x_train": GOOD, "y_train": np.arange(12), "x_test": GOOD[:5]}
  message = refusal(write(**arrays, y_test=np.arange(12)))
  assert "'y_test' has the shape (12,), but there are 5 images" in message


class Trap:
  """Writes a file when it is unpickled."""

  def __init__(self, path):
    self.path = path

  def __reduce__(self):
    return open, (self.path, "w")


def test_nothing_pickled_is_ever_run(write, refusal, tmp_path):
  trap = np.empty(1, object)
  trap[0] = Trap(str(tmp_path / "was_run"))
  assert "that need no pickle" in refusal(write(images=trap))
  (tmp_path / "faces.npz").write_bytes(trap.dumps())
  assert "not a .npz file" in refusal(tmp_path / "faces.npz")
  assert not (tmp_path / "was_run").exists()


@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_file(write, refusal, kept):
  path = write(images=GOOD, labels=np.arange(12))
  data = path.read_bytes()
  path.write_bytes(data[: int(kept * len(data))])
  assert "is not a .npz file, or is damaged or truncated" in refusal(path)


def test_no_altered_byte_ends_in_a_traceback(write, load):
  path = write(images=GOOD[:2, :2, :2])
  data = path.read_bytes()
  for index in range(len(data)):
    for value in (0, 255, data[index] ^ 1):
      path.write_bytes(data[:index] + bytes([value]) + data[index + 1 :])
      with contextlib.suppress(UserError):
        assert load(path).train.images.tolist() == GOOD[:1, :2, :2, None].tolist()


def test_an_altered_byte(write, refusal):
  path = write(images=GOOD)
  data = bytearray(path.read_bytes())
  data[data.index(GOOD.tobytes()) + 5] ^= 1
  path.write_bytes(data)
  assert "'images' cannot be read (BadZipFile: Bad CRC-32" in refusal(path)


def test_files_of_other_kinds(tmp_path, refusal):
  path = tmp_path / "faces.npz"
  path.write_text("images")
  assert "is not a .npz file" in refusal(path)
  np.save(tmp_path / "faces.npy", GOOD)
  assert "is not a .npz file" in refusal(tmp_path / "faces.npy")
  with zipfile.ZipFile(path, "w") as archive:
    archive.writestr("images", b"\x00" * 100)
  assert "'images' is not an array" in refusal(path)


def test_a_header_that_declares_a_larger_array(write, refusal, tmp_path):
  path = write(images=GOOD)
  with zipfile.ZipFile(path) as archive:
    member = archive.read("images.npy")
  for shape in (b"(13, 4, 4), ", b"(12, 4, 10**9), ", b"(12, 4, 999999999999), "):
    with zipfile.ZipFile(path, "w") as archive:
      archive.writestr("images.npy", member.replace(b"(12, 4, 4), ", shape))
    assert "'images'" in refusal(path)


def test_a_file_that_unpacks_to_more_than_the_memory(tmp_path, refusal, monkeypatch):
  path = tmp_path / "faces.npz"
  np.savez_compressed(path, images=np.zeros((100, 64, 64), np.uint8))
  assert path.stat().st_size < 2000
  monkeypatch.setattr(machine, "memory", lambda: 300_000)
  monkeypatch.setattr(np.lib.format, "read_array", pytest.fail)  # not even begun
  assert "unpacks to 0.00 GiB, more than the 0.00 GiB of memory" in refusal(path)


def test_an_array_that_does_not_fit_into_memory(write, refusal, monkeypatch):
  def no_memory(*args, **kwargs):
    raise MemoryError

  path = write(images=GOOD)
  monkeypatch.setattr(np.lib.format, "read_array", no_memory)
  assert "'images' does not fit into memory" in refusal(path)


def test_a_missing_file(tmp_path, refusal):
  message = refusal(tmp_path / "none.npz")
  assert "none.npz cannot be read (No such file or directory)" in message
  assert "--config.data.path" in message
  (tmp_path / "folder").mkdir()
  assert "Is a directory" in refusal(tmp_path / "folder")


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
