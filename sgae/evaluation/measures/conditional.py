"""Measures of samples whose class was chosen."""

import numpy as np

from sgae.data.dataset import UNLABELLED
from sgae.evaluation.measures.estimate import Estimate, mean_estimate
from sgae.evaluation.measures.frechet import fit_gaussian, frechet


def class_frechet(
  features_nd: np.ndarray,
  labels_n: np.ndarray,
  reference_md: np.ndarray,
  reference_labels_m: np.ndarray,
) -> dict[str, Estimate]:
  """Compares samples and real examples within each class.

  A generator that mixes up the classes has the distance of a good one over all samples,
  and a large one within the classes.

  Args:
    features_nd, reference_md: [N, D] and [M, D], of samples and of real examples.
    labels_n, reference_labels_m: integers [N] and [M], their classes.

  Returns:
    `class_frechet`: mean over the classes of the Frechet distance within each;
    `class_frechet_worst`: the largest of them. Classes with fewer than two examples on
    either side are left out; {} where no class has them. A class has few examples, and
    so a large bias, see `frechet`: compare with the floor of as many.
  """
  within = []
  for label in np.intersect1d(labels_n, reference_labels_m):
    generated = features_nd[labels_n == label]
    real = reference_md[reference_labels_m == label]
    if min(len(generated), len(real)) >= 2:
      within.append(frechet(generated, fit_gaussian(real)))
  if not within:
    return {}
  values = [distance.value for distance in within]
  errors = [distance.error for distance in within if distance.error is not None]
  error = float(np.linalg.norm(errors)) / len(within)
  return {
    "class_frechet": Estimate(
      float(np.mean(values)), error if len(errors) == len(within) else None
    ),
    "class_frechet_worst": within[int(np.argmax(values))],
  }


def class_accuracy(
  probabilities_nk: np.ndarray, labels_n: np.ndarray
) -> dict[str, Estimate]:
  """Returns `class_accuracy`, the share of samples that show the class asked for.

  Args:
    probabilities_nk: [N, K], of the classes, for the samples.
    labels_n: integers [N], the classes asked for; those of `UNLABELLED` do not count,
      and {} is returned where there is no other.
  """
  known = labels_n != UNLABELLED
  right_n = probabilities_nk.argmax(axis=1) == labels_n
  return {"class_accuracy": mean_estimate(right_n[known])} if known.any() else {}
