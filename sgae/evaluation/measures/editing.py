"""Measures of edits: whether they succeed, what they keep, what single latents mean."""

from collections.abc import Sequence

import numpy as np

from sgae.evaluation.measures.estimate import Estimate, mean_estimate
from sgae.evaluation.measures.restoration import squared_errors


def pixel_change(before_nhwc: np.ndarray, after_nhwc: np.ndarray) -> np.ndarray:
  """Returns the mean squared difference of images in model range, float64 [N].

  Args:
    before_nhwc, after_nhwc: uint8 [N, H, W, C].
  """
  return squared_errors(after_nhwc, before_nhwc) / 127.5**2


def edit_measures(
  samples_n: np.ndarray,
  classes_n: np.ndarray,
  targets_n: np.ndarray,
  pixels_n: np.ndarray,
  features_n: np.ndarray,
  touched_nk: np.ndarray,
) -> dict[str, Estimate]:
  """Returns how often edits succeed, and how much they change.

  Args:
    samples_n: int [N], which sample each edit is of; each has as many.
    classes_n: int [N], that the edited images show.
    targets_n: int [N], the classes that were asked for.
    pixels_n: [N], as `pixel_change`.
    features_n: [N], as `restoration.feature_distances` from those before.
    touched_nk: bool [N, K], latents that the edit changed.

  Returns:
    `success`, share of edits whose image shows the target; means of `pixel_change` and
    `feature_change`; `touched`, share of latents that changed. Standard errors are over
    samples, since edits of one are not independent.
  """
  _, places_n, counts = np.unique(samples_n, return_inverse=True, return_counts=True)

  def over_samples(values_n):
    return mean_estimate(np.bincount(places_n, values_n) / counts)

  return {
    "success": over_samples(classes_n == targets_n),
    "pixel_change": over_samples(pixels_n),
    "feature_change": over_samples(features_n),
    "touched": over_samples(touched_nk.mean(axis=1)),
  }


def change_at(
  success_s: Sequence[float], change_s: Sequence[float], level: float
) -> float | None:
  """Returns the change at which success first reaches a level; None: it never does.

  Between two strengths both are interpolated linearly.

  Args:
    success_s, change_s: by rising strength, from strength 0 on.
    level: of success.

  >>> change_at([0.0, 0.5, 1.0], [0.0, 0.1, 0.3], 0.75)
  0.2
  """
  for s, success in enumerate(success_s):
    if success < level:
      continue
    if not s:
      return float(change_s[0])
    below = success_s[s - 1]
    part = (level - below) / (success - below)
    return float(change_s[s - 1] + part * (change_s[s] - change_s[s - 1]))
  return None


def top_images(codes_nk: np.ndarray, count: int) -> np.ndarray:
  """Returns the images that activate each latent most, int [K, count], strongest first.

  Of equal ones the first comes first; -1 stands where fewer images activate it.

  Args:
    codes_nk: [N, K], non-negative.
    count: at most N.
  """
  order_kn = np.argsort(-codes_nk.T, axis=1, kind="stable")[:, :count]
  active = np.take_along_axis(codes_nk.T, order_kn, axis=1) > 0
  return np.where(active, order_kn, -1)


def class_histograms(
  top_kn: np.ndarray, labels_n: np.ndarray, num_classes: int
) -> np.ndarray:
  """Returns how many of each latent's top images are of each class, int [K, C].

  Args:
    top_kn: as `top_images` gives them.
    labels_n: int [N] in [0, C).
    num_classes: C.
  """
  labels_kn = np.where(top_kn < 0, -1, labels_n[top_kn])
  return (labels_kn[:, :, None] == np.arange(num_classes)).sum(axis=1)


def purity(histograms_kc: np.ndarray, least: int = 1) -> Estimate:
  """Returns the mean share of the commonest class among top images of a latent.

  1 where each latent answers to one class; a latent that answers to none in particular
  has about 1 / C plus what chance adds to the largest of C counts.

  Args:
    histograms_kc: as `class_histograms` gives them.
    least: latents with fewer images are left out.

  Raises:
    ValueError: all are.
  """
  counts_k = histograms_kc.sum(axis=1)
  kept = histograms_kc[counts_k >= max(least, 1)]
  if not len(kept):
    raise ValueError(f"no latent has {least} images")
  return mean_estimate(kept.max(axis=1) / kept.sum(axis=1))
