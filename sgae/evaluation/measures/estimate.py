"""What a measure returns: a value with its standard error."""

from typing import NamedTuple

import numpy as np


class Estimate(NamedTuple):
  """A measured value and its standard error, None if it cannot be estimated."""

  value: float
  error: float | None = None


def mean_estimate(values_n: np.ndarray) -> Estimate:
  """Returns the mean of independent values, or the share of those that are True.

  Args:
    values_n: [N], numbers or booleans, N > 0.

  Returns:
    The mean and its standard error std / sqrt(N), None for a single value.
  """
  values_n = np.asarray(values_n, np.float64)
  if len(values_n) < 2:
    return Estimate(float(values_n.mean()))
  error = values_n.std(ddof=1) / np.sqrt(len(values_n))
  return Estimate(float(values_n.mean()), float(error))
