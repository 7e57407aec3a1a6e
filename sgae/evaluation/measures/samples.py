"""Simple statistics of generated or real images."""

import numpy as np


def sample_statistics(images_nhwc: np.ndarray) -> dict[str, float]:
  """Returns the mean and deviation of pixels, and the distance between pairs.

  Args:
    images_nhwc: float32 [N, H, W, C] in model range, N >= 1.

  Returns:
    `mean` (over all pixels), `std` (root of the variance over examples, averaged over
    pixels) and `pair_distance` (mean Euclidean distance between examples 2i and 2i + 1;
    a value far below that of real images means that samples are too similar; left out
    of a single image).
  """
  flat = images_nhwc.reshape(len(images_nhwc), -1).astype(np.float64)
  even = len(flat) // 2 * 2
  statistics = {
    "mean": float(flat.mean()),
    "std": float(np.sqrt(flat.var(axis=0).mean())),
  }
  if even:
    distances = np.linalg.norm(flat[0:even:2] - flat[1:even:2], axis=1)
    statistics["pair_distance"] = float(distances.mean())
  return statistics
