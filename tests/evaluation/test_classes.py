"""Class and mode figures by hand, by exact expectations, by the spread of repeats."""

import numpy as np
import pytest
import scipy.stats

from sgae.evaluation.measures.classes import class_figures, class_shares, mode_figures
from sgae.evaluation.measures.estimate import mean_estimate


def one_hot(labels, num_classes):
  return np.eye(num_classes, dtype=np.float32)[np.asarray(labels)]


def test_mean_figure_by_hand():
  assert mean_estimate(np.array([1, 2, 6])) == (3, pytest.approx((7 / 3) ** 0.5))
  assert mean_estimate(np.array([True])) == (1, None)


def test_shares_by_hand():
  np.testing.assert_array_equal(
    class_shares(np.array([2, 0, 2, 2]), 4), [0.25, 0, 0.75, 0]
  )


def test_the_score_lies_between_one_and_the_number_of_classes():
  certain = class_figures(one_hot(np.arange(40) % 4, 4), one_hot([0], 4))
  assert certain["classifier_score"] == (pytest.approx(4), pytest.approx(0))
  unsure = class_figures(np.full((40, 4), 0.3, np.float32), one_hot([0], 4))
  assert unsure["classifier_score"] == (pytest.approx(1), pytest.approx(0))


def test_the_score_by_hand():
  rows = np.array([[0.8, 0.2], [0.4, 0.6]])
  marginal = np.array([0.6, 0.4])
  divergences = (rows * np.log(rows / marginal)).sum(axis=1)
  value, error = class_figures(rows * 5, rows)["classifier_score"]
  assert value == pytest.approx(np.exp(divergences.mean()))
  assert error == pytest.approx(value * abs(divergences[0] - divergences[1]) / 2)


def test_the_divergence_by_hand_and_for_a_class_without_real_examples():
  generated, real = one_hot([0, 0, 0, 1], 3), one_hot([0, 0, 1, 1], 3)
  expected = 0.75 * np.log(0.75 / (2.5 / 5.5)) + 0.25 * np.log(0.25 / (2.5 / 5.5))
  assert class_figures(generated, real)["class_kl"].value == pytest.approx(expected)
  lacking = class_figures(one_hot([2, 2], 3), real)
  assert lacking["class_kl"].value == pytest.approx(np.log(5.5 / 0.5))
  assert lacking["classes_covered"] == (1, 0)


@pytest.mark.parametrize("shares", [[0.25] * 4, [0.4, 0.3, 0.2, 0.1]])
def test_the_errors_of_class_figures_agree_with_the_spread_of_repeats(shares):
  random = np.random.default_rng(0)
  figures = []
  for _ in range(400):
    generated = one_hot(random.choice(4, 500, p=shares), 4) + 0.1 * random.random(
      (500, 4)
    )
    real = one_hot(random.choice(4, 300), 4)
    measured = class_figures(generated, real)
    figures.append([measured["classifier_score"], measured["class_kl"]])
  values, errors = np.moveaxis(np.array(figures), -1, 0)
  # With equal shares both figures are at their limit, where first order vanishes.
  if shares[0] != shares[1]:
    np.testing.assert_allclose(errors[:, 0].mean(), values[:, 0].std(), rtol=0.15)
  np.testing.assert_allclose(errors[:, 1].mean(), values[:, 1].std(), rtol=0.25)


@pytest.mark.parametrize("count, floor", [(10_000, 0.0506), (26_000, 0.0191)])
def test_a_perfect_sampler_scores_the_known_floor(count, floor):
  random = np.random.default_rng(1)
  runs = [mode_figures(random.integers(1000, size=count), 1000) for _ in range(30)]
  plain, error = np.array([run["reverse_kl"] for run in runs]).T
  debiased = np.array([run["reverse_kl_debiased"].value for run in runs])
  cells = np.arange(1, count + 1)
  probabilities = scipy.stats.binom.pmf(cells, count, 1e-3)
  exact = (
    np.log(1000) + 1000 * (probabilities * cells / count * np.log(cells / count)).sum()
  )
  standard_error = plain.std() / 30**0.5
  assert plain.mean() == pytest.approx(floor, abs=6 * standard_error)
  assert plain.mean() == pytest.approx(exact, abs=4 * standard_error)
  assert error.mean() == pytest.approx(plain.std(), rel=0.4)
  # What Miller and Madow leave is of order (K / N)^2 / 12.
  assert debiased.mean() == pytest.approx(
    1000**2 / count**2 / 12, abs=4 * standard_error
  )
  assert {run["modes_covered"].value for run in runs} <= {999, 1000}


def test_the_error_of_the_divergence_between_uneven_modes():
  random = np.random.default_rng(2)
  shares = np.arange(1.0, 51) / np.arange(1.0, 51).sum()
  runs = [
    mode_figures(random.choice(50, 2000, p=shares), 50)["reverse_kl"]
    for _ in range(300)
  ]
  values, errors = np.array(runs).T
  assert errors.mean() == pytest.approx(values.std(), rel=0.2)


def test_modes_by_hand():
  figures = mode_figures(np.array([1, 1, 1, 3]), 5)
  kl = np.log(5) + 0.75 * np.log(0.75) + 0.25 * np.log(0.25)
  assert figures["reverse_kl"].value == pytest.approx(kl)
  assert figures["reverse_kl_debiased"].value == pytest.approx(kl - 1 / 8)
  assert figures["modes_covered"].value == 2
  collapsed = mode_figures(np.zeros(10, int), 5)
  assert collapsed["reverse_kl"] == (pytest.approx(np.log(5)), 0)
  assert collapsed["modes_covered"] == (1, 0)


def test_the_error_of_coverage_is_the_jackknife():
  modes = np.array([0, 0, 1, 2, 2, 3, 4, 4, 4])
  left_out = [len(set(np.delete(modes, index))) for index in range(9)]
  expected = np.sqrt(8 * np.var(left_out))
  assert mode_figures(modes, 9)["modes_covered"].error == pytest.approx(expected)
