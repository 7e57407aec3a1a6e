"""Encoded images become one array of pixels, whatever they are stored in."""

import io
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageColor, ImageOps, UnidentifiedImageError

from sgae.data.decode import one_line
from sgae.devices import machine
from sgae.errors import UserError

SUFFIXES = (
  ".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".webp", ".gif", ".tif", ".tiff"
)  # fmt: skip
_FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF")
_GREY = ("1", "L", "LA")  # Pillow's modes; 16-bit files never get that far.
_TIFF_BITS = 258  # the tag of the bits of each channel
_CHUNK = 256  # images that the threads read between two looks at the clock
_CHUNK_BYTES = 64 * 2**20  # or fewer, of encoded images in memory
MOST_BYTES = 2**29  # of one encoded image: twice what Pillow's limit takes in a BMP
_REPORT_EVERY = 5.0  # seconds
_FAINT = 16  # levels of 255: an image with less contrast shows nothing
_BACKGROUNDS = ("white", "black")  # that are tried, in this order


class Encoded(NamedTuple):
  """One encoded image.

  Attributes:
    index: its place in the result.
    name: of it, in messages.
    content: a path, or the bytes.
  """

  index: int
  name: str
  content: str | bytes


class Decoded(NamedTuple):
  """Images, and what became of them.

  Attributes:
    images: uint8 [N, H, W, C].
    background: of transparent pixels, in words.
    resized: how many had another size.
  """

  images: np.ndarray
  background: str
  resized: int = 0


class _Seen(NamedTuple):
  """What was seen of one image: its channels, and on which backgrounds it vanishes.

  `size` is (W, H) as stored.
  """

  channels: int
  size: tuple[int, int]
  transparent: bool = False
  vanishes: tuple[bool, ...] = ()


def decode_all(
  name: str,
  items: Callable[[], Iterator[Encoded]],
  count: int,
  config: Any,
  report: Callable[[str], None],
) -> Decoded:
  """Returns all images, decoded by several threads.

  They are grey (C = 1) if every one is stored as grey, else RGB (C = 3): palettes
  become their colours, CMYK becomes RGB. The EXIF orientation is applied; of an
  animation or of several pages the first is taken. More than 8 bits per channel are
  an error.

  Transparent pixels are blended with white; with black, if fewer images vanish on it;
  or with `background`.

  Args:
    name: of the data, for messages.
    items: begins an iteration over the images, in any order.
    count: number N of images; `items` must give as many.
    config: the ConfigDict `config.data`: image_size (pixels; 0 = as stored, then all
      images must have one size; else the square in the centre is resized, bilinear,
      antialiased) and background.
    report: shows one plain line to the user.

  Raises:
    UserError: an image is damaged or unsuitable, or all of them are too large.
  """
  chosen = config.background
  background = chosen or _BACKGROUNDS[0]
  images, seen = _read_all(name, items, count, config.image_size, background, report)
  transparent = sum(each.transparent for each in seen)
  resized = sum(each.size != images.shape[2:0:-1] for each in seen)
  if not transparent:
    return Decoded(images, "", resized)
  if chosen:
    return Decoded(images, f"{chosen}, by data.background", resized)
  lost = np.sum([each.vanishes for each in seen if each.vanishes], axis=0)
  best = int(np.argmin(lost))
  if best:
    background = _BACKGROUNDS[best]
    images, _ = _read_all(name, items, count, config.image_size, background, report)
    background += f", since {lost[0]:,} of {transparent:,} images vanish on white"
  return Decoded(images, background, resized)


def check_background(background: str) -> None:
  """Raises UserError if config.data.background is not a colour."""
  try:
    if background:
      ImageColor.getrgb(background)
  except ValueError as error:
    raise UserError(
      f"data.background={background!r} is not a colour: choose '' (white, or black "
      "where images would vanish), a name such as 'black', or '#rrggbb'"
    ) from error


def _read_all(
  name: str,
  items: Callable[[], Iterator[Encoded]],
  count: int,
  side: int,
  background: str,
  report: Callable[[str], None],
) -> tuple[np.ndarray, list[_Seen]]:
  images, seen = np.empty(0, np.uint8), []
  first, due = "", time.monotonic()
  with warnings.catch_warnings(), ThreadPoolExecutor() as executor:
    # Warnings about metadata are noise; a decompression bomb must stop the run.
    warnings.simplefilter("ignore")
    warnings.simplefilter("error", Image.DecompressionBombWarning)

    def read_into(item: Encoded) -> _Seen:
      pixels, about = _read(item, side, background)
      if pixels.shape[:2] != images.shape[1:3]:
        raise UserError(
          f"{item.name} has {_size(pixels.shape)} pixels, but {first} has "
          f"{_size(images.shape[1:])}; all images must have one size: resize them with "
          "--config.data.image_size=..."
        )
      images[item.index] = pixels  # A grey image is copied into all three channels.
      return about

    for chunk in _chunks(items()):
      if not seen:
        first = chunk[0].name
        images = _empty(count, _read(chunk[0], side, background)[0].shape)
      if time.monotonic() >= due:
        report(f"Decoding {name}: {len(seen):,} of {count:,} images")
        due = time.monotonic() + _REPORT_EVERY
      seen += executor.map(read_into, chunk)
  if max(each.channels for each in seen) == 3:
    return images, seen
  # Copied: a view would keep the memory of all three channels.
  return images[..., :1].copy(), seen


