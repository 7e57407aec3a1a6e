"""K-means with the same result on every machine, for what starts from clusters."""

import warnings
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits


def k_means(points_nd: np.ndarray, count: int, turns: int, seed: int) -> Any:
  """Returns scikit-learn's fitted KMeans: `labels_` int [N], `cluster_centers_` [C, D].

  Args:
    points_nd: float [N, D], N at least `count`; with fewer different points some
      clusters stay empty.
    count: C, clusters, which start from points drawn at random.
    turns: at most; stopping early is meant.
    seed: of the start.
  """
  kmeans: Any = KMeans  # whose annotations name the default of n_init alone
  # one thread: the sums of several come in no fixed order
  with threadpool_limits(1), warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)
    return kmeans(
      count, init="random", n_init=1, max_iter=turns, random_state=seed
    ).fit(points_nd)
