"""Parquet and IDX files: which are read, and how bad ones are refused."""

import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from sgae.data import sources
from sgae.data.reading import describe_data
from sgae.devices import machine
from sgae.errors import UserError
from tests.data.containers import idx_bytes, write_parquet
from tests.image_files import assert_holds, encode
from tests.image_files import pixels as noise

IMAGES = np.stack([noise(4, 6, 3, seed=seed) for seed in range(12)])
LABELS = [n % 3 for n in range(12)]


@pytest.fixture
def load(make_config, tmp_path):
  def load(source, name="", **changes):
    config = make_config(source=source, path=str(tmp_path / name), **changes)
    return sources.load(config, lambda line: None)

  return load


@pytest.fixture
def refusal(load):
  def refuse(source, name=""):
    with pytest.raises(UserError) as error:
      load(source, name)
    assert str(error.value).isprintable()
    return str(error.value)

  return refuse


def examples(dataset):
  both = (np.concatenate(arrays) for arrays in zip(dataset.train, dataset.test))  # noqa: B905
  return sorted((image.tobytes(), label) for image, label in zip(*both, strict=True))


def test_a_single_parquet_file(load, tmp_path):
  write_parquet(tmp_path / "a.parquet", (IMAGES, LABELS), caption=["x"] * 12)
  lines = [load("parquet", "a.parquet").read for _ in range(2)]  # decoded, cached
  assert lines[0] == lines[1]
  assert lines[0].left_out == ("column 'caption'",)
  dataset = load("parquet", "a.parquet")
  assert dataset.class_names == ("0", "1", "2")
  assert len(dataset.test.images) == 3
  assert examples(dataset) == sorted(
    (image.tobytes(), label) for image, label in zip(IMAGES, LABELS, strict=True)
  )


def test_names_of_classes_of_the_hub(load, tmp_path):
  names = ["ant", "bee", "cat", "dog"]
  write_parquet(tmp_path / "a.parquet", (IMAGES, [n + 1 for n in LABELS]), names)
  dataset = load("parquet")
  assert dataset.class_names == ("bee", "cat", "dog")


@pytest.mark.parametrize(
  ("names", "left_out"),
  [
    (("data/train-00000-of-00002", "data/train-00001-of-00002", "data/test-0"), ()),
    (("train/0000", "train/0001", "validation/0000"), ()),
    (("train-0", "train-1", "test-0", "validation-0", "x"),
     ("1 files of val", "1 files of no split")),
  ],
)  # fmt: skip
def test_the_splits_of_the_hub(load, tmp_path, names, left_out):
  for part, name in enumerate(names):
    write_parquet(tmp_path / f"{name}.parquet", (IMAGES[part::6], LABELS[part::6]))
  dataset = load("parquet")
  assert_holds(dataset.test, list(IMAGES[2::6]), LABELS[2::6])
  rest = [0, 6, 1, 7]
  assert_holds(dataset.train, list(IMAGES[rest]), [LABELS[n] for n in rest])
  assert dataset.read.left_out == left_out


def test_images_as_bytes_names_as_labels_and_a_background(load, tmp_path):
  glyph = np.full((2, 2, 4), 255, np.uint8)
  glyph[0, 0, 3] = 0
  table = pa.table({"img": [encode(glyph)] * 4, "labels": ["b", "a", "b", "a"]})
  pyarrow.parquet.write_table(table, tmp_path / "a.parquet", compression="zstd")
  dataset = load("parquet")
  assert dataset.class_names == ("a", "b")
  assert dataset.train.images[0, :, :, 0].tolist() == [[0, 255], [255, 255]]
  assert dataset.read.background.startswith("black")


GOOD = [encode(image) for image in IMAGES[:2]]


def test_rows_without_a_label_are_unlabelled(load, tmp_path):
  table = pa.table({"image": GOOD * 3, "label": [4, None, 7, 4, -1, 7]})
  pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
  dataset = load("parquet")
  labels = np.concatenate([dataset.train.labels, dataset.test.labels])
  assert sorted(labels) == [-1, -1, 0, 0, 1, 1]
  assert dataset.class_names == ("4", "7") and dataset.num_classes == 2
  assert "2 of 6 images have no label (-1)" in describe_data(dataset)


@pytest.mark.parametrize(
  ("columns", "words"),
  [
    ({"image": GOOD, "label": [None, None]}, "no label but -1"),
    ({"image": GOOD, "label": [-2, -1]}, "values from -2 to -2"),
    ({"image": GOOD, "label": [[0, 1], [1]]}, "'label' has labels of different forms"),
    ({"image": [GOOD[0], None]}, "row 1 has no image"),
    ({"image": [{"bytes": None}, {"bytes": GOOD[0]}]}, "row 0 has no image"),
    ({"image": [{"bytes": None, "path": "x.png"}] * 2}, "struct<bytes: null"),
    ({"image": [GOOD[0], GOOD[1][:50]]}, "a.parquet: row 1 cannot be read"),
    ({"image": ["x.png", "y.png"]}, "has the columns image: string; allowed is"),
    ({f"c{n}": [0, 1] for n in range(999)}, "c5: int64 and 993 more; allowed is"),
    ({"image": pa.array([], pa.binary())}, "holds no rows"),
  ],
)  # fmt: skip
def test_tables_that_are_refused(refusal, tmp_path, columns, words):
  pyarrow.parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
  assert words in refusal("parquet")


