"""Image files and archives damaged at random: one line, or pixels of a sane shape.

pytest -m soak tests/data/test_data_damage.py
"""

import functools
import gzip
import random
import resource
import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from sgae.data import sources
from sgae.errors import UserError
from tests.data import containers
from tests.image_files import encode, pixels

IMAGES = ("PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF")
CONTAINERS = ("npz", "zip", "tar", "tar.gz", "parquet", "idx", "idx.gz")
SOURCES = {"npz": "npz", "parquet": "parquet", "idx": "idx", "idx.gz": "idx"}
GOOD = pixels(16, 16, 3)
MOST_MEMORY = 2**28  # bytes that reading damaged files may take


@functools.cache
def file_of(kind):
  if kind in IMAGES:
    return encode(GOOD, kind)
  images, labels = pixels(12, 4, 4), np.arange(12) % 3
  with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, f"a.{kind}")
    if kind == "npz":
      np.savez(path, images=images, labels=labels)
    elif kind == "parquet":
      containers.write_parquet(path, (images, labels.tolist()))
    elif kind.startswith("idx"):
      data = containers.idx_bytes(images)
      path.write_bytes(gzip.compress(data) if kind.endswith("gz") else data)
    else:
      files = zip(containers.names(labels.tolist()), map(encode, images), strict=True)
      write = containers.write_zip if kind == "zip" else containers.write_tar
      write(path, dict(files))
    return path.read_bytes()


def damaged(data, rng):
  """Returns data that are truncated, or with bytes deleted, replaced or inserted."""
  data = bytearray(data)
  at, length = rng.randrange(len(data)), rng.choice([1, 1, 2, 4, 16])
  # the header holds magic numbers, sizes and numbers of channels: damage it more often
  at = rng.choice([at, min(at, rng.randrange(64))])
  match rng.randrange(5):
    case 0:
      del data[at:]
    case 1:
      del data[at : at + length]
    case 2:
      data[at : at + length] = rng.randbytes(length)
    case 3:
      data[at : at + length] = rng.choice([b"\x00", b"\xff", b"\x7f"]) * length
    case 4:
      data[at:at] = rng.randbytes(length)
  return bytes(data)


def load_damaged(make_config, tmp_path, kinds, count, seed):
  """Loads `count` damaged files; returns how many were refused."""
  rng, refused = random.Random(seed), 0
  for number in range(count):
    kind = kinds[number % len(kinds)]
    folder = tmp_path / str(number)
    folder.mkdir()
    data = damaged(file_of(kind), rng)
    path = folder / f"1.{kind.lower()}"
    path.write_bytes(data)
    if kind in IMAGES:
      (folder / "0.png").write_bytes(encode(GOOD))
      path = folder
    config = make_config(
      source=SOURCES.get(kind, "folder"), path=str(path), image_size=8
    )
    try:
      dataset = sources.load(config, lambda line: None)
    except UserError as refusal:
      assert str(refusal).isprintable()
      assert str(folder) in str(refusal)
      refused += 1
    else:
      for split in (dataset.train, dataset.test):
        assert split.images.dtype == np.uint8
        assert split.images.ndim == 4
        assert len(split.images) == len(split.labels) > 0
        assert split.labels.min() >= 0
        assert split.labels.max() < dataset.num_classes
  return refused


def peak():
  """Returns the most memory that this process has had (bytes)."""
  return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_damaged_images_are_refused_in_one_line_or_read(make_config, tmp_path):
  assert load_damaged(make_config, tmp_path, IMAGES, 60, seed=0) > 20


def test_200_damaged_containers_are_refused_in_one_line_or_read(make_config, tmp_path):
  before = peak()
  assert load_damaged(make_config, tmp_path, CONTAINERS, 200, seed=0) > 100
  assert peak() - before < MOST_MEMORY


@pytest.mark.soak
def test_thousands_of_damaged_files(make_config, tmp_path, capsys):
  before = peak()
  refused = load_damaged(make_config, tmp_path, IMAGES + CONTAINERS, 5000, seed=1)
  with capsys.disabled():
    print(f"\n5,000 damaged files: {refused} refused, the others read")  # noqa: T201
  assert refused > 1500
  assert peak() - before < MOST_MEMORY


@pytest.mark.parametrize("side", [20_000, 2**31 - 1])
def test_a_png_that_declares_a_huge_size_is_refused_before_it_is_decoded(
  make_config, tmp_path, side
):
  data = bytearray(encode(GOOD))
  data[16:24] = struct.pack(">II", side, side)
  data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
  for name in ("0.png", "1.png"):
    (tmp_path / name).write_bytes(data)
  config = make_config(source="folder", path=str(tmp_path), image_size=8)
  with pytest.raises(UserError, match=r"0\.png has more pixels than Pillow's limit"):
    sources.load(config, pytest.fail)
