"""Bad folders and images: one line that names the file and what is wrong with it."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from sgae.devices import machine
from tests.image_files import encode, pixels


def test_a_path_that_is_not_a_folder(refuse_folder, tmp_path):
  message = refuse_folder(path=str(tmp_path / "none"))
  assert f"{tmp_path}/none cannot be read as a folder (No such file" in message
  assert "--config.data.path" in message
  (tmp_path / "file").write_text("")
  assert "(Not a directory)" in refuse_folder(path=str(tmp_path / "file"))


@pytest.mark.parametrize("empty", ["", "train", "test"])
def test_a_folder_without_images(write_images, image_root, refuse_folder, empty):
  if empty:
    write_images({f"{split}/1.png": pixels(4, 4) for split in ("train", "test")})
    (image_root / empty / "1.png").unlink()
  write_images({f"{empty}/notes.txt": b""})
  folder = image_root / empty if empty else image_root
  assert f"{folder} holds no images; allowed are .png, .jpg" in refuse_folder()


def test_a_single_image(write_images, image_root, refuse_folder):
  write_images({"a/1.png": pixels(4, 4)})
  assert f"{image_root} holds one example; at least two are needed" in refuse_folder()


@pytest.mark.parametrize("split", ["", "train/"])
def test_images_next_to_class_folders(write_images, image_root, refuse_folder, split):
  write_images({f"{split}{name}": pixels(4, 4) for name in ("3.png", "a/1.png")})
  write_images({"test/a/1.png": pixels(4, 4)} if split else {})
  assert f"{image_root}/{split}3.png lies next to class folders" in refuse_folder()


def test_folders_inside_class_folders(write_images, image_root, refuse_folder):
  write_images({"red/cat/1.png": pixels(4, 4), "blue/cat/1.png": pixels(4, 4)})
  message = refuse_folder()
  assert "/cat is a folder inside a class folder; allowed is <class>/<image>" in message


@pytest.mark.parametrize(
  ("names", "words"),
  [
    (("trainA/1.png", "trainB/1.png"), "holds trainA/, trainB/, the parts of two sets"),
    (("trainA/1.png", "testA/1.png", "testB/1.png"), "data.path=.../testA"),
    (("train/1.png", "plane/1.png"), "train/ is beside plane, but a folder named like"),
    (("train/1.png", "2.png"), "train/ is beside 2.png"),
    (("train/1.png", "val/1.png", "valid/1.png"), "has 'val' and 'valid', which name"),
    (("test/1.png", "val/1.png"), "has test, val but no training split"),
    (("test/1.png", "cat/1.png"), "has test but no training split"),
  ],
)
def test_splits_that_are_not_clear_are_refused_by_name(
  write_images, refuse_folder, names, words
):
  write_images({name: pixels(4, 4) for name in names})
  assert words in refuse_folder()


def test_no_refusal_lists_thousands_of_names(write_images, refuse_folder):
  write_images({f"train{i}/{i}/1.png": b"" for i in range(300)})
  write_images({f"train/{i}.jpg.part{i}": b"" for i in range(300)})
  assert len(refuse_folder()) < 400


GOOD = pixels(16, 16, 3)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "WEBP"])
@pytest.mark.parametrize("kept", [0.0, 0.01, 0.1, 0.5, 0.9])
def test_a_truncated_image(write_images, image_root, refuse_folder, kind, kept):
  data = encode(GOOD, kind)
  name = f"b.{kind.lower()}"
  write_images({"a.png": GOOD, name: data[: int(kept * len(data))], "c.png": GOOD})
  message = refuse_folder(image_size=8)
  assert message.startswith(f"{image_root}/{name} ")
  assert "cannot be read (OSError: " in message or "is not PNG" in message
  assert "replace or delete it" in message


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(
  ("data", "words"),
  [
    (b"GIF89a, but not a GIF", "is not PNG, JPEG, BMP, WEBP"),
    (encode(GOOD, "PPM"), "is not PNG, JPEG, BMP, WEBP, GIF, TIFF"),
    (
      encode(pixels(16, 16).astype(np.uint16) * 256, "TIFF"),
      "more than 8 bits per channel",
    ),
    (encode(GOOD)[:60] + b"\xff" * 30 + encode(GOOD)[90:], "cannot be read ("),
    (encode(pixels(16, 16).astype(np.uint16) * 256), "more than 8 bits per channel"),
  ],
)
def test_a_file_that_is_not_an_image(
  write_images, image_root, refuse_folder, data, words, first
):
  name = "0.png" if first else "b.png"
  write_images({"a.png": GOOD, name: data, "c.png": GOOD})
  message = refuse_folder()
  assert message.startswith(f"{image_root}/{name} ")
  assert words in message


@pytest.mark.parametrize("colour_type", [2, 4, 6])  # RGB, grey and RGB with alpha.
def test_16_bits_are_refused_even_if_pillow_would_cut_them(
  write_images, image_root, refuse_folder, colour_type
):
  values = {2: 3, 4: 2, 6: 4}[colour_type]

  def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

  header = struct.pack(">IIBBBBB", 1, 1, 16, colour_type, 0, 0, 0)
  row = zlib.compress(bytes([0] + [1, 2] * values))
  png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", row)
  png += chunk(b"IEND", b"")
  with Image.open(io.BytesIO(png)) as image:  # It is valid, Pillow reads it.
    image.load()
  write_images({"1.png": png, "2.png": png})
  assert (
    f"{image_root}/1.png has more than 8 bits per channel; allowed are 8"
    in refuse_folder()
  )


# Of 256 pixels: Pillow warns above its limit, and fails above twice its limit.
@pytest.mark.parametrize("limit", [100, 200])
def test_a_decompression_bomb(
  write_images, image_root, refuse_folder, monkeypatch, limit
):
  monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
  write_images({"a.png": pixels(2, 2), "b.png": pixels(16, 16)})
  assert (
    f"{image_root}/b.png has more pixels than Pillow's limit of {limit}"
    in refuse_folder()
  )


def test_images_of_different_sizes(write_images, image_root, refuse_folder):
  write_images({"a.png": pixels(4, 6), "b.png": pixels(4, 6), "c.png": pixels(6, 4)})
  message = refuse_folder()
  assert f"{image_root}/c.png has 4x6 pixels, but {image_root}/a.png has 6x4" in message
  assert "--config.data.image_size" in message


@pytest.mark.parametrize("target", ["nowhere", "b.png"])
def test_a_link_to_nothing_and_one_to_itself(
  write_images, image_root, refuse_folder, target
):
  write_images({"a.png": pixels(4, 4), "c.png": pixels(4, 4)})
  (image_root / "b.png").symlink_to(target)
  assert f"{image_root}/b.png cannot be read (" in refuse_folder()


def test_images_that_do_not_fit_into_memory(write_images, refuse_folder, monkeypatch):
  write_images({"a.png": pixels(4, 6), "b.png": pixels(4, 6)})
  monkeypatch.setattr(machine, "memory", lambda: 2 * 4 * 6 * 3 - 1)
  assert "2 images of 6x4 pixels take 0.00 GiB, more than" in refuse_folder()


def test_a_cache_that_cannot_be_written(write_images, refuse_folder, tmp_path):
  write_images({"a.png": pixels(4, 4), "b.png": pixels(4, 4)})
  (tmp_path / "cache").write_text("a file")
  assert "--config.data.cache_directory" in refuse_folder()
