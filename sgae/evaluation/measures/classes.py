"""Measures of the classes or modes of samples."""

import numpy as np
from scipy.special import rel_entr, xlogy

from sgae.evaluation.measures.estimate import Estimate, mean_estimate


def class_shares(labels_n: np.ndarray, num_classes: int) -> np.ndarray:
  """Returns the share of each class, float64 [K].

  Args:
    labels_n: integers [N] in [0, K), N > 0.
    num_classes: K.
  """
  return np.bincount(labels_n, minlength=num_classes) / len(labels_n)


def class_figures(
  probabilities_nk: np.ndarray, reference_probabilities_mk: np.ndarray
) -> dict[str, Estimate]:
  """Compares the predicted classes of samples and of real examples.

  Args:
    probabilities_nk, reference_probabilities_mk: [N, K] and [M, K], a classifier's
      probabilities for samples and for real examples; rows are normalized to 1.

  Returns:
    `classifier_score`: exp of the mean KL(p(y|x) || p(y)) over samples, in [1, K]
    (Salimans et al. 2016, there with Inception). `class_kl`: KL of the samples'
    histogram of predicted classes from the real one, nats; half an example is added to
    each real class, so that a class without real examples gives a finite value.
    `classes_covered`: number of classes that are predicted for at least one sample.
    Errors of the first two by the delta method, of the last by the jackknife.
  """
  num_classes = probabilities_nk.shape[1]
  probabilities_nk = np.asarray(probabilities_nk, np.float64)
  probabilities_nk = probabilities_nk / probabilities_nk.sum(axis=1, keepdims=True)
  # The error ignores that p(y) varies too: the mean KL is minimal in p(y), so to first
  # order this has no effect.
  divergences_n = rel_entr(probabilities_nk, probabilities_nk.mean(axis=0)).sum(axis=1)
  mean, error = mean_estimate(divergences_n)
  score = float(np.exp(mean))

  labels_n = probabilities_nk.argmax(axis=1)
  real_m = np.argmax(reference_probabilities_mk, axis=1)
  shares_k = class_shares(labels_n, num_classes)
  real_k = np.bincount(real_m, minlength=num_classes) + 0.5
  real_k /= real_k.sum()
  covered = _covered(labels_n)
  return {
    "classifier_score": Estimate(score, None if error is None else score * error),
    "class_kl": Estimate(
      float(rel_entr(shares_k, real_k).sum()),
      _kl_error(shares_k, real_k, covered.value, 1 / len(labels_n), 1 / len(real_m)),
    ),
    "classes_covered": covered,
  }


def mode_figures(modes_n: np.ndarray, num_modes: int) -> dict[str, Estimate]:
  """Measures how evenly samples cover equally likely modes.

  Args:
    modes_n: integers [N] in [0, K), the mode of each sample, N > 0.
    num_modes: K.

  Returns:
    `modes_covered`: number of modes with a sample. `reverse_kl`: KL(samples || uniform)
    of the histogram, nats; a perfect sampler scores about (K - 1) / (2 N).
    `reverse_kl_debiased`: the same minus (covered - 1) / (2 N), the correction of
    Miller and Madow (1955) for the entropy; may be slightly negative.
  """
  shares_k = class_shares(modes_n, num_modes)
  covered = _covered(modes_n)
  kl = float(np.log(num_modes) + xlogy(shares_k, shares_k).sum())
  error = _kl_error(
    shares_k, np.full(num_modes, 1 / num_modes), covered.value, 1 / len(modes_n), 0.0
  )
  debiased = kl - (covered.value - 1) / (2 * len(modes_n))
  return {
    "modes_covered": covered,
    "reverse_kl": Estimate(kl, error),
    "reverse_kl_debiased": Estimate(debiased, error),
  }


def _covered(labels_n: np.ndarray) -> Estimate:
  """Returns the number of different labels and its jackknife error.

  Leaving out one sample lowers the number by 1 if no other sample has its label. Where
  nearly all labels are found it is too large, up to 2.7 times.
  """
  counts, total = np.unique(labels_n, return_counts=True)[1], len(labels_n)
  single = np.mean(counts == 1) * len(counts) / total  # Share of such samples.
  return Estimate(
    float(len(counts)), float(np.sqrt((total - 1) * single * (1 - single)))
  )


def _kl_error(
  shares_k: np.ndarray,
  reference_k: np.ndarray,
  covered: float,
  inverse_count: float,
  inverse_reference_count: float,
) -> float:
  """Returns the standard error of KL(shares || reference) between two histograms.

  The first-order terms are the variance of log(p / q) over samples and of p / q over
  reference examples. If p = q, these terms are only sampling noise and the KL follows
  a chi-square with covered - 1 degrees of freedom, whose variance is half of that
  noise.
  """
  present = shares_k > 0
  shares, reference = shares_k[present], reference_k[present]
  ratios = shares / reference
  logs = np.log(ratios)
  first_order = inverse_count * (shares @ logs**2 - (shares @ logs) ** 2)
  first_order += inverse_reference_count * (shares @ ratios - 1)
  noise = (covered - 1) / 2 * (inverse_count + inverse_reference_count) ** 2
  return float(np.sqrt(max(first_order - noise, noise)))
