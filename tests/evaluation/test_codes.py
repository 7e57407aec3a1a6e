"""Firing rates, the linear probe and the matching of dictionaries."""

import itertools

import numpy as np
import pytest

from sgae.data.order import draw_of_classes
from sgae.evaluation.measures.codes import (
  code_measures,
  dictionary_stability,
  firing_rates,
  reconstruction_measures,
)
from sgae.evaluation.measures.probes import PROBES, probe_error


def test_firing_rates_by_hand():
  code = np.array([[0, 0.5, 2], [0, 0, 1e-9], [0, -3, 0], [0, 0, 1]], np.float32)
  rates = firing_rates(code)
  assert rates.dtype == np.float64
  np.testing.assert_array_equal(rates, [0, 0.5, 0.75])
  places = code.reshape(2, 2, 1, 3)  # two images of two places
  np.testing.assert_array_equal(firing_rates(places), [0, 1, 1])
  assert code_measures(code)["l0"].value == 1.25


def sparse_codes(random, count):
  """Ten classes, each with three latents of its own among 40, one of them huge."""
  labels = random.integers(10, size=count)
  codes = np.maximum(random.standard_normal((count, 40)) - 1, 0)
  codes[np.arange(count)[:, None], 3 * labels[:, None] + np.arange(3)] += 2
  codes[:, 39] = 0  # A dead latent.
  codes[:, 3:6] *= 1e4
  return codes.astype(np.float32), labels


@pytest.mark.parametrize("probe", ["nearest", "mlp"])
def test_other_probes_find_classes_with_few_labels(probe):
  random = np.random.default_rng(0)
  train, train_labels = sparse_codes(random, 300)
  test, test_labels = sparse_codes(random, 200)
  assert probe_error(train, train_labels, test, test_labels, probe).value < 0.05
  chance = random.permutation(train_labels)
  assert probe_error(train, chance, test, test_labels, probe).value > 0.7
  one = draw_of_classes(train_labels, 1, 0)  # as few neighbours as there are labels
  assert (
    probe_error(train[one], train_labels[one], test, test_labels, probe).value < 0.7
  )


def test_the_probe_finds_classes_only_in_their_codes():
  random = np.random.default_rng(0)
  train, train_labels = sparse_codes(random, 2000)
  test, test_labels = sparse_codes(random, 1000)
  value, error = probe_error(train, train_labels, test, test_labels)
  assert value < 0.01
  assert (value, error) == probe_error(train, train_labels, test, test_labels)
  share, error = probe_error(train, random.permutation(train_labels), test, test_labels)
  assert share == pytest.approx(0.9, abs=0.06)
  assert error == pytest.approx((share * (1 - share) / 999) ** 0.5)


@pytest.mark.parametrize("probe", PROBES)
def test_signed_codes_keep_the_spread_of_their_latents(probe):
  """One coordinate tells the classes, and fifty are faint noise."""
  random = np.random.default_rng(0)
  labels = np.arange(60) % 2
  codes = random.normal(0, 1e-3, (60, 51))
  codes[:, 0] = 2 * labels - 1 + random.normal(0, 0.1, 60)
  assert probe_error(codes[:20], labels[:20], codes[20:], labels[20:], probe).value == 0


def test_a_probe_that_stops_early_does_not_warn(monkeypatch):
  monkeypatch.setattr("sgae.evaluation.measures.probes._ITERATIONS", 1)
  codes, labels = sparse_codes(np.random.default_rng(1), 200)
  assert probe_error(codes, labels, codes, labels).value < 0.9


def test_the_order_and_the_length_of_atoms_do_not_matter():
  random = np.random.default_rng(2)
  atoms = random.standard_normal((30, 50)).astype(np.float32)
  other = atoms[random.permutation(30)] * random.uniform(0.1, 9, (30, 1))
  assert dictionary_stability(atoms, other) == (
    pytest.approx(1),
    pytest.approx(0, abs=1e-6),
  )
  assert dictionary_stability(atoms, -atoms).value < 0.5


def test_the_matching_is_optimal():
  atoms, other = np.random.default_rng(3).standard_normal((2, 6, 4))
  cosines = np.array(
    [[a @ b / np.sqrt((a @ a) * (b @ b)) for b in other] for a in atoms]
  )
  pairs = max(
    (cosines[np.arange(6), list(order)] for order in itertools.permutations(range(6))),
    key=np.sum,
  )
  value, error = dictionary_stability(atoms, other)
  assert value == pytest.approx(pairs.mean())
  assert error == pytest.approx(pairs.std(ddof=1) / 6**0.5)


def test_atoms_of_length_zero_and_dictionaries_of_two_sizes():
  atoms = np.eye(3)
  assert dictionary_stability(atoms, atoms * [[1], [0], [1]]).value == pytest.approx(
    2 / 3
  )
  assert dictionary_stability(atoms, np.eye(4)[:, :3]).value == pytest.approx(1)


def test_equal_images_have_no_variance_to_explain():
  images = np.zeros((4, 2, 2, 1), np.float32)
  figures = reconstruction_measures(images, images + 1, images[0])
  assert set(figures) == {"mse"}
  assert figures["mse"].value == 1
