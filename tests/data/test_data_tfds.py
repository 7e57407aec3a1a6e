"""TFDS folders: what is read, what is cached, and how damage is refused."""

import gzip
import hashlib
import json
import pathlib
import subprocess
import sys
import time

import numpy as np
import pytest

from sgae.data import sources
from sgae.errors import UserError

ROOT = pathlib.Path(__file__).parents[2]


def load(config):
  lines = []
  return sources.load(config, lines.append), lines


def assert_holds(dataset, written):
  for split, examples in written.items():
    images, labels = getattr(dataset, split)
    assert images.dtype == np.uint8
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(images, np.stack([image for image, _ in examples]))
    assert labels.tolist() == [label for _, label in examples]


def refusal(config):
  with pytest.raises(UserError) as error:
    load(config)
  assert "\n" not in str(error.value)
  return str(error.value)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_all_examples_come_in_the_order_of_the_files(
  write_folder, make_config, channels
):
  _, written = write_folder(channels=channels)
  dataset, lines = load(make_config())
  assert dataset.name == "tiny"
  assert dataset.num_classes == 3
  assert dataset.train.images.shape == (8, 4, 6, channels)
  assert_holds(dataset, written)
  assert lines == ["Decoding tiny: 0 of 12 images"]


def test_the_second_load_is_the_cache_and_equal(write_folder, make_config):
  _, written = write_folder()
  load(make_config())
  dataset, lines = load(make_config())
  assert lines == []
  assert_holds(dataset, written)


def test_a_damaged_cache_is_decoded_again(write_folder, make_config, tmp_path):
  _, written = write_folder()
  load(make_config())
  [images] = tmp_path.glob("cache/data/tiny-1.0.0-*/train_images.npy")
  images.write_bytes(images.read_bytes()[:-1])
  dataset, lines = load(make_config())
  assert lines
  assert_holds(dataset, written)
  assert load(make_config())[1] == []


def test_data_prepared_again_are_decoded_again(write_folder, make_config, tmp_path):
  folder, _ = write_folder()
  load(make_config())
  folder.rename(tmp_path / "old")
  _, written = write_folder(seed=1, sizes=((8, 8),))
  dataset, _ = load(make_config())
  assert_holds(dataset, written)


def test_the_newest_version_is_read(write_folder, make_config):
  write_folder(version="1.9.0", seed=1)
  _, written = write_folder(version="1.10.0")
  write_folder(version="1.2.0", seed=2)
  assert_holds(load(make_config())[0], written)


def test_the_directory_is_the_field_then_the_variable(
  write_folder, make_config, tmp_path, monkeypatch
):
  _, written = write_folder()
  monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "data"))
  assert_holds(load(make_config(directory=""))[0], written)
  monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "elsewhere"))
  assert_holds(load(make_config())[0], written)


def test_array_record_is_preferred_to_tfrecord(write_folder, make_config):
  declared = {"fileFormat": "tfrecord", "alternativeFileFormats": ["array_record"]}
  _, written = write_folder(declared_format=declared)
  assert_holds(load(make_config())[0], written)


def test_no_load_imports_tensorflow_and_the_second_not_even_tfds(
  write_folder, make_config, tmp_path
):
  write_folder()
  trap = tmp_path / "trap" / "tensorflow"
  trap.mkdir(parents=True)
  (trap / "__init__.py").write_text("raise SystemExit('TensorFlow was imported')")
  code = (
    "import sys; from ml_collections import ConfigDict; from sgae.data import sources;"
    f"sources.load(ConfigDict({make_config().to_dict()}), lambda line: None);"
    "print([m for m in ('tensorflow', 'tensorflow_datasets', 'sklearn')"
    " if m in sys.modules])"
  )
  path = f"{tmp_path / 'trap'}:{ROOT}"
  for imported in ("['tensorflow_datasets']\n", "[]\n"):
    result = subprocess.run(
      [sys.executable, "-c", code],
      capture_output=True,
      text=True,
      env={"PYTHONPATH": path, "HOME": str(tmp_path)},
    )
    assert result.stdout == imported, result.stderr


# Bad data give one line that names the folder or file and what to do.


def test_a_missing_file(write_folder, make_config):
  folder, _ = write_folder()
  path = folder / "tiny-train.array_record-00001-of-00002"
  path.unlink()
  assert refusal(make_config()).startswith(f"{path} is missing")


def test_the_shape_of_the_training_images_needs_the_metadata_alone(
  write_folder, make_config
):
  folder, _ = write_folder(declared_size=(4, 6), channels=3)
  for path in folder.glob("*array_record*"):
    path.unlink()
  assert sources.train_shape(make_config()) == (8, 4, 6, 3)


def test_metadata_without_the_shape(write_folder, make_config):
  with pytest.raises(
    UserError, match=r"is not prepared in .*: give the shape .*--images"
  ):
    sources.train_shape(make_config())
  with pytest.raises(UserError, match=r"'npz' has no metadata .* --images=60000x28"):
    sources.train_shape(make_config(source="npz"))
  write_folder()  # of no declared size
  with pytest.raises(
    UserError, match=r"lacks the shape of its training .*--images=60000x28x28x1"
  ):
    sources.train_shape(make_config())


@pytest.mark.parametrize("size", [0, 100, 40_000, 70_000])
def test_a_truncated_file(write_folder, make_config, size):
  folder, _ = write_folder()
  path = folder / "tiny-test.array_record-00000-of-00001"
  assert path.stat().st_size > size
  path.write_bytes(path.read_bytes()[:size])
  message = refusal(make_config())
  assert str(path) in message
  assert f"delete {folder} and run again" in message