def test_parquet_files_that_do_not_belong_together(refusal, tmp_path):
  write_parquet(tmp_path / "a.parquet", (IMAGES, LABELS))
  pyarrow.parquet.write_table(pa.table({"image": GOOD}), tmp_path / "b.parquet")
  assert "files with different columns" in refusal("parquet")


def test_missing_and_other_files(refusal, tmp_path):
  assert "none.parquet cannot be read (No such file" in refusal(
    "parquet", "none.parquet"
  )
  assert "holds no .parquet files" in refusal("parquet")
  assert "none cannot be read (No such file" in refusal("idx", "none")
  assert "holds nothing; allowed are files such as train-images-idx3" in refusal("idx")
  (tmp_path / "a.parquet").write_bytes(b"PAR1" * 9)
  assert "a.parquet is not a parquet file, or is damaged" in refusal("parquet")
  assert ".parquet is read by --config.data.source=parquet" in refusal("folder")
  np.savez(tmp_path / "x.npz", images=IMAGES)
  assert ".npz is read by --config.data.source=npz" in refusal("folder", "x.npz")


def test_a_table_larger_than_the_memory(refusal, tmp_path, monkeypatch):
  table = pa.table({"image": [bytes(2**20)] * 8})
  pyarrow.parquet.write_table(table, tmp_path / "a.parquet", compression="zstd")
  monkeypatch.setattr(machine, "memory", lambda: 2**19)
  assert "declares 0.00 GiB in a column, more than" in refusal("parquet")


GREY = IMAGES[..., 0]


def test_one_idx_file_and_its_labels(load, tmp_path):
  (tmp_path / "my.images.idx3.gz").write_bytes(gzip.compress(idx_bytes(GREY)))
  (tmp_path / "my.labels.idx1").write_bytes(idx_bytes(np.array(LABELS) + 1))
  for name in ("", "my.images.idx3.gz"):
    dataset = load("idx", name)
    assert dataset.class_names == ("1", "2", "3")
    assert sum(len(split.images) for split in dataset[1:3]) == 12
  (tmp_path / "my.labels.idx1").unlink()
  (tmp_path / "notes.txt").write_text("")
  dataset = load("idx")
  assert (dataset.num_classes, dataset.class_names) == (1, ())
  assert dataset.read.left_out == ("file notes.txt",)


@pytest.mark.parametrize(
  ("files", "words"),
  [
    ({"train-images": b""}, "begins with nothing"),
    ({"train-images": b"\x1f\x8b\x08"}, "is not an IDX file of uint8, or is damaged"),
    ({"train-images": b"\0\0\x0d\3" + bytes(12)}, "begins with 00 00 0d 03"),
    ({"train-images": idx_bytes(GREY)[:-1]}, "it ends after 287 of 288 values"),
    ({"train-images": idx_bytes(GREY) + b"x"}, "it goes on after its 288 values"),
    ({"train-images": idx_bytes(GREY)[:9]}, "is damaged or truncated"),
    ({"train-images": b"\0\0\x08\3" + b"\xff" * 12}, "GiB, more than the"),
    ({"train-images": idx_bytes(GREY[0])}, "has the shape (4, 6); allowed are"),
    ({"train-images": idx_bytes(GREY[:0])}, "has the shape (0, 4, 6)"),
    ({"train-images": idx_bytes(GREY), "train-labels": idx_bytes(np.arange(11))},
     "train-labels has the shape (11,), but there are 12 images"),
    ({"train-images": idx_bytes(GREY), "t10k-images": idx_bytes(GREY),
      "t10k-labels": idx_bytes(np.arange(12))}, "labels in t10k-labels, but none for"),
    ({"train-images": idx_bytes(GREY), "t10k-images": idx_bytes(GREY[:, 1:])},
     "are (4, 6, 1) and the test images (3, 6, 1)"),
    ({"t10k-images": idx_bytes(GREY)}, "has t10k but no training split"),
    ({"train-images": idx_bytes(GREY[:1])}, "holds one example"),
  ],
)  # fmt: skip
def test_idx_files_that_are_refused(refusal, tmp_path, files, words):
  for name, data in files.items():
    (tmp_path / name).write_bytes(data)
  assert words in refusal("idx")


def test_hub_metadata_that_make_no_sense_are_ignored(load, tmp_path):
  path = write_parquet(tmp_path / "a.parquet", (IMAGES, LABELS))
  table = pyarrow.parquet.read_table(path)
  for metadata in (b"{", b"[]", json.dumps({"info": {"features": {"label": 1}}})):
    pyarrow.parquet.write_table(
      table.replace_schema_metadata({"huggingface": metadata}), path
    )
    assert load("parquet").class_names == ("0", "1", "2")
