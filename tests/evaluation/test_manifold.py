"""Precision, recall, density, coverage against brute force and closed forms."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from sgae.evaluation.measures import distances
from sgae.evaluation.measures.manifold import manifold_figures


def by_definition(generated, real):
  def radii(points, k):
    return np.array([np.sort(row)[k] for row in cdist(points, points)])  # 0: itself.

  between = cdist(generated, real)
  in_real = between <= radii(real, 3)
  in_generated = cdist(real, generated) <= radii(generated, 3)
  in_wide = between <= radii(real, 5)
  return {
    "precision": np.mean([row.any() for row in in_real]),
    "recall": np.mean([row.any() for row in in_generated]),
    "density": in_wide.sum() / (5 * len(generated)),
    "coverage": np.mean([column.any() for column in in_wide.T]),
  }


@pytest.mark.parametrize("block_entries", [2**23, 100, 1])
def test_blocks_give_the_definition(monkeypatch, block_entries):
  monkeypatch.setattr(distances, "_BLOCK_ENTRIES", block_entries)
  random = np.random.default_rng(0)
  generated = random.standard_normal((61, 3)) * 1.5 + 0.3
  real = random.standard_normal((47, 3))
  figures = manifold_figures(generated, real)
  expected = by_definition(generated, real)
  assert len(set(expected.values())) == 4
  assert {name: figure.value for name, figure in figures.items()} == pytest.approx(
    expected
  )


def test_errors_are_binomial():
  random = np.random.default_rng(1)
  figures = manifold_figures(
    random.standard_normal((90, 4)), random.standard_normal((70, 4))
  )
  for name, count in (("precision", 90), ("recall", 70), ("coverage", 70)):
    share, error = figures[name]
    assert 0 < share < 1
    assert error == pytest.approx((share * (1 - share) / (count - 1)) ** 0.5)


def test_a_set_against_itself_is_all_inside():
  points = np.random.default_rng(2).standard_normal((100, 5)).astype(np.float32)
  figures = manifold_figures(points, points)
  for name in ("precision", "recall", "coverage"):
    assert figures[name].value == 1
  # Each ball holds its own centre and five neighbours.
  assert figures["density"].value == pytest.approx(6 / 5)


def test_copies_are_inside_balls_without_radius():
  random = np.random.default_rng(3)
  examples = (random.standard_normal((9, 300)) + 100).astype(np.float32)
  real, generated = np.repeat(examples, 7, axis=0), np.repeat(examples[:5], 8, axis=0)
  figures = manifold_figures(generated, real)
  assert figures["precision"] == figures["precision"]._replace(value=1.0, error=0.0)
  assert figures["recall"].value == figures["coverage"].value == pytest.approx(5 / 9)
  assert figures["density"].value == pytest.approx(7 / 5)
  nearby = generated + np.float32(1e-3)
  assert manifold_figures(nearby, real)["precision"].value == 0


def test_fresh_examples_give_the_published_expectations():
  random = np.random.default_rng(4)
  count = 1500
  figures = manifold_figures(*random.standard_normal((2, count, 8)))
  # Naeem et al. 2020: 1 less the chance that the 5 nearest of 2 N - 1 are all real.
  steps = np.arange(1, 6)
  coverage = 1 - np.prod((count - steps) / (2 * count - steps))
  assert figures["coverage"].value == pytest.approx(coverage, abs=0.02)
  assert figures["density"].value == pytest.approx(1, abs=0.1)


def test_a_set_without_a_fifth_neighbour_is_refused():
  with pytest.raises(ValueError, match="6 reference examples or more, got 5"):
    manifold_figures(np.zeros((9, 2)), np.zeros((5, 2)))
