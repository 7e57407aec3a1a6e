"""Archives of images: the same data as unpacked, and nothing outside of them."""

import gzip
import io
import json
import os
import stat
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from sgae.data import sources, store
from sgae.errors import UserError
from tests.data.containers import write_files, write_tar, write_zip
from tests.image_files import encode, pixels

IMAGES = [pixels(4, 4, 3, seed=seed) for seed in range(6)]
FILES = {f"{'cat' if n % 2 else 'dog'}/{n}.png": encode(IMAGES[n]) for n in range(6)}
WRITERS = {
  "a.zip": write_zip,
  "a.tar": write_tar,
  "a.tar.gz": write_tar,
  "a": write_files,
}
ARCHIVES = [name for name in WRITERS if name != "a"]


@pytest.fixture
def load(make_config, tmp_path):
  """Writes files into a container of this name and loads it."""

  def load(name, files, **changes):
    path = WRITERS[name](tmp_path / name, files) if files else tmp_path / name
    config = make_config(source="folder", path=str(path), **changes)
    return sources.load(config, lambda line: None)

  return load


@pytest.fixture
def refusal(load):
  def refuse(name, files):
    with pytest.raises(UserError) as error:
      load(name, files)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 500
    return str(error.value)

  return refuse


def examples(dataset):
  """Returns the pixels and the name of the class of each example, sorted."""
  return sorted(
    (image.tobytes(), dataset.class_names[label] if dataset.class_names else "")
    for split in (dataset.train, dataset.test)
    for image, label in zip(*split, strict=True)
  )


EXPECTED = sorted((IMAGES[n].tobytes(), "cat" if n % 2 else "dog") for n in range(6))


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("top", ["", "./", "pets/", "pets/train/"])
def test_class_folders_at_any_depth(load, name, top):
  files = {f"{top}{file}": data for file, data in reversed(FILES.items())}
  files |= {f"__MACOSX/{top}cat/._1.png": b"x", f"{top}notes.txt": b""}
  dataset = load(name, files)
  assert dataset.class_names == ("cat", "dog")
  assert examples(dataset) == EXPECTED
  assert (len(dataset.train.images), len(dataset.test.images)) == (4, 2)
  assert dataset.read.left_out == ("1 .txt",)


@pytest.mark.parametrize("name", ARCHIVES)
def test_the_second_load_is_the_cache_until_the_archive_changes(load, name, tmp_path):
  first = load(name, FILES)
  status = os.stat(tmp_path / name)
  assert examples(load(name, None)) == examples(first)
  entries = list(tmp_path.glob("cache/data/folder-*"))
  os.utime(tmp_path / name, ns=(0, status.st_mtime_ns + 1))
  assert load(name, None).read == first.read
  assert len(list(tmp_path.glob("cache/data/folder-*"))) == len(entries) + 1


@pytest.mark.parametrize("name", ARCHIVES)
@pytest.mark.parametrize("bad", ["../x.png", "/x.png", "cat/../../x.png", "C:\\x.png"])
def test_names_that_lead_out_of_an_archive_are_refused(refusal, name, bad):
  assert "leads out of the archive" in refusal(name, {**FILES, bad: encode(IMAGES[0])})


def test_links_are_named_and_not_followed(load, tmp_path):
  (tmp_path / "secret.png").write_bytes(encode(IMAGES[0]))
  write_tar(tmp_path / "a.tar", FILES)
  with tarfile.open(tmp_path / "a.tar", "a") as archive:
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
      member = tarfile.TarInfo(f"cat/link{kind.decode()}.png")
      member.type, member.linkname = kind, str(tmp_path / "secret.png")
      archive.addfile(member)
  write_zip(tmp_path / "a.zip", FILES)
  with zipfile.ZipFile(tmp_path / "a.zip", "a") as archive:
    info = zipfile.ZipInfo("cat/link.png")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(info, str(tmp_path / "secret.png"))
  assert load("a.tar", None).read.left_out == (
    "link cat/link2.png",
    "link cat/link1.png",
  )
  zipped = load("a.zip", None)
  assert zipped.read.left_out == ("link cat/link.png",)
  assert examples(zipped) == EXPECTED


