"""Folders of images: which files are read, and when the cache is valid."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from sgae.data.holdout import hold_out
from sgae.reporting.metrics import read_metrics
from tests.image_files import assert_holds, encode, pixels

# Which files are read, and in what order.


def test_flat_files_in_the_order_of_their_names(write_images, load_folder):
  images = {f"{index:02}.png": pixels(4, 6, 3, seed=index) for index in range(21)}
  write_images(dict(reversed(images.items())))
  lines = []
  dataset = load_folder(lines)
  assert (dataset.name, dataset.num_classes) == ("faces", 1)
  is_test = hold_out("", np.zeros(21)).is_test
  stored = np.stack(list(images.values()))
  assert_holds(dataset.test, list(stored[is_test]), [0] * 2)
  assert_holds(dataset.train, list(stored[~is_test]), [0] * 19)
  assert lines == ["Decoding faces: 0 of 21 images"]  # No warning about classes.


def test_class_folders_are_numbered_in_the_order_of_their_names(
  write_images, load_folder
):
  images = {
    f"{label}/{index}.png": pixels(4, 4, 1, seed=index + ord(label))
    for label in "cab"
    for index in range(4)
  }
  write_images({name: image[..., 0] for name, image in images.items()})
  dataset = load_folder()
  assert dataset.num_classes == 3
  assert dataset.class_names == ("a", "b", "c")
  labels = np.repeat(np.arange(3), 4)
  is_test = hold_out("", labels).is_test
  stored = np.stack([images[name] for name in sorted(images)])
  assert_holds(dataset.test, list(stored[is_test]), [0, 1, 2])
  assert_holds(dataset.train, list(stored[~is_test]), labels[~is_test].tolist())


@pytest.mark.parametrize("classes", [True, False])
def test_train_and_test_are_the_splits_if_both_exist(
  write_images, load_folder, classes
):
  cat, dog = ("cat/", "dog/") if classes else ("", "")
  images = [pixels(4, 4, 3, seed=seed) for seed in range(4)]
  write_images(
    {
      f"train/{cat}1.png": images[0],
      f"train/{cat}2.png": images[1],
      f"train/{dog}3.png": images[2],
      f"test/{dog}4.png": images[3],  # There is no cat, yet dog stays class 1.
      "val/cat/5.png": pixels(9, 9),
      "beside.png": pixels(9, 9),
    }
  )
  dataset = load_folder()
  assert dataset.num_classes == 1 + classes
  assert_holds(dataset.train, images[:3], [0, 0, int(classes)])
  assert_holds(dataset.test, images[3:], [int(classes)])
  assert dataset.read.split == "test/"
  assert dataset.read.left_out == ("val/ (1 images)", "1 images beside train/")


@pytest.mark.parametrize(
  ("train", "test"),
  [("Train", "Test"), ("train", "val"), ("training", "valid"), ("TRAIN", "Validation")],
)
def test_splits_in_any_spelling_are_never_classes(
  write_images, load_folder, train, test
):
  write_images({f"{train}/{n}.png": pixels(4, 4, seed=n) for n in range(3)})
  write_images({f"{test}/3.png": pixels(4, 4, seed=3)})
  dataset = load_folder()
  assert (len(dataset.train.images), len(dataset.test.images)) == (3, 1)
  assert (dataset.num_classes, dataset.read.split) == (1, f"{test}/")


def test_a_folder_that_holds_everything_is_looked_through(write_images, load_folder):
  names = ("data/train/cat/1.png", "data/train/cat/2.png", "data/train/dog/1.png")
  write_images({name: pixels(4, 4) for name in names})
  write_images({"data/README.md": b""})
  dataset = load_folder()
  assert dataset.class_names == ("cat", "dog")
  assert sum(len(split.images) for split in (dataset.train, dataset.test)) == 3


def test_hidden_files_are_ignored_and_other_kinds_are_named(
  write_images, load_folder, image_root
):
  write_images(
    {
      "a/1.PNG": pixels(4, 4),
      "a/2.Png": pixels(4, 4),
      "a/._1.png": b"what macOS leaves behind",
      "a/list.txt": b"1.PNG",
      "a/new.avif": b"",
      "a/new.AVIF": b"",
      "__MACOSX/a/1.png": b"",
      "a/Thumbs.db": b"",
      ".ipynb_checkpoints/1.png": b"",
      "b/3.png": pixels(4, 4),
      "no_class/readme.md": b"",
      ".thumbnails/deep/1.png": b"",
    }
  )
  os.mkfifo(image_root / "a" / "pipe.png")  # Opening it would never return.
  dataset = load_folder()
  assert sorted([*dataset.train.labels, *dataset.test.labels]) == [0, 0, 1]
  assert dataset.class_names == ("a", "b")
  assert dataset.read.left_out == (
    "2 .avif", "1 .txt", "1 .md", "no_class/ (no images)", "a/pipe.png (no file)"
  )  # fmt: skip


NAMES = ["人物/顔 ü.png", "e\u0301/🙂.png", "line\nend/\t.png", "\udcff/\udce4.png"]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_any_kind(write_images, load_folder, refuse_folder, image_root, name):
  write_images({name: b"broken", "a/x.png": pixels(4, 4)})
  shown = str(image_root / name)
  assert (shown if shown.isprintable() else repr(shown)) in refuse_folder()
  write_images({name: pixels(4, 4, seed=1)})
  for _ in ("decoded", "cached"):
    np.testing.assert_array_equal(
      load_folder().test.images[0, ..., 0], pixels(4, 4, seed=1)
    )


def test_a_folder_with_an_unprintable_name(write_images, load_folder, image_root):
  write_images({"1.png": pixels(4, 4), "2.png": pixels(4, 4)})
  path = image_root.rename(os.fsdecode(os.fsencode(image_root) + b"\xff\n"))
  for _ in ("decoded", "cached"):
    assert load_folder(path=str(path)).name == r"'faces\udcff\n'"


def test_links_are_followed_but_never_in_a_circle(
  write_images, load_folder, image_root, tmp_path
):
  write_images({"a/1.png": pixels(4, 4), "../elsewhere/2.png": pixels(4, 4, seed=1)})
  (image_root / "b").symlink_to(tmp_path / "elsewhere")
  (image_root / "a" / "3.png").symlink_to(tmp_path / "elsewhere" / "2.png")
  (image_root / "self").symlink_to(image_root)
  (image_root / "above").symlink_to(tmp_path)
  (image_root / "a" / "self").symlink_to(image_root / "a")
  (image_root / "a" / "above").symlink_to("..")
  (image_root / "b" / "home").symlink_to(tmp_path / "elsewhere")
  (image_root / "knot").symlink_to("knot")
  (image_root / "a" / "knot").symlink_to("knot")
  other = tmp_path / "other"  # The data by another name: the links lead above it too.
  other.symlink_to(image_root)
  for path in (image_root, other):
    train, test, *_ = load_folder(path=str(path))[1:]
    both = [np.concatenate(arrays) for arrays in zip(train, test, strict=True)]
    found = sorted(zip(map(bytes, both[0]), both[1], strict=True))
    first, other = pixels(4, 4).tobytes(), pixels(4, 4, seed=1).tobytes()
    assert found == sorted([(first, 0), (other, 0), (other, 1)])


def test_a_path_may_begin_with_the_home_folder(
  write_images, load_folder, tmp_path, monkeypatch
):
  write_images({"1.png": pixels(4, 4), "2.png": pixels(4, 4)})
  monkeypatch.setenv("HOME", str(tmp_path))
  assert load_folder(path="~/faces/").name == "faces"


def test_a_single_class_gets_a_warning_each_time(write_images, load_folder):
  write_images({"cat/1.png": pixels(4, 4), "cat/2.png": pixels(4, 4)})
  for before in (["Decoding faces: 0 of 2 images"], []):
    lines = []
    load_folder(lines)
    *others, warning = lines
    assert others == before
    assert warning.startswith("Warning: all labels of faces are one class (cat)")


# The cache.


@pytest.fixture
def spoil(image_root):
  """Overwrites all images without a change of name, size or time."""

  def spoil():
    for path in image_root.rglob("*.*"):
      status = path.stat()
      path.write_bytes(b"\xff" * status.st_size)
      os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

  return spoil


def test_the_second_load_opens_no_image(
  write_images, load_folder, spoil, refuse_folder, tmp_path
):
  names = ("train/a/1.png", "train/b/2.png", "test/b/3.png")
  write_images({name: pixels(8, 8, 3, seed=seed) for seed, name in enumerate(names)})
  fresh = load_folder()
  spoil()
  lines = []
  cached = load_folder(lines)
  assert lines == []
  assert (cached.name, cached.num_classes) == ("faces", 2)
  assert_holds(cached.train, list(fresh.train.images), [0, 1])
  assert_holds(cached.test, list(fresh.test.images), [1])
  [entry] = tmp_path.glob("cache/data/folder-*/dataset.json")
  entry.unlink()
  assert "1.png is not PNG" in refuse_folder()


def grow(image_root):
  with open(image_root / "a" / "1.png", "ab") as file:
    file.write(b"\x00")


def touch(image_root):
  os.utime(image_root / "a" / "1.png", ns=(0, 1))


def rename(image_root):
  times = (image_root / "a" / "1.png").rename(image_root / "a" / "0.png").stat()
  os.utime(image_root / "a" / "0.png", ns=(times.st_atime_ns, times.st_mtime_ns))


def move_to_other_class(image_root):
  (image_root / "a" / "1.png").rename(image_root / "b" / "1.png")


def remove(image_root):
  (image_root / "b" / "2.png").unlink()


@pytest.mark.parametrize("change", [grow, touch, rename, move_to_other_class, remove])
def test_any_change_of_the_files_is_noticed(
  write_images, load_folder, image_root, change
):
  write_images({f"a/{index}.png": pixels(4, 4) for index in (1, 3)})
  write_images({f"b/{index}.png": pixels(4, 4) for index in (2, 4)})
  load_folder()
  change(image_root)
  lines = []
  load_folder(lines)
  assert lines[0].startswith("Decoding faces")


def test_each_size_has_its_own_cache_entry(write_images, load_folder, spoil):
  image = pixels(8, 12, 3)
  write_images({"1.png": image, "2.png": image})
  centre = Image.fromarray(image[:, 2:10])
  expected = {size: np.asarray(centre.resize((size, size), 2)) for size in (4, 5)}
  for _ in ("decoded", "cached"):
    for size, pixel in ({0: image} | expected).items():
      assert_holds(load_folder(image_size=size).train, [pixel], [0])
    spoil()


def test_a_link_to_another_version_of_the_data_is_noticed(
  write_images, load_folder, image_root, tmp_path
):
  link = tmp_path / "link"
  for version in ("v1", "v2"):
    for index in (1, 2):  # As an archive may unpack them: same names, sizes, times.
      image = pixels(4, 4, seed=ord(version[1]))
      write_images({f"{version}/{index}.bmp": encode(image, "BMP")})
      os.utime(image_root / version / f"{index}.bmp", ns=(0, 0))
    link.unlink(missing_ok=True)
    link.symlink_to(image_root / version)
    images = load_folder(path=str(link)).train.images
    np.testing.assert_array_equal(images[0, ..., 0], image)


def test_two_steps_of_training(write_images, image_root, train_two_steps):
  write_images(
    {f"{index % 2}/{index}.png": pixels(9, 12, 3, seed=index) for index in range(20)}
  )
  workdir, printed = train_two_steps(
    ("sae",), source="folder", path=str(image_root), image_size=8
  )
  assert "on faces: 18 images" in printed
  assert (
    "images of 8x8x3; 2 classes (0, 1); test split: 1 in 10 of each class, by"
    in printed
  )
  assert json.loads((workdir / "config.json").read_text())["image_shape"] == [8, 8, 3]
  assert read_metrics(workdir)[-1]["step"] == 2
  with Image.open(workdir / "images" / "sae_reconstructions_000002.png") as picture:
    assert picture.mode == "RGB"
