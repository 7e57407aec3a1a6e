"""Mixtures in the plane: the perfect sampler, collapse, and the ring of seven."""

import numpy as np
import pytest

from sgae.evaluation.measures.mixture import mixture_figures

ANGLES = 2 * np.pi * np.arange(8) / 8
RING = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)
SIGMA = 0.01


def sample(means, count=40_000, sigma=SIGMA):
  random = np.random.default_rng(0)
  modes = random.integers(len(means), size=count)
  return means[modes] + sigma * random.standard_normal((count, 2))


def test_a_perfect_sampler():
  figures = mixture_figures(sample(RING), RING, SIGMA)
  share, error = np.array(figures["high_quality"])
  assert error == pytest.approx((share * (1 - share) / 40_000) ** 0.5, rel=1e-3)
  assert share == pytest.approx(1 - np.exp(-4.5), abs=4 * error)
  spread, error = np.array(figures["spread"])
  assert error < 0.004
  assert spread == pytest.approx(1, abs=4 * error)
  assert figures["modes_covered"].value == 8
  assert figures["reverse_kl_debiased"].value == pytest.approx(0, abs=5e-4)


def test_the_error_of_the_spread_agrees_with_repeats():
  points = sample(RING).reshape(100, 400, 2)
  spreads, errors = np.array(
    [mixture_figures(points_n2, RING, SIGMA)["spread"] for points_n2 in points]
  ).T
  assert errors.mean() == pytest.approx(spreads.std(), rel=0.3)


def test_narrow_modes_are_of_high_quality_and_show_in_the_spread():
  figures = mixture_figures(sample(RING, sigma=SIGMA / 4), RING, SIGMA)
  assert figures["high_quality"].value == 1
  # No point is truncated, but the correction assumes a perfect sampler.
  assert figures["spread"].value == pytest.approx(0.25 * 1.0263, rel=0.01)


def test_much_too_wide_modes():
  figures = mixture_figures(sample(RING, sigma=10 * SIGMA), RING, SIGMA)
  assert figures["high_quality"].value < 0.1
  assert figures["spread"].value == pytest.approx(1.54, rel=0.03)


def test_collapse_onto_one_mode():
  figures = mixture_figures(sample(RING[:1]), RING, SIGMA)
  assert figures["modes_covered"] == (1, 0)
  assert figures["reverse_kl"].value == pytest.approx(np.log(8))


def test_a_mode_with_only_poor_points_is_not_covered():
  points = np.concatenate([RING, RING[3:] * 1.1])[3:]
  figures = mixture_figures(points, RING, SIGMA)
  assert figures["modes_covered"].value == 5
  assert figures["high_quality"].value == pytest.approx(5 / 10)
  assert figures["reverse_kl"].value == pytest.approx(np.log(8 / 5))
  outside = mixture_figures(RING * 1.1, RING, SIGMA)
  assert outside["modes_covered"].value == outside["high_quality"].value == 0
  assert outside["reverse_kl"].value == pytest.approx(0)
  assert "spread" not in outside


def test_a_ring_that_repeats_a_mode_is_not_the_ring_of_eight():
  angles = np.linspace(0, 2 * np.pi, 8)  # The last is the first again.
  seven = np.stack([np.cos(angles), np.sin(angles)], axis=1)
  figures = mixture_figures(sample(seven), RING, SIGMA)
  assert figures["modes_covered"].value == 1
  assert figures["high_quality"].value == pytest.approx(2 / 8, abs=0.01)
  own = mixture_figures(sample(seven), seven[:7], SIGMA)
  assert own["modes_covered"].value == 7
  assert own["reverse_kl"].value > 0.03