def test_of_two_files_of_one_name_the_last_counts(load, tmp_path):
  write_tar(tmp_path / "a.tar", {"dog/0.png": b"old", **FILES})
  with tarfile.open(tmp_path / "a.tar", "a") as archive:
    member = tarfile.TarInfo("dog/0.png")
    member.size = len(FILES["dog/0.png"])
    archive.addfile(member, io.BytesIO(FILES["dog/0.png"]))
  dataset = load("a.tar", None)
  assert examples(dataset) == EXPECTED
  assert dataset.read.left_out == ("an earlier dog/0.png",)


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_that_is_missing_or_no_archive(refusal, name, tmp_path):
  assert f"{name} cannot be read (No such file" in refusal(name, None)
  (tmp_path / name).write_bytes(b"no archive" * 100)
  assert f"{name} is not a {'zip' if 'zip' in name else 'tar'} file" in refusal(
    name, None
  )


@pytest.mark.parametrize("at", [700, 1024, 3000])
def test_a_tar_that_ends_or_is_damaged_between_two_files_loses_none_silently(
  refusal, tmp_path, at
):
  data = write_tar(tmp_path / "a.tar", FILES).read_bytes()
  assert len(data) > 6 * 1024
  (tmp_path / "a.tar").write_bytes(data[:at])
  assert "damaged or truncated" in refusal("a.tar", None)
  (tmp_path / "a.tar").write_bytes(data[:1024] + b"\xff" * 512 + data[1536:])
  assert "no header and no end at byte 1,024" in refusal("a.tar", None)


def test_sizes_that_do_not_fit_are_refused_before_they_are_read(
  refusal, tmp_path, monkeypatch
):
  monkeypatch.setattr(store, "MOST_BYTES", 2**20)
  bomb = {**FILES, "cat/x.png": bytes(2**21)}
  for name in ARCHIVES:
    assert "x.png declares 0.00 GiB; allowed are at most" in refusal(name, bomb)
  # a header that asks for a name of two megabytes
  member = tarfile.TarInfo("x")
  member.type, member.size = tarfile.XHDTYPE, 2**21
  header = gzip.compress(member.tobuf() + bytes(2**21))
  (tmp_path / "a.tar.gz").write_bytes(header)
  assert "a part of 2097152 bytes" in refusal("a.tar.gz", None)


def test_an_encrypted_zip(refusal, tmp_path):
  data = bytearray(write_zip(tmp_path / "a.zip", FILES).read_bytes())
  for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
    place = data.find(signature)
    while place >= 0:
      data[place + at] |= 1
      place = data.find(signature, place + 1)
  (tmp_path / "a.zip").write_bytes(data)
  assert "is encrypted" in refusal("a.zip", None)


# Labels in a file beside the images.

FLAT = {f"{n}.png": data for n, data in enumerate(FILES.values())}
TABLE = "file,label\n" + "".join(
  f"{n}.png,{'dog' if n % 2 else 'cat'}\n" for n in range(6)
)
LABELLED = sorted((IMAGES[n].tobytes(), "dog" if n % 2 else "cat") for n in range(6))


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize(
  "table",
  [
    TABLE,
    TABLE.replace(".png", "").replace("file,label", "id,breed,class"
    ).replace(",cat", ",x,cat").replace(",dog", ",x,dog"),
    "\ufeff" + TABLE.replace("file", " File_Name").replace("\n", "\r\n"),
    TABLE.replace(",", ";"),
  ],
)  # fmt: skip
def test_labels_in_a_csv(load, name, table):
  dataset = load(name, FLAT | {"labels.csv": table.encode()})
  assert dataset.class_names == ("cat", "dog")
  assert examples(dataset) == LABELLED
  assert dataset.read.changed == ("labels from labels.csv",)
  assert dataset.read.left_out == ()


def test_a_short_row_of_a_csv_has_no_label(load):
  table = TABLE.replace("2.png,cat", "2.png")
  assert table != TABLE
  dataset = load("a.zip", FLAT | {"labels.csv": table.encode()})
  found = [*dataset.train.labels, *dataset.test.labels]
  assert found.count(-1) == 1
  dataset = load("a.zip", FLAT | {"labels.csv": f"{TABLE},cat\n".encode()})
  assert dataset.read.left_out == ("1 rows of labels.csv without an image",)


