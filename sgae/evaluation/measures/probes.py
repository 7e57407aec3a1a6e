"""Probes: how well simple classifiers read the classes off frozen codes."""

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from sgae.evaluation.measures.estimate import Estimate, mean_estimate

_ITERATIONS = 100  # of the linear probe
NEIGHBOURS = 5  # fewer where a class has fewer examples
HIDDEN = 256
# Examples that the MLP is shown in all, within bounds for its epochs.
_SHOWN, _LEAST_EPOCHS, _MOST_EPOCHS = 1_200_000, 20, 200


def _linear(labels_n: np.ndarray) -> Any:
  del labels_n
  return LogisticRegression(max_iter=_ITERATIONS)


def _nearest(labels_n: np.ndarray) -> Any:
  _, counts = np.unique(labels_n, return_counts=True)
  return KNeighborsClassifier(min(NEIGHBOURS, int(counts.min())))


def _mlp(labels_n: np.ndarray) -> Any:
  epochs = int(np.clip(_SHOWN // len(labels_n), _LEAST_EPOCHS, _MOST_EPOCHS))
  return MLPClassifier((HIDDEN,), max_iter=epochs, random_state=0)


# Name -> the probe of scikit-learn for labels [N]: logistic regression (L-BFGS) with an
# L2 penalty, k nearest neighbours, a network with one hidden layer of 256 (Adam).
PROBES: dict[str, Callable[[np.ndarray], Any]] = {
  "linear": _linear,
  "nearest": _nearest,
  "mlp": _mlp,
}


def probe_error(
  train_codes_nk: np.ndarray,
  train_labels_n: np.ndarray,
  test_codes_mk: np.ndarray,
  test_labels_m: np.ndarray,
  probe: str = "linear",
) -> Estimate:
  """Returns the test error of a probe that predicts labels from codes.

  Codes that are never negative are divided by each latent's largest training value,
  others by the largest of all: the spread of principal components, or of latents that a
  variational autoencoder does not use, says how much they matter.

  Args:
    train_codes_nk, test_codes_mk: float [N, K] and [M, K].
    train_labels_n, test_labels_m: integers [N] and [M].
    probe: a key of `PROBES`.

  Returns:
    The error rate and its binomial standard error over test examples; NaN where codes
    have overflowed.
  """
  if not (np.isfinite(train_codes_nk).all() and np.isfinite(test_codes_mk).all()):
    return Estimate(math.nan)
  signed = train_codes_nk.min() < 0
  scale_k = np.abs(train_codes_nk).max(axis=None if signed else 0)
  scale_k = np.where(scale_k > 0, scale_k, 1).astype(np.float32)
  fitted = PROBES[probe](train_labels_n)
  # The products are too small to gain from threads, and with more than one, several
  # runs on a machine would wait for each other.
  with warnings.catch_warnings(), threadpool_limits(1):
    # Stopping early is intended: it bounds the time, and on MNIST it changes the error
    # by less than its standard error.
    warnings.simplefilter("ignore", ConvergenceWarning)
    # of which scikit-learn makes a warning, and goes on with what it has
    warnings.filterwarnings("error", "Training interrupted", UserWarning)
    try:
      fitted.fit(np.float32(train_codes_nk) / scale_k, train_labels_n)
    except UserWarning as warning:
      raise warning.__context__ or warning from None
    predicted_m = fitted.predict(np.float32(test_codes_mk) / scale_k)
  return mean_estimate(np.not_equal(predicted_m, test_labels_m))
