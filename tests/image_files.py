"""Pixels and image files for the tests of data."""

import io

import numpy as np
from PIL import Image

from sgae.data.dataset import Split


def pixels(*shape: int, seed: int = 0) -> np.ndarray:
  """Returns uint8 noise of this shape."""
  return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def encode(image: np.ndarray | Image.Image, kind: str = "PNG", **options) -> bytes:
  """Returns what Pillow stores for an image, or for an array [H, W] or [H, W, C]."""
  if isinstance(image, np.ndarray):
    image = Image.fromarray(image[..., 0] if image.shape[2:] == (1,) else image)
  buffer = io.BytesIO()
  image.save(buffer, kind, **options)
  return buffer.getvalue()


def assert_holds(split: Split, images: list[np.ndarray], labels: list[int]) -> None:
  """Fails unless a split holds these images and labels, in order and of its dtypes."""
  assert split.images.dtype == np.uint8
  assert split.labels.dtype == np.int32
  np.testing.assert_array_equal(split.images, np.stack(images))
  assert split.labels.tolist() == labels