def test_whole_numbers_with_a_point_are_classes_as_pandas_writes_them(load):
  table = (
    TABLE.replace("cat", "0.0").replace("dog", "1.0").replace("2.png,0.0", "2.png,")
  )
  assert table.count(".0") == TABLE.count("cat") + TABLE.count("dog") - 1
  assert load("a.zip", FLAT | {"labels.csv": table.encode()}).class_names == ("0", "1")
  other = table.replace("1.0", "1.5")
  dataset = load("a.zip", FLAT | {"labels.csv": other.encode()})
  assert dataset.class_names == ("0.0", "1.5")


def test_a_csv_in_each_split_and_one_for_both(load):
  files = {f"train/{n}.png": FLAT[f"{n}.png"] for n in range(4)}
  files |= {f"test/deep/{n}.png": FLAT[f"{n}.png"] for n in (4, 5)}
  both = TABLE + "gone.png,cat\n"
  dataset = load(
    "a.zip", files | {"all.csv": both.encode(), "test/other.csv": b"a,b\n"}
  )
  assert examples(dataset) == LABELLED
  assert dataset.read.left_out == ("1 .csv", "1 rows of all.csv without an image")
  rows = TABLE.splitlines(keepends=True)
  parts = {
    "train/x.csv": "".join(rows[:5]),
    "test/x.csv": "".join([rows[0], *rows[5:]]),
  }
  dataset = load("a.tar", files | {name: text.encode() for name, text in parts.items()})
  assert examples(dataset) == LABELLED


STYLEGAN = {f"0000{n // 3}/img0000000{n}.png": encode(IMAGES[n]) for n in range(6)}


@pytest.mark.parametrize("name", WRITERS)
def test_the_labels_of_stylegan_and_its_folders(load, name):
  labels = [[file, 7 * (n % 2)] for n, file in enumerate(STYLEGAN)]
  table = json.dumps({"labels": labels}).encode()
  dataset = load(name, STYLEGAN | {"dataset.json": table})
  assert dataset.class_names == ("0", "7")
  assert examples(dataset) == sorted(
    (IMAGES[n].tobytes(), "7" if n % 2 else "0") for n in range(6)
  )
  for files in (STYLEGAN | {"dataset.json": b'{"labels": null}'}, STYLEGAN):
    dataset = load(name, files)
    assert (dataset.num_classes, dataset.class_names) == (1, ())


def stylegan(label):
  return json.dumps({"labels": [[name, label] for name in FLAT]})


@pytest.mark.parametrize(
  ("extra", "words"),
  [
    ({"x.csv": TABLE[:-20]}, "x.csv has no label of 2 of 6 images (4.png, 5.png)"),
    ({"x.csv": TABLE + "1.png,cat\n"}, "more than one label to 1.png"),
    ({"x.csv": "file,label\n\xff"}, "x.csv cannot be read as labels"),
    ({"x.csv": TABLE, "y.csv": TABLE}, "two files of labels, x.csv, y.csv"),
    ({"dataset.json": "{"}, "dataset.json cannot be read as labels (JSONDecodeError)"),
    ({"dataset.json": "[" * 100_000}, "cannot be read as labels (RecursionError)"),
    ({"dataset.json": '{"labels": [["0.png"]]}'}, "cannot be read as labels"),
    ({"dataset.json": stylegan(None)}, "labels has no label but -1"),
    ({"dataset.json": stylegan(10**30)}, "labels of different forms"),
    ({"dataset.json": stylegan([0, 1, 1])}, "not one-hot"),
  ],
)  # fmt: skip
def test_labels_that_are_refused(refusal, extra, words):
  encoded = {name: text.encode("latin-1") for name, text in extra.items()}
  assert words in refusal("a.zip", FLAT | encoded)


def test_a_picture_with_more_pixels_than_pillows_limit(refusal, monkeypatch):
  monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
  assert "a.tar.gz: dog/0.png has more pixels" in refusal("a.tar.gz", FILES)


def test_no_array_is_kept_for_a_container_of_another_kind(refusal, tmp_path):
  np.savez(tmp_path / "a.npz", images=np.stack(IMAGES))
  (tmp_path / "a.npz").rename(tmp_path / "a.zip")
  assert "holds no images but 1 .npy files" in refusal("a.zip", None)
