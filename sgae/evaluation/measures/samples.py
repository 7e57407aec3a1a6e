"""Simple statistics of images, generated or real; pure functions."""

import numpy as np


def sample_statistics(images_nhwc: np.ndarray) -> dict[str, float]:
  """Returns brightness, contrast between examples, and distance between pairs.

  Args:
    images_nhwc: float32 [N, H, W, C] in model range, N >= 2.

  Returns:
    `mean` (pixels), `std` (over examples, root of the mean over pixels) and
    `pair_distance` (mean Euclidean distance between examples 2i and 2i + 1; far below
    that of real images it means that samples resemble each other).
  """
  flat = images_nhwc.reshape(len(images_nhwc), -1).astype(np.float64)
  even = len(flat) // 2 * 2
  distances = np.linalg.norm(flat[0:even:2] - flat[1:even:2], axis=1)
  return {
    "mean": float(flat.mean()),
    "std": float(np.sqrt(flat.var(axis=0).mean())),
    "pair_distance": float(distances.mean()),
  }
