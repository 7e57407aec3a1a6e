"""Real images in each container: the same pixels, labels and names arrive from all."""

import gzip
from typing import Any

import numpy as np
import pytest

from sgae.data import sources
from sgae.data.reading import describe_data
from tests.data import containers
from tests.image_files import encode

COUNTS = {"train": 300, "test": 60}
CONTAINERS = ("npz", "folder", "zip", "tar", "tar.gz", "parquet", "idx", "idx.gz")


@pytest.fixture(scope="module", params=["mnist", "cifar10"])
def real(request, real_data_directory, tmp_path_factory):
  """The name, the first examples of each split in the order of the classes, and names.

  In that order class folders give them too.
  """
  import tensorflow_datasets as tfds

  folder = max((real_data_directory / request.param).iterdir())
  builder: Any = tfds.builder_from_directory(folder)
  splits = {}
  for split, count in COUNTS.items():
    source = builder.as_data_source(split)
    rows = [source[index] for index in range(count)]
    order = np.argsort([row["label"] for row in rows], kind="stable")
    images = np.stack([rows[index]["image"] for index in order])
    splits[split] = (images, [int(rows[index]["label"]) for index in order])
  return request.param, splits, tuple(builder.info.features["label"].names)


def write(container, folder, splits, class_names):
  """Writes a container; returns the fields of config.data that read it."""
  if container == "npz":
    arrays = {
      f"{split}_{kind}": part[at]
      for split, part in splits.items()
      for at, kind in enumerate(("images", "labels"))
    }
    np.savez(folder / "real.npz", **arrays)
    return {"source": "npz", "path": str(folder / "real.npz")}
  if container == "parquet":
    for split, part in splits.items():
      path = folder / "data" / f"{split}-00000-of-00001.parquet"
      containers.write_parquet(path, part, class_names)
    return {"source": "parquet", "path": str(folder)}
  if container.startswith("idx"):
    for split, (images, labels) in splits.items():
      word = {"train": "train", "test": "t10k"}[split]
      grey = images[..., 0] if images.shape[-1] == 1 else images
      for kind, array in (("images-idx3", grey), ("labels-idx1", labels)):
        data = containers.idx_bytes(np.asarray(array))
        name = f"{word}-{kind}-ubyte"
        if container.endswith("gz"):
          name, data = f"{name}.gz", gzip.compress(data)
        (folder / name).write_bytes(data)
    return {"source": "idx", "path": str(folder)}
  files = {
    name: encode(image)
    for split, (images, labels) in splits.items()
    for name, image in zip(containers.names(labels, f"{split}/"), images, strict=True)
  }
  path = folder / f"real.{container}"
  writer = {"folder": containers.write_files, "zip": containers.write_zip}
  writer.get(container, containers.write_tar)(path, files)
  return {"source": "folder", "path": str(path)}


@pytest.mark.parametrize("container", CONTAINERS)
def test_the_same_pixels_and_labels_arrive(container, real, make_config, tmp_path):
  name, splits, class_names = real
  fields = write(container, tmp_path, splits, class_names)
  dataset = sources.load(make_config(**fields), lambda line: None)
  for split, (images, labels) in splits.items():
    found = getattr(dataset, split)
    np.testing.assert_array_equal(found.images, images)
    assert found.labels.tolist() == labels
  assert dataset.num_classes == 10
  kept = class_names if container == "parquet" else tuple(map(str, range(10)))
  assert dataset.class_names == kept
  height, width, channels = splits["train"][0].shape[1:]
  line = describe_data(dataset)
  assert f"300 training and 60 test images of {height}x{width}x{channels}" in line
  assert "left out" not in line