def _chunks(items: Iterator[Encoded]) -> Iterator[list[Encoded]]:
  """Yields lists of images that take little memory."""
  chunk, held = [], 0
  for item in items:
    chunk.append(item)
    held += len(item.content) if isinstance(item.content, bytes) else 0
    if len(chunk) == _CHUNK or held > _CHUNK_BYTES:
      yield chunk
      chunk, held = [], 0
  if chunk:
    yield chunk


def _empty(count: int, shape: tuple[int, ...]) -> np.ndarray:
  """Returns room for the images, if the memory has it."""
  needed, memory = count * shape[0] * shape[1] * 3, machine.memory()
  if needed > memory:
    raise UserError(
      f"{count:,} images of {_size(shape)} pixels take {needed / 2**30:,.2f} GiB, more "
      f"than the {memory / 2**30:,.2f} GiB of memory here; choose a smaller "
      "--config.data.image_size"
    )
  return np.empty((count, *shape[:2], 3), np.uint8)


def _read(item: Encoded, side: int, background: str) -> tuple[np.ndarray, _Seen]:
  """Returns one image as uint8 [H, W, C], C = 1 if it is stored as grey, else 3."""
  name, content = item.name, item.content
  try:
    with (
      io.BytesIO(content) if isinstance(content, bytes) else open(content, "rb") as (
        stream
      )
    ):
      deep = _has_16_bits(stream.read(25))
      with Image.open(stream, formats=_FORMATS) as image:
        if deep or _deeper(image):
          raise UserError(
            f"{name} has more than 8 bits per channel; allowed are 8: scale its values "
            "and save it with 8"
          )
        return _as_array(image, side, background)
  except UserError:
    raise
  except UnidentifiedImageError as error:
    raise UserError(
      f"{name} is not {', '.join(_FORMATS)}, or its header is damaged; replace or "
      "delete it"
    ) from error
  except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
    raise UserError(
      f"{name} has more pixels than Pillow's limit of {Image.MAX_IMAGE_PIXELS:,}; "
      "replace it with a smaller image, or delete it"
    ) from error
  except Exception as error:  # Each decoder has its own kinds.
    raise UserError(
      f"{name} cannot be read ({one_line(error)}); replace or delete it"
    ) from error


def _has_16_bits(head: bytes) -> bool:
  # Pillow would silently cut the RGB of a PNG to 8 bits.
  return head.startswith(b"\x89PNG\r\n\x1a\n") and head[24:] == b"\x10"


def _deeper(image: Image.Image) -> bool:
  """Says whether a TIFF has more than 8 bits in a channel, which Pillow may cut."""
  tags: Any = getattr(image, "tag_v2", None)
  if image.format != "TIFF" or tags is None:
    return False
  bits = tags.get(_TIFF_BITS, (1,))
  return max(bits if isinstance(bits, tuple) else (bits,)) > 8


def _as_array(
  image: Image.Image, side: int, background: str
) -> tuple[np.ndarray, _Seen]:
  grey = image.mode in _GREY
  ImageOps.exif_transpose(image, in_place=True)
  channels = 1 if grey else 3
  if not image.has_transparency_data:
    return _finished(image, grey, side), _Seen(channels, image.size)
  layers = image.convert("RGBA")
  least_opaque, _ = layers.getchannel("A").getextrema()
  if least_opaque == 255:
    return _finished(layers, grey, side), _Seen(channels, image.size)

  def on(colour: str) -> np.ndarray:
    page = Image.new("RGBA", layers.size, ImageColor.getrgb(colour))
    return _finished(Image.alpha_composite(page, layers), grey, side)

  drawn = {colour: on(colour) for colour in {background, *_BACKGROUNDS}}
  vanishes = tuple(int(np.ptp(drawn[name])) < _FAINT for name in _BACKGROUNDS)
  return drawn[background], _Seen(channels, image.size, True, vanishes)


def _finished(image: Image.Image, grey: bool, side: int) -> np.ndarray:
  """Returns the pixels of an image without transparency, cut and resized."""
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
