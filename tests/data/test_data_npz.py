"""NumPy archives: which arrays are read, and how."""

import json

import numpy as np
import pytest
from PIL import Image

from sgae.data.holdout import hold_out
from sgae.reporting.metrics import read_metrics
from tests.image_files import assert_holds, pixels


@pytest.mark.parametrize("key", ["images", "arr_0"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_example_is_in_one_split(write_npz, load_npz, key, channels):
  images, labels = pixels(25, 4, 6, channels), np.arange(25) % 7
  dataset = load_npz(write_npz(**{key: images}, labels=labels))
  assert (dataset.name, dataset.num_classes) == ("faces.npz", 7)
  for array in (dataset.train.images, dataset.test.images):
    assert array.dtype == np.uint8
  for array in (dataset.train.labels, dataset.test.labels):
    assert array.dtype == np.int32
  assert sorted(dataset.test.labels) == list(range(7))
  is_test = hold_out("", labels).is_test
  assert_holds(dataset.test, list(images[is_test]), labels[is_test].tolist())
  assert_holds(dataset.train, list(images[~is_test]), labels[~is_test].tolist())


def test_without_labels_all_examples_have_class_0(write_npz, load_npz):
  dataset = load_npz(write_npz(images=pixels(2, 3, 3, 1)))
  assert dataset.num_classes == 1
  assert dataset.train.labels.tolist() == dataset.test.labels.tolist() == [0]
  assert dataset.train.labels.dtype == np.int32


def test_images_without_an_axis_of_channels_are_grey(write_npz, load_npz):
  images = np.asfortranarray(pixels(2, 5, 4))  # The order in memory means nothing.
  dataset = load_npz(write_npz(arr_0=images))
  both = np.concatenate([dataset.train.images, dataset.test.images])
  np.testing.assert_array_equal(both, images[..., None])


@pytest.mark.parametrize("column", [False, True])  # Keras stores CIFAR's as a column.
def test_the_splits_of_keras_stay_as_they_are(write_npz, load_npz, column):
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
  dataset = load_npz(write_npz(**stored))
  assert dataset.num_classes == 5
  for split in ("train", "test"):
    images, labels = getattr(dataset, split)
    np.testing.assert_array_equal(images[..., 0], arrays[f"x_{split}"])
    assert labels.tolist() == arrays[f"y_{split}"].tolist()
    assert labels.dtype == np.int32


def test_only_the_first_layout_is_read_and_the_rest_is_named(write_npz, load_npz):
  # If it were read, it would be refused: it needs pickle.
  other = np.array([{}], object)
  keras = dict.fromkeys(("x_train", "y_train", "x_test", "y_test"), other)
  images = pixels(2, 3, 3, 3)
  for arrays in ({"images": images, "arr_0": other}, {"arr_0": images}):
    dataset = load_npz(write_npz(**arrays, more=other, **keras))
    np.testing.assert_array_equal(dataset.train.images, images[:1])
    unread = {"x_train", "y_train", "x_test", "y_test", "more", *list(arrays)[1:]}
    assert set(dataset.read.left_out) == {f"array {name!r}" for name in unread}


WHOLE = {"images": pixels(12, 4, 4), "labels": np.arange(12) % 3}


@pytest.mark.parametrize(
  "names",
  [("X", "y"), ("image", "label"), ("data", "target"), ("arr_0", "arr_1"),
   ("x_train", "y_train"), ("train_images", "train_labels")],
)  # fmt: skip
def test_the_names_of_arrays_that_people_use(write_npz, load_npz, names):
  dataset = load_npz(write_npz(**dict(zip(names, WHOLE.values(), strict=True))))
  expected = load_npz(write_npz(**WHOLE))
  assert_holds(
    dataset.train, list(expected.train.images), expected.train.labels.tolist()
  )
  assert dataset.class_names == ("0", "1", "2")
  assert not dataset.read.left_out


@pytest.mark.parametrize(
  "pattern", ["{part}_{kind}", "{kind}_{part}"]
)  # MedMNIST's, and the reverse
def test_the_test_split_is_read_where_there_is_one_else_the_validation_split(
  write_npz, load_npz, pattern
):
  def arrays(*parts):
    return {
      pattern.format(part=part, kind=kind): WHOLE[kind][at:]
      for at, part in enumerate(parts)
      for kind in ("images", "labels")
    }

  dataset = load_npz(write_npz(**arrays("train", "test", "val")))
  assert_holds(
    dataset.test, list(WHOLE["images"][1:, ..., None]), [1, 2, *[0, 1, 2] * 3]
  )
  assert len(dataset.train.images) == 12
  assert len(dataset.read.left_out) == 2
  assert all("val" in phrase for phrase in dataset.read.left_out)
  dataset = load_npz(write_npz(**arrays("Train", "Valid")))
  assert (len(dataset.train.images), len(dataset.test.images)) == (12, 11)


def test_a_compressed_file_holds_the_same(tmp_path, load_npz):
  images = pixels(11, 4, 4, 3)
  np.savez_compressed(tmp_path / "faces.npz", images=images)
  dataset = load_npz(tmp_path / "faces.npz")
  both = [*dataset.train.images, *dataset.test.images]
  assert sorted(map(bytes, both)) == sorted(map(bytes, images))


def test_splits_of_different_sizes_are_resized(write_npz, load_npz, refuse_npz):
  labels = np.arange(2)
  arrays = {
    "x_train": pixels(2, 4, 6),
    "y_train": labels,
    "x_test": pixels(2, 8, 8),
    "y_test": labels,
  }
  path = write_npz(**arrays)
  assert "(2, 4, 6, 1) and 'x_test' (2, 8, 8, 1)" in refuse_npz(path)
  dataset = load_npz(path, image_size=5)
  for split in ("train", "test"):
    expected = Image.fromarray(arrays[f"x_{split}"][1]).resize((5, 5), 2)
    np.testing.assert_array_equal(getattr(dataset, split).images[1, ..., 0], expected)
  path = write_npz(**arrays | {"x_test": pixels(2, 8, 8, 3)})
  assert "must have the same channels and size" in refuse_npz(path, image_size=5)


def test_a_path_may_begin_with_the_home_folder_or_be_relative(
  write_npz, load_npz, tmp_path, monkeypatch
):
  write_npz(images=pixels(2, 3, 3))
  monkeypatch.setenv("HOME", str(tmp_path))
  assert load_npz("~/faces.npz").train.images.shape == (1, 3, 3, 1)
  monkeypatch.chdir(tmp_path)
  assert load_npz("faces.npz").train.images.shape == (1, 3, 3, 1)


def test_labels_of_one_class_get_a_warning(write_npz, load_npz):
  lines = []
  dataset = load_npz(write_npz(images=pixels(20, 3, 3), labels=np.full(20, 4)), lines)
  assert (dataset.num_classes, dataset.class_names) == (1, ("4",))
  [line] = lines
  assert line.startswith("Warning: all labels of faces.npz are one class (4)")
  assert "without the measures that need classes" in line


def test_one_class_in_training_and_another_in_testing_get_none(write_npz, load_npz):
  images, zeros = pixels(20, 3, 3), np.zeros(20, int)
  path = write_npz(x_train=images, y_train=zeros, x_test=images, y_test=zeros + 1)
  assert load_npz(path).num_classes == 2


def test_two_steps_of_training(write_npz, train_two_steps):
  path = write_npz(images=pixels(40, 8, 8, 3))
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
