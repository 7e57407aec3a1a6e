"""Images from a folder of image files, decoded once and then read from the cache."""

import hashlib
import json
import os
import pathlib
import stat
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from sgae.data import cache, local
from sgae.data.dataset import Dataset, Split
from sgae.data.decode import one_line
from sgae.errors import UserError

_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
_FORMATS = ("PNG", "JPEG", "BMP", "WEBP")
_LAYOUT = "<class>/<image> or <image>, both also below train/ and test/"
_GREY = ("1", "L", "LA")  # Pillow's modes; 16-bit files never get that far.
_CHUNK = 256  # Images that the threads read between two looks at the clock.
_REPORT_EVERY = 5.0  # Seconds.
_RULES = 1  # Increase it when decoding changes: otherwise old cache entries are used.


class _File(NamedTuple):
  """An image file with its class, and the size and time that show if it changes."""

  path: str  # First: the cache key is made of the fields after it.
  name: str  # <class>/<file>, or <file> without classes.
  label: str  # The class, '' without classes.
  size: int  # Bytes.
  modified: int  # Nanoseconds.


def load(config: Any, report: Callable[[str], None]) -> Dataset:
  """Returns the images of a folder.

  The files are in class folders, <path>/<class>/<file>, or flat, <path>/<file>. If
  <path>/train and <path>/test both exist, these are the splits and nothing else in
  <path> is read. Otherwise the files are sorted by <class>/<file>, and the first of
  every ten (index 0 modulo 10) is for testing, whatever the seed. Classes are numbered
  in the order of their names; flat files all have class 0.

  Files ending in .png, .jpg, .jpeg, .bmp or .webp are images; other files and hidden
  ones (with a leading dot) are ignored. Links are followed, except to a folder above
  them. The images are grey (C = 1) if every file is stored as grey, else RGB (C = 3):
  palettes become their colours, CMYK becomes RGB, transparent pixels are blended with
  white. The EXIF orientation is applied; of an animation the first frame is taken.
  16 bits per channel are an error.

  With an image_size, the square in the centre is cropped and resized (bilinear,
  antialiased). The decoded images are cached by the names, sizes and times of the
  files and by image_size.

  Args:
    config: the ConfigDict `config.data`: path (the folder), image_size (pixels; 0 = as
      stored, then all images must have one size) and cache_directory (see
      `cache.cache_root`).
    report: shows one plain line to the user.

  Returns:
    The data set, named like the folder, each split sorted by name.

  Raises:
    UserError: the folder is missing, empty or has another layout, an image is damaged
      or unsuitable, or the cache cannot be written.
  """
  root = local.absolute(config.path)
  splits = _list_splits(root)
  listing = {split: [file[1:] for file in files] for split, files in splits.items()}
  key = [_RULES, os.path.realpath(root), config.image_size, listing]
  digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()
  entry = cache.cache_root(config.cache_directory) / "data" / f"folder-{digest[:16]}"
  dataset = cache.read(entry)
  if dataset is None:
    dataset = _decode(root, splits, config.image_size, report)
    cache.write(entry, dataset)
  if splits["train"][0].label:
    local.warn_of_one_class(dataset, report)
  return dataset


def _list_splits(root: str) -> dict[str, list[_File]]:
  """Returns the files of 'train' and of 'test'."""
  folders = {split: os.path.join(root, split) for split in ("train", "test")}
  if all(map(os.path.isdir, folders.values())):
    splits = {split: _list(folder) for split, folder in folders.items()}
  else:
    files = _list(root)
    is_test = local.is_test(local.shown(root), len(files))
    splits = {
      split: [file for file, mask in zip(files, is_test, strict=True) if mask == value]
      for split, value in (("train", False), ("test", True))
    }
  flat = [file for file in splits["train"] + splits["test"] if not file.label]
  if 0 < len(flat) < sum(map(len, splits.values())):
    raise UserError(
      f"{local.shown(flat[0].path)} lies next to class folders; allowed are files or "
      f"class folders, {_LAYOUT}: move it into a class folder, or remove it"
    )
  return splits


def _list(folder: str) -> list[_File]:
  """Returns the images of one split, sorted by name."""
  files = []
  for entry in _entries(folder):
    if not os.path.isdir(entry.path):  # entry.is_dir() raises on a link to itself.
      files.extend(_files(entry, ""))
      continue
    for inner in _entries(entry.path):
      if os.path.isdir(inner.path):
        raise UserError(
          f"{local.shown(inner.path)} is a folder inside a class folder; allowed is "
          f"{_LAYOUT}: move its images, or choose another folder with "
          "--config.data.path=..."
        )
      files.extend(_files(inner, entry.name))
  if not files:
    raise UserError(
      f"{local.shown(folder)} holds no images; allowed are {', '.join(_SUFFIXES)} as "
      f"{_LAYOUT}: choose such a folder with --config.data.path=..."
    )
  return sorted(files, key=lambda file: file.name)


def _entries(folder: str) -> list[os.DirEntry]:
  """Returns the content of a folder, without hidden files and links to its parents."""
  try:
    with os.scandir(folder) as entries:
      visible = [entry for entry in entries if not entry.name.startswith(".")]
  except OSError as error:
    raise UserError(
      f"{local.shown(folder)} cannot be read as a folder ({error.strerror}); choose a "
      "folder of images with --config.data.path=..."
    ) from error
  # The folder itself counts too: it is a parent of its content, here of "_".
  above = {str(path) for path in pathlib.Path(os.path.realpath(folder), "_").parents}
  return [
    entry
    for entry in visible
    if not entry.is_symlink() or os.path.realpath(entry.path) not in above
  ]


