"""Pictures of images, points, reconstructions and atoms, as arrays and PNG files.

Images are NHWC with 1 to 4 channels: floats in [-1, 1], or uint8 in 0..255. One channel
is grey and three are RGB; two or four are shown side by side in grey, as the digits of
stacked images.
"""

import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sgae.errors import UserError
from sgae.reporting.files import replace_set, write_atomically

BACKGROUND = 255  # white: images that are dark at their border stand apart
SMALLEST_CELL = 56  # pixels; smaller cells are hard to see
POINTS_SIDE = 448  # pixels of a picture of points
POINTS_SHOWN = 2500  # generated ones in it, as many as protocols count modes in
REAL_GREY, GENERATED_GREY = 190, 0

# A set of samples, with what made them.
_SAMPLE_NAMES = re.compile(r"\d{6,}\.png|samples\.(npz|json)|latents\.npz")


def grid(
  images: np.ndarray, columns: int, scale: int | None = None, gap: int = 2
) -> np.ndarray:
  """Lays images out in rows, left to right, on a white background.

  Args:
    images: [N, H, W, C], float in [-1, 1] or uint8, N >= 1, C 1 to 4.
    columns: images per row, >= 1; an incomplete last row is filled with background.
    scale: whole factor of enlargement, nearest neighbour; None takes the smallest
      that makes images at least 56 pixels high and wide.
    gap: background between images and around them [pixels of the result].

  Returns:
    uint8 [rows * (H * scale + gap) + gap, columns * (W * scale + gap) + gap, C], with
    C * W for W and 1 for C where C is 2 or 4.

  Raises:
    UserError: the images have more than 4 channels.
    ValueError: another shape or dtype, no image, or no column.
  """
  cells = _enlarge(_side_by_side(as_uint8(images)), scale)
  if columns < 1:
    raise ValueError(f"a grid needs at least 1 column, got {columns}")
  count, height, width, channels = cells.shape
  rows = -(-count // columns)
  tiles = np.full(
    (rows * columns, height + gap, width + gap, channels), BACKGROUND, np.uint8
  )
  tiles[:count, gap:, gap:] = cells
  tiles = tiles.reshape(rows, columns, height + gap, width + gap, channels)
  picture = tiles.swapaxes(1, 2).reshape(
    rows * (height + gap), columns * (width + gap), channels
  )
  return np.pad(picture, ((0, gap), (0, gap), (0, 0)), constant_values=BACKGROUND)


def pairs(
  originals: np.ndarray, reconstructions: np.ndarray, columns: int
) -> np.ndarray:
  """Lays each original out with its reconstruction below it, close together.

  Args:
    originals: [N, H, W, C], float in [-1, 1] or uint8.
    reconstructions: the same shape, float in [-1, 1] or uint8.
    columns: pairs per row, >= 1.

  Returns:
    uint8 [H', W', C]: 2 pixels of background inside a pair, 8 around it.

  Raises:
    UserError: the images have more than 4 channels.
    ValueError: the shapes differ, or are none of images.
  """
  upper, lower = as_uint8(originals), as_uint8(reconstructions)
  if upper.shape != lower.shape:
    raise ValueError(f"originals {upper.shape}, reconstructions {lower.shape} differ")
  upper, lower = (_enlarge(_side_by_side(images), None) for images in (upper, lower))
  between = np.full_like(upper[:, :2], BACKGROUND)
  cells = np.concatenate([upper, between, lower], axis=1)
  return grid(cells, columns, scale=1, gap=8)


def atoms(atoms_nhwc: np.ndarray, columns: int) -> np.ndarray:
  """Shows dictionary atoms: 0 is mid-grey, each atom's largest weight black or white.

  Args:
    atoms_nhwc: [N, H, W, C] float, any range; each is scaled by its own largest
      magnitude, and one that is zero everywhere stays grey.
    columns: atoms per row, >= 1.

  Returns:
    uint8 [H', W', C].

  Raises:
    UserError: the atoms have more than 4 channels.
    ValueError: another shape or dtype, no atom, or no column.
  """
  values = np.asarray(atoms_nhwc)
  _check(values)
  if values.dtype == np.uint8:
    raise ValueError("atoms must be floats: in uint8 there is no place for 0")
  values = _finite(values)
  peaks = np.abs(values).max(axis=(1, 2, 3), keepdims=True)
  return grid(values / np.where(peaks > 0, peaks, 1), columns)


def are_points(image_shape: Sequence[int]) -> bool:
  """Says whether images of a shape (H, W, C) are points of the plane: (1, 1, 2)."""
  return tuple(image_shape) == (1, 1, 2)


def points(real: np.ndarray, generated: np.ndarray) -> np.ndarray:
  """Shows where points lie in the square [-1, 1]^2: real ones pale, generated dark.

  The first coordinate goes to the right, the second up. A point is one dot of 2 pixels;
  one outside the square is shown at its border, what is no number at 0.

  Args:
    real, generated: float [N, 1, 1, 2] in model range; either may be empty.

  Returns:
    uint8 [448, 448, 1]; generated points lie above real ones.

  Raises:
    ValueError: another shape or dtype.
  """
  picture = np.full((POINTS_SIDE, POINTS_SIDE, 1), BACKGROUND, np.uint8)
  for images, grey in ((real, REAL_GREY), (generated, GENERATED_GREY)):
    images = np.asarray(images)
    if not are_points(images.shape[1:]) or images.dtype.kind != "f":
      raise ValueError(
        f"points must be float [N, 1, 1, 2], got {images.dtype} {images.shape}"
      )
    unit = (_finite(images[:, 0, 0]).clip(-1, 1) + 1) / 2
    corner = np.rint(unit * (POINTS_SIDE - 2)).astype(int)
    for right, down in ((0, 0), (1, 0), (0, 1), (1, 1)):
      picture[POINTS_SIDE - 2 - corner[:, 1] + down, corner[:, 0] + right] = grey
  return picture


def as_uint8(images: np.ndarray) -> np.ndarray:
  """Brings images to 0..255, rounded to nearest; uint8 passes unchanged.

  Args:
    images: [N, H, W, C], float in [-1, 1] (clipped) or uint8, N >= 1, C 1 to 4.

  Returns:
    uint8 [N, H, W, C]; 0.0 becomes 128.

  Raises:
    UserError: the images have more than 4 channels.
    ValueError: another shape or dtype, or no image.
  """
  images = np.asarray(images)
  _check(images)
  if images.dtype == np.uint8:
    return images
  return to_bytes(images.astype(np.float32))


def to_bytes(images: Any) -> Any:
  """Returns floats as bytes, rounded to nearest.

  Args:
    images: float32 of any shape, in [-1, 1] (clipped); what is no number becomes 0, so
      that a diverged network still gives a picture. A NumPy array, or one of JAX, also
      inside a compiled function.

  Returns:
    uint8 of the same kind and shape; 0.0 becomes 128.
  """
  xp = images.__array_namespace__()
  finite = xp.where(xp.isfinite(images), images, 0)
  return ((finite.clip(-1, 1) + 1) * 127.5).round().astype(xp.uint8)


def write_png(path: str | Path, image: np.ndarray) -> None:
  """Writes one picture, whole or not at all.

  Args:
    path: the file to make or replace.
    image: uint8 [H, W, C], C 1 to 4.

  Raises:
    UserError: the file cannot be written, or C is more than 4.
    ValueError: the picture is not uint8 [H, W, C].
  """
  image = np.asarray(image)
  if image.dtype != np.uint8:
    raise ValueError(f"a picture to write must be uint8, got {image.dtype}")
  _check(image[None])
  write_atomically(path, png(image))


def write_samples(
  directory: str | Path,
  samples: np.ndarray,
  format: str,
  numbers: Sequence[int] | None = None,
  write_more: Callable[[Path, Sequence[str]], None] | None = None,
) -> Path:
  """Replaces the samples in a directory by a new set, all of it or nothing.

  Args:
    directory: where the set goes; other files in it stay.
    samples: images uint8 [N, H, W, C], N >= 1, C 1 to 4; or points float32 [N, 2].
    format: `png` for `000000.png`, `000001.png`, ..., 8 bits, grey or RGB, as
      torch-fidelity and clean-fid read a folder; or `npz` for one `samples.npz` whose
      `arr_0` is `samples`, grey ones as three equal channels, as the evaluator of
      Dhariwal and Nichol, 2021 ("Diffusion models beat GANs on image synthesis")
      wants images. Points have no `png`.
    numbers: of the samples, for the names of `png`; None: 0 to N - 1.
    write_more: `write_more(folder, names)` writes what belongs to the set beside it:
      `samples.json`, `latents.npz`. `names` has the file of each sample.

  Returns:
    The directory for `png`, the file for `npz`.

  Raises:
    UserError: unknown format, the directory cannot be written, C is more than 4, or
      points as `png`.
    ValueError: the samples are of another shape or dtype.
  """
  if format not in ("png", "npz"):
    raise UserError(f"unknown sample format {format!r}; use --format=png or npz")
  samples = np.asarray(samples)
  if samples.dtype == np.float32 and samples.ndim == 2 and samples.shape[1] == 2:
    if format == "png":
      raise UserError(
        "--format=png cannot hold samples that are points: use --format=npz, or "
        "--num_samples=0 for their picture alone"
      )
  elif samples.dtype != np.uint8:
    raise ValueError(f"samples must be uint8, got {samples.dtype} {samples.shape}")
  else:
    _check(samples)
  if format == "npz" and samples.shape[1:] and samples.shape[-1] == 1:
    samples = samples.repeat(3, axis=-1)

  numbers = range(len(samples)) if numbers is None else numbers
  names = ["samples.npz" if format == "npz" else f"{i:06d}.png" for i in numbers]

  def write(folder: Path) -> None:
    if format == "npz":
      np.savez(folder / "samples.npz", samples)
    else:
      for name, image in zip(names, samples, strict=True):
        (folder / name).write_bytes(png(image))
    if write_more is not None:
      write_more(folder, names)

  replace_set(directory, _SAMPLE_NAMES, write)
  return Path(directory) / ("samples.npz" if format == "npz" else "")


def png(image: np.ndarray) -> bytes:
  """Returns a picture, uint8 [H, W, C] with C 1 to 4, as the bytes of a PNG file."""
  data = io.BytesIO()
  image = _side_by_side(image[None])[0]
  Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(data, "PNG")
  return data.getvalue()


def _check(images: np.ndarray) -> None:
  if images.ndim != 4 or not images.size:
    raise ValueError(f"images must be [N, H, W, C] with N >= 1, got {images.shape}")
  if images.dtype != np.uint8 and images.dtype.kind != "f":
    raise ValueError(f"images must be float or uint8, got {images.dtype}")
  if images.shape[-1] > 4:
    raise UserError(
      f"pictures of {images.shape[-1]} channels cannot be drawn (images are"
      f" {list(images.shape)}); allowed are 1 (grey), 3 (RGB), 2 and 4 (side by side):"
      " convert the data"
    )


def _side_by_side(images: np.ndarray) -> np.ndarray:
  """Returns [N, H, W, C] as it is for C 1 or 3, else [N, H, C * W, 1]."""
  count, height, width, channels = images.shape
  if channels in (1, 3):
    return images
  return images.swapaxes(2, 3).reshape(count, height, channels * width, 1)


def _finite(values: np.ndarray) -> np.ndarray:
  # A diverged network still gives a picture: what is no number is shown as 0.
  values = values.astype(np.float32)
  return np.where(np.isfinite(values), values, 0)


def _enlarge(images: np.ndarray, scale: int | None) -> np.ndarray:
  if scale is None:
    scale = max(1, -(-SMALLEST_CELL // min(images.shape[1:3])))
  return images.repeat(scale, axis=1).repeat(scale, axis=2)
