"""Simple statistics of generated images beside those of real ones; pure functions."""

import numpy as np


def sample_measures(
  generated_nhwc: np.ndarray, real_nhwc: np.ndarray
) -> dict[str, float]:
  """Compares brightness, contrast between examples, and distance between pairs.

  Args:
    generated_nhwc, real_nhwc: float32 [N, H, W, C] in model range; N even.

  Returns:
    `mean_generated` and `mean_real` (pixels), `std_*` (over examples, root of the mean
    over pixels) and `pair_distance_*` (mean Euclidean distance between examples 2i and
    2i + 1; far below the real one means that samples resemble each other).
  """
  measures = {}
  for name, images in (("generated", generated_nhwc), ("real", real_nhwc)):
    flat = images.reshape(len(images), -1).astype(np.float64)
    measures[f"mean_{name}"] = float(flat.mean())
    measures[f"std_{name}"] = float(np.sqrt(flat.var(axis=0).mean()))
    even = len(flat) // 2 * 2
    distances = np.linalg.norm(flat[0:even:2] - flat[1:even:2], axis=1)
    measures[f"pair_distance_{name}"] = float(distances.mean())
  return measures