def _files(entry: os.DirEntry, label: str) -> Iterator[_File]:
  """Yields the entry if it is an image file, else nothing."""
  if not entry.name.lower().endswith(_SUFFIXES):
    return
  try:
    status = entry.stat()
  except OSError as error:
    raise UserError(
      f"{local.shown(entry.path)} cannot be read ({error.strerror}); delete it, or "
      "restore the file that it links to"
    ) from error
  if stat.S_ISREG(status.st_mode):
    name = f"{label}/{entry.name}" if label else entry.name
    yield _File(entry.path, name, label, status.st_size, status.st_mtime_ns)


def _decode(
  root: str,
  splits: dict[str, list[_File]],
  side: int,
  report: Callable[[str], None],
) -> Dataset:
  files = splits["train"] + splits["test"]
  classes = sorted({file.label for file in files})
  numbers = {label: number for number, label in enumerate(classes)}
  labels = np.array([numbers[file.label] for file in files], np.int32)
  name = local.shown(os.path.basename(root))
  images = _read_all(name, [file.path for file in files], side, report)
  count = len(splits["train"])
  return Dataset(
    name,
    train=Split(images[:count], labels[:count]),
    test=Split(images[count:], labels[count:]),
    num_classes=len(classes),
  )


def _read_all(
  name: str, paths: list[str], side: int, report: Callable[[str], None]
) -> np.ndarray:
  """Returns all images as uint8 [N, H, W, C], read by several threads."""
  with warnings.catch_warnings(), ThreadPoolExecutor() as executor:
    # Warnings about metadata are noise; a decompression bomb must stop the run.
    warnings.simplefilter("ignore")
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    shape = _read(paths[0], side).shape
    try:
      images = np.empty((len(paths), *shape[:2], 3), np.uint8)
    except MemoryError as error:
      raise UserError(
        f"{len(paths):,} images of {_size(shape)} pixels do not fit into memory; "
        "choose a smaller --config.data.image_size"
      ) from error

    def read_into(index: int) -> int:
      pixels = _read(paths[index], side)
      if pixels.shape[:2] != shape[:2]:
        raise UserError(
          f"{local.shown(paths[index])} has {_size(pixels.shape)} pixels, but "
          f"{local.shown(paths[0])} has {_size(shape)}; all images must have one size: "
          "resize them with --config.data.image_size=..."
        )
      images[index] = pixels  # A grey image is copied into all three channels.
      return pixels.shape[-1]

    channels, due = 1, time.monotonic()
    for start in range(0, len(paths), _CHUNK):
      if time.monotonic() >= due:
        report(f"Decoding {name}: {start:,} of {len(paths):,} images")
        due = time.monotonic() + _REPORT_EVERY
      chunk = range(start, min(start + _CHUNK, len(paths)))
      channels = max(channels, *executor.map(read_into, chunk))
  # Copied: a view would keep the memory of all three channels.
  return images if channels == 3 else images[..., :1].copy()


def _read(path: str, side: int) -> np.ndarray:
  """Returns one image as uint8 [H, W, C], C = 1 if the file is grey, else 3."""
  file = local.shown(path)
  try:
    with open(path, "rb") as stream:
      if _has_16_bits(stream.read(25)):
        raise UserError(
          f"{file} has 16 bits per channel; allowed are 8: scale its values and save "
          "it with 8"
        )
      with Image.open(stream, formats=_FORMATS) as image:
        return _as_array(image, side)
  except UserError:
    raise
  except UnidentifiedImageError as error:
    raise UserError(
      f"{file} is not {', '.join(_FORMATS)}, or its header is damaged; replace or "
      "delete it"
    ) from error
  except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
    raise UserError(
      f"{file} has more pixels than Pillow's limit of {Image.MAX_IMAGE_PIXELS:,}; "
      "replace it with a smaller image, or delete it"
    ) from error
  except Exception as error:  # Each decoder has its own kinds.
    raise UserError(
      f"{file} cannot be read ({one_line(error)}); replace or delete it"
    ) from error


def _has_16_bits(head: bytes) -> bool:
  # Of these formats only PNG can. Pillow would silently cut RGB to 8 bits.
  return head.startswith(b"\x89PNG\r\n\x1a\n") and head[24:] == b"\x10"


def _as_array(image: Image.Image, side: int) -> np.ndarray:
  grey = image.mode in _GREY
  ImageOps.exif_transpose(image, in_place=True)
  if image.has_transparency_data:
    page = Image.new("RGBA", image.size, "white")
    image = Image.alpha_composite(page, image.convert("RGBA"))
  image = image.convert("L" if grey else "RGB")
  if side:
    short = min(image.size)
    left, top = (image.width - short) // 2, (image.height - short) // 2
    image = image.crop((left, top, left + short, top + short))
    image = image.resize((side, side), Image.Resampling.BILINEAR)
  pixels = np.asarray(image)
  return pixels.reshape(*pixels.shape[:2], -1)


def _size(shape: tuple[int, ...]) -> str:
  return f"{shape[1]}x{shape[0]}"
