"""Nearest training images against brute force; figures of copies and of new images."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from sgae.evaluation.measures import distances, memorisation
from sgae.evaluation.measures.memorisation import memorisation_figures, nearest


@pytest.mark.parametrize("part_entries", [2**19, 100, 1])
@pytest.mark.parametrize("block_entries", [2**23, 100, 1])
def test_blocks_give_the_nearest_by_brute_force(
  monkeypatch, block_entries, part_entries
):
  monkeypatch.setattr(distances, "_BLOCK_ENTRIES", block_entries)
  monkeypatch.setattr(memorisation, "_PART_ENTRIES", part_entries)
  random = np.random.default_rng(0)
  queries, references = random.standard_normal((31, 6)), random.standard_normal((47, 6))
  found, indices = nearest(queries, references)
  assert (found.dtype, indices.dtype) == (np.float32, np.int64)
  between = cdist(queries, references)
  np.testing.assert_array_equal(indices, between.argmin(axis=1))
  np.testing.assert_allclose(found, between.min(axis=1), rtol=1e-6)


def test_copies_are_at_distance_zero_far_from_the_origin():
  random = np.random.default_rng(1)
  references = (random.random((500, 784)) + 1000).astype(np.float32)
  order = random.permutation(500)
  found, indices = nearest(references[order], references)
  np.testing.assert_array_equal(indices, order)
  np.testing.assert_array_equal(found, 0)


def test_bytes_do_not_wrap():
  found, indices = nearest(
    np.array([[0, 5]], np.uint8), np.array([[1, 5], [255, 5]], np.uint8)
  )
  assert (found.item(), indices.item()) == (1, 0)


def test_figures_by_hand():
  test = np.arange(1.0, 102)  # Median 51; 1 % of them are not above 2.
  figures = memorisation_figures(np.array([0.5, 1.9, 2.0, 2.1, 102.0, 102.0]), test)
  assert figures["copies"].value == pytest.approx(3 / 6)
  assert figures["neighbour_ratio"].value == pytest.approx(2.05 / 51)


def test_no_ratio_if_half_of_the_test_images_are_copies():
  figures = memorisation_figures(np.array([0.0, 1, 2]), np.array([0.0, 0, 0, 1]))
  assert set(figures) == {"copies"}
  assert figures["copies"].value == pytest.approx(1 / 3)


def test_errors_agree_with_the_spread_of_repeats():
  random = np.random.default_rng(2)
  runs = []
  for _ in range(300):
    generated, test = random.gamma(9, size=800), random.gamma(9, size=500)
    figures = memorisation_figures(generated, test)
    runs.append([figures["neighbour_ratio"], figures["copies"]])
  values, errors = np.moveaxis(np.array(runs), -1, 0)
  np.testing.assert_allclose(values.mean(axis=0), [1, 0.01], rtol=0.25)
  np.testing.assert_allclose(errors.mean(axis=0), values.std(axis=0), rtol=0.25)
