"""The kernel distance against power sums and the spread of repeats."""

import numpy as np
import pytest

from sgae.evaluation.measures.kernel import kernel_distance


def by_power_sums(x, y):
  """Unbiased MMD^2 in one dimension: (xy + 1)^3 = 1 + 3 xy + 3 (xy)^2 + (xy)^3."""
  value = 0.0
  for power, weight in ((1, 3), (2, 3), (3, 1)):
    px, py = x**power, y**power
    pairs_x = (px.sum() ** 2 - (px**2).sum()) / (len(x) * (len(x) - 1))
    pairs_y = (py.sum() ** 2 - (py**2).sum()) / (len(y) * (len(y) - 1))
    value += weight * (pairs_x + pairs_y - 2 * px.mean() * py.mean())
  return value


def test_subsets_average_to_the_distance_of_all_examples():
  random = np.random.default_rng(0)
  x, y = random.standard_normal(60), random.standard_normal(40) + 0.5
  value, error = kernel_distance(x[:, None], y[:, None], subsets=4000)
  assert error is not None
  of_subsets = error / (20 / 20 + 1 / 4000) ** 0.5 / 4000**0.5
  assert value == pytest.approx(by_power_sums(x, y), abs=4 * of_subsets)
  # An estimate that kept x with x would be higher by about E (x^2 + 1)^3 / 20.
  assert of_subsets < 0.1


def test_dimensions_are_averaged():
  random = np.random.default_rng(1)
  x, y = random.standard_normal((2, 50, 1))
  once = kernel_distance(x, y + 1)
  repeated = kernel_distance(np.repeat(x, 7, axis=1), np.repeat(y + 1, 7, axis=1))
  assert repeated == pytest.approx(once, rel=1e-9)


@pytest.mark.parametrize("shift, low, high", [(0.5, 0.8, 1.5), (0.0, 1.0, 6.0)])
def test_the_error_covers_the_spread_of_repeats(shift, low, high):
  random = np.random.default_rng(2)
  figures = np.array(
    [
      kernel_distance(
        random.standard_normal((300, 4)) + shift,
        random.standard_normal((300, 4)),
        subsets=50,
        subset_size=60,
      )
      for _ in range(100)
    ]
  )
  values, errors = figures.T
  assert low < errors.mean() / values.std() < high
  if not shift:
    assert values.mean() == pytest.approx(0, abs=4 * values.std() / 10)


def test_the_seed_determines_the_result():
  x, y = np.random.default_rng(3).standard_normal((2, 50, 3)).astype(np.float32)
  first = kernel_distance(x, y)
  assert first == kernel_distance(x, y)
  assert first != kernel_distance(x, y, seed=1)


def test_constant_features():
  x = np.ones((10, 2))
  assert kernel_distance(x, x) == (0, 0)
  assert kernel_distance(x, 0 * x) == (pytest.approx(2**3 + 1 - 2), 0)


def test_too_few_examples_are_refused():
  with pytest.raises(ValueError, match="4 examples or more, got 3"):
    kernel_distance(np.zeros((9, 2)), np.zeros((3, 2)))
