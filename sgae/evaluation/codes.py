"""Measures of a sparse autoencoder on a set of images; pure functions of arrays."""

import numpy as np


def reconstruction_measures(
  images_nhwc: np.ndarray, reconstructions_nhwc: np.ndarray, mean_image_hwc: np.ndarray
) -> dict[str, float]:
  """Returns the mean squared error and the fraction of variance unexplained.

  FVU = sum |x - x_hat|^2 / sum |x - mean|^2.

  Args:
    images_nhwc, reconstructions_nhwc: float32 [N, H, W, C] in model range.
    mean_image_hwc: float32 [H, W, C], mean of the TRAINING images.
  """
  error = np.square(images_nhwc - reconstructions_nhwc, dtype=np.float64).mean()
  variance = np.square(images_nhwc - mean_image_hwc[None], dtype=np.float64).mean()
  return {"mse": float(error), "fvu": float(error / variance)}


def code_measures(code_nk: np.ndarray) -> dict[str, float]:
  """Returns L0 and how firing is spread over latents.

  Args:
    code_nk: float32 [N, K], non-negative.

  Returns:
    `l0`: mean number of active latents per example; `never_fired`: share of latents
    that fire on none of the N; `density_median`, `density_max`: over latents, of the
    share of examples on which a latent fires.
  """
  density_k = (code_nk > 0).mean(axis=0)
  return {
    "l0": float(density_k.sum()),
    "never_fired": float((density_k == 0).mean()),
    "density_median": float(np.median(density_k)),
    "density_max": float(density_k.max()),
  }
