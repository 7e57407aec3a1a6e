"""Measures of a sparse autoencoder: reconstruction, L0, dictionary."""

from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from sgae.evaluation.measures.estimate import Estimate, mean_estimate


def reconstruction_measures(
  images_nhwc: np.ndarray, reconstructions_nhwc: np.ndarray, mean_image_hwc: np.ndarray
) -> dict[str, Estimate]:
  """Returns the mean squared error and the fraction of variance unexplained.

  FVU = sum |x - x_hat|^2 / sum |x - mean|^2; its error is that of the numerator. If all
  images equal the mean image, there is no variance and FVU is left out.

  Args:
    images_nhwc, reconstructions_nhwc: float32 [N, H, W, C] in model range.
    mean_image_hwc: float32 [H, W, C], mean of the TRAINING images.
  """
  pixels = (1, 2, 3)
  error_n = np.square(images_nhwc - reconstructions_nhwc, dtype=np.float64).mean(pixels)
  variance = np.square(images_nhwc - mean_image_hwc[None], dtype=np.float64).mean()
  mse = mean_estimate(error_n)
  if not variance:
    return {"mse": mse}
  error = None if mse.error is None else float(mse.error / variance)
  return {"mse": mse, "fvu": Estimate(float(mse.value / variance), error)}


def code_measures(code_nk: np.ndarray) -> dict[str, Estimate]:
  """Returns L0 and how activity is distributed over latents.

  Args:
    code_nk: float32 [N, K] or, with positions, [N, h, w, K].

  Returns:
    `l0`: mean number of active latents per example; `never_fired`: share of latents
    that fire on none of the N; `density_median`, `density_max`: median and maximum over
    latents of the share of examples on which a latent fires.
  """
  density_k = firing_rates(code_nk)
  return {
    "l0": mean_estimate(active_latents(code_nk)),
    "never_fired": Estimate(float((density_k == 0).mean())),
    "density_median": Estimate(float(np.median(density_k))),
    "density_max": Estimate(float(density_k.max())),
  }


def active_latents(code_nk: np.ndarray) -> np.ndarray:
  """Returns the number of active latents of each example, over all positions: [N]."""
  return (code_nk != 0).reshape(len(code_nk), -1).sum(axis=1)


def firing_rates(code_nk: np.ndarray) -> np.ndarray:
  """Returns the share of examples on which each latent fires, float64 [K].

  Args:
    code_nk: [N, K] or, with positions, [N, h, w, K], where a latent fires if it does at
      any position.
  """
  return (code_nk != 0).any(axis=tuple(range(1, code_nk.ndim - 1))).mean(axis=0)


def largest(code_nk: Any) -> Any:
  """Returns the largest value of each latent over positions: [N, h, w, K] -> [N, K].

  For NumPy arrays, and for JAX arrays inside compiled functions.
  """
  return code_nk.max(axis=tuple(range(1, code_nk.ndim - 1)))


def dictionary_stability(atoms_kd: np.ndarray, other_kd: np.ndarray) -> Estimate:
  """Returns how similar the atoms of two trained dictionaries are.

  The mean cosine over the one-to-one matching that maximizes it (Hungarian algorithm);
  1 means the same atoms in any order. An atom of length 0 has cosine 0 with all others.

  Args:
    atoms_kd, other_kd: [K, D] and [K', D]; with K != K' the smaller set is matched.

  Returns:
    The mean over pairs and its standard error.
  """
  cosines_kk = _unit_rows(atoms_kd) @ _unit_rows(other_kd).T
  return mean_estimate(cosines_kk[linear_sum_assignment(cosines_kk, maximize=True)])


def coherence(atoms_kd: np.ndarray) -> Estimate:
  """Returns the largest cosine, of either sign, between two atoms of a dictionary.

  Args:
    atoms_kd: [K, D]; one of length 0 has cosine 0 with all others.
  """
  rows = _unit_rows(atoms_kd)
  cosines_kk = np.abs(rows @ rows.T)
  np.fill_diagonal(cosines_kk, 0)
  return Estimate(float(cosines_kk.max()))


def _unit_rows(atoms_kd: np.ndarray) -> np.ndarray:
  norms_k = np.linalg.norm(np.asarray(atoms_kd, np.float64), axis=1)
  return atoms_kd / np.where(norms_k > 0, norms_k, 1)[:, None]
