"""Small squares cut out of images, as dictionaries are often learnt of.

They are of brightness, and prepared in the usual way (Coates et al. 2011): the mean of
each patch is removed and its contrast made equal; whitening removes the correlation of
pixels as well.
"""

from typing import Any

import numpy as np

from sgae.data.dataset import Dataset, Split
from sgae.errors import UserError

# Weights of red, green and blue (ITU-R BT.601).
BRIGHTNESS = (0.299, 0.587, 0.114)
# Added to |x|^2, so that patches without contrast stay without: pixels in [0, 1].
LEAST_CONTRAST = 0.01
# Share of the mean variance that is added to that of each direction before whitening.
LEAST_VARIANCE = 0.01
TEST_PATCHES = 10_000


def cut(dataset: Dataset, size: int, count: int, whitened: bool) -> Dataset:
  """Returns random patches of a data set's images, of each split its own.

  x <- (x - mean x) / sqrt(|x - mean x|^2 + .01) for pixels in [0, 1], so that |x| is
  below 1; whitened: x <- x W, with W = (C + e I)^(-1/2), C the covariance of training
  patches and e a hundredth of its mean eigenvalue, scaled to a mean |x|^2 of 1.

  Args:
    dataset: of images, uint8 [N, H, W, C].
    size: side of a patch in pixels.
    count: training patches; there are at most `TEST_PATCHES` test patches, and no more
      than a tenth of `count`.
    whitened: whether they are.

  Returns:
    A data set of patches float32 [M, size, size, 1], the same ones each time, without
    labels.

  Raises:
    UserError: the images are smaller than a patch.
  """
  height, width = dataset.train.images.shape[1:3]
  if size > min(height, width):
    raise UserError(
      f"data.patch_size={size} is more than the {height}x{width} pixels of "
      f"{dataset.name}: choose {min(height, width)} or less"
    )
  random = np.random.default_rng(0)
  counts = (count, min(TEST_PATCHES, max(1, count // 10)))
  parts: Any = [
    _normalised(_random_patches(split.images, size, number, random))
    for split, number in zip((dataset.train, dataset.test), counts, strict=True)
  ]
  changed = ("mean of each patch removed, contrast made equal",)
  if whitened:
    to_white = _whitening(parts[0])
    parts = [part @ to_white for part in parts]
    changed += ("whitened",)
  train, test = (
    Split(
      part.reshape(-1, size, size, 1).astype(np.float32), np.zeros(len(part), np.int32)
    )
    for part in parts
  )
  read = dataset.read._replace(
    source=f"patches of brightness of {dataset.read.source or dataset.name}",
    changed=(*dataset.read.changed, *changed),
  )
  name = f"{size}x{size} patches of {dataset.name}"
  return Dataset(name, train, test, num_classes=1, read=read)


def _random_patches(images, size, count, random):
  """Returns patches at random places, float64 [count, size ** 2], pixels in [0, 1]."""
  numbers = random.integers(len(images), size=count)
  tops, lefts = (
    random.integers(length - size + 1, size=count) for length in images.shape[1:3]
  )
  rows, columns = np.arange(size)[:, None], np.arange(size)
  patches = images[
    numbers[:, None, None],
    tops[:, None, None] + rows,
    lefts[:, None, None] + columns,
  ]
  channels = patches.shape[-1]
  weights = BRIGHTNESS if channels == 3 else (1 / channels,) * channels
  return (patches @ np.asarray(weights) / 255).reshape(count, -1)


def _normalised(patches_nd):
  centred = patches_nd - patches_nd.mean(axis=1, keepdims=True)
  return centred / np.sqrt((centred**2).sum(axis=1, keepdims=True) + LEAST_CONTRAST)


def _whitening(patches_nd):
  """Returns the symmetric matrix that whitens, float64 [D, D]."""
  variances, directions = np.linalg.eigh(patches_nd.T @ patches_nd / len(patches_nd))
  variances = variances + LEAST_VARIANCE * variances.mean()
  to_white = directions / np.sqrt(variances) @ directions.T
  return to_white / np.sqrt(((patches_nd @ to_white) ** 2).sum(axis=1).mean())