@pytest.mark.parametrize(
  ("lengths", "text"),
  [
    ({"train": [6, 3]}, "holds 5 examples, but dataset_info.json declares 6"),
    ({"train": [5, 2]}, "holds 3 examples, but dataset_info.json declares 2"),
    ({"test": [5]}, "holds 4 examples, but dataset_info.json declares 5"),
    ({"test": [3]}, "holds 4 examples, but dataset_info.json declares 3"),
  ],
)
def test_a_count_that_differs_from_the_declared_one(
  write_folder, make_config, lengths, text
):
  write_folder(shard_lengths=lengths)
  assert text in refusal(make_config())


def test_damage_leaves_no_cache_behind(write_folder, make_config, tmp_path):
  write_folder(shard_lengths={"test": [5]})
  refusal(make_config())
  assert not list(tmp_path.glob("cache/**/*.npy"))


@pytest.mark.parametrize(
  "content",
  ["", "[]", '{"name": "tiny"', '{"fileFormat": "array_record", "splits": 1}'],
)
def test_a_broken_dataset_info(write_folder, make_config, content):
  folder, _ = write_folder()
  (folder / "dataset_info.json").write_text(content)
  assert f"delete {folder} and run again" in refusal(make_config())


def test_images_of_different_sizes(write_folder, make_config):
  write_folder(sizes=((4, 6), (5, 6)))
  assert "different sizes (4x6 and 5x6 pixels)" in refusal(make_config())


def test_unsuitable_features(write_folder, make_config):
  folder, _ = write_folder()
  path = folder / "features.json"
  features = path.read_text()
  for old, new in (('"label"', '"objects"'), ('"image": {', '"picture": {')):
    path.write_text(features.replace(old, new, 1))
    assert "choose one with 'image'" in refusal(make_config())
  content = json.loads(features)
  image = content["featuresDict"]["features"]["image"]["image"]
  path.write_text(json.dumps(content).replace(image["dtype"], "uint16"))
  assert "8-bit" in refusal(make_config())


@pytest.mark.parametrize("splits", [("train",), ("test",), ()])
def test_a_missing_split(write_folder, make_config, splits):
  write_folder(splits=splits)
  assert "has examples in 'train' and in 'test'" in refusal(make_config())


def test_an_unsupported_format(write_folder, make_config):
  folder, _ = write_folder(declared_format={"fileFormat": "parquet"})
  assert refusal(make_config()).startswith(f"{folder} holds parquet")


@pytest.mark.parametrize("name", ["", "../mnist", "mnist:3.0.1", "a/b/c", "/etc"])
def test_an_invalid_name(make_config, name):
  assert f"config.data.name={name!r}" in refusal(make_config(name=name))


def test_a_cache_that_cannot_be_written(write_folder, make_config, tmp_path):
  write_folder()
  (tmp_path / "cache").write_text("a file")
  assert "--config.data.cache_directory" in refusal(make_config())


# The real data, where TFDS_DATA_DIR names it.


def test_mnist_holds_the_images_of_the_original_files(load_real, real_data_directory):
  mnist = load_real("mnist")
  assert mnist.train.images.shape == (60_000, 28, 28, 1)
  assert mnist.test.images.shape == (10_000, 28, 28, 1)
  assert mnist.num_classes == 10
  train = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
  test = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
  assert np.bincount(mnist.train.labels).tolist() == train
  assert np.bincount(mnist.test.labels).tolist() == test

  paths = sorted(real_data_directory.glob("downloads/*mnist_train*.gz"))
  if len(paths) != 2:
    pytest.skip("TFDS_DATA_DIR holds no original files of MNIST")
  images, labels = (gzip.decompress(path.read_bytes()) for path in paths)
  assert hashlib.md5(images).hexdigest() == "6bbc9ace898e44ae57da46a324031adb"
  # TFDS shuffles as it prepares: the same pairs, in another order.
  original = np.frombuffer(images, np.uint8, offset=16).reshape(60_000, 784)
  original = np.column_stack([original, np.frombuffer(labels, np.uint8, offset=8)])
  loaded = mnist.train.images.reshape(60_000, 784)
  loaded = np.column_stack([loaded, mnist.train.labels.astype(np.uint8)])
  assert sorted(map(bytes, original)) == sorted(map(bytes, loaded))


def test_the_second_load_of_mnist_is_fast(load_real):
  fresh = load_real("mnist")
  lines = []
  start = time.perf_counter()
  cached = load_real("mnist", lines)
  assert time.perf_counter() - start < 1.0
  assert lines == []
  np.testing.assert_array_equal(cached.train.images, fresh.train.images)
  np.testing.assert_array_equal(cached.test.labels, fresh.test.labels)


@pytest.mark.parametrize(
  ("name", "per_class", "shape"),
  [("fashion_mnist", 6000, (28, 28, 1)), ("cifar10", 5000, (32, 32, 3))],
)
def test_other_real_data(load_real, name, per_class, shape):
  dataset = load_real(name)
  assert dataset.num_classes == 10
  assert np.bincount(dataset.train.labels).tolist() == [per_class] * 10
  assert np.bincount(dataset.test.labels).tolist() == [1000] * 10
  assert dataset.train.images.shape == (10 * per_class, *shape)
  assert dataset.test.images.shape == (10_000, *shape)
  assert dataset.train.images.min() == 0
  assert dataset.train.images.max() == 255
