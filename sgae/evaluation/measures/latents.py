"""Measures of the latents of a variational autoencoder."""

import numpy as np

from sgae.evaluation.measures.estimate import Estimate

ACTIVE = 0.01  # variance over examples from which a latent counts as active


def active_units(means_nk: np.ndarray) -> Estimate:
  """Returns how many latents depend on the example: Var_x(E_q[z|x]) > .01.

  Burda et al. 2016 (arXiv 1509.00519).

  Args:
    means_nk: float [N, K], posterior means of N examples.
  """
  return Estimate(float((unit_variances(means_nk) > ACTIVE).sum()))


def unit_variances(means_nk: np.ndarray) -> np.ndarray:
  """Returns the variance over examples of each latent's mean: float64 [K]."""
  return np.var(means_nk, axis=0, dtype=np.float64)
