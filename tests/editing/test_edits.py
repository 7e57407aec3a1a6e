"""Edits of points as pure functions, what measures them, and how they are asked for."""

import numpy as np
import pytest

from sgae.editing import edits
from sgae.editing.choice import (
  EditChoice,
  InvertChoice,
  check,
  check_inversion,
  parse_direction,
  parse_sets,
  parse_strengths,
  parse_towards,
  parse_transfer,
)
from sgae.editing.edits import Set
from sgae.errors import UserError
from sgae.evaluation.measures import editing
from sgae.evaluation.measures.restoration import feature_distances

RANDOM = np.random.default_rng(0)
POINTS = np.maximum(RANDOM.normal(size=(60, 7)), 0).astype(np.float32)
PLACES = np.maximum(RANDOM.normal(size=(6, 2, 2, 7)), 0).astype(np.float32)
LABELS = np.arange(60) % 3


def test_no_strength_changes_nothing_and_codes_stay_above_zero():
  change = RANDOM.normal(size=POINTS.shape).astype(np.float32)
  assert (edits.edited(POINTS, change, 0, True) == POINTS).all()
  assert (edits.edited(POINTS, change, 3, True) >= 0).all()
  signed = edits.edited(POINTS, change, 3, False)
  assert signed.min() < 0
  np.testing.assert_allclose(signed, POINTS + 3 * change, rtol=1e-6)


def test_a_class_direction_moves_the_mean_to_the_other_mean():
  means = edits.class_means(POINTS, LABELS, 4)
  assert np.isnan(means[3]).all()
  ones = POINTS[LABELS == 1]
  change = edits.towards(means, np.ones(len(ones), int), 2)
  moved = edits.edited(ones, change, 1, False)
  expected = POINTS[LABELS == 2].mean(axis=0)
  np.testing.assert_allclose(moved.mean(axis=0), expected, atol=1e-6)
  own = edits.towards(means, np.array([2, 1]), 2)
  assert not own[0].any() and own[1].any()


def test_all_latents_of_another_make_the_other_and_some_make_a_part():
  for points in (POINTS, PLACES):
    change = edits.transfer(points, points[3])
    for row in edits.edited(points, change, 1, True):
      np.testing.assert_allclose(row, points[3], atol=1e-6)
    some = edits.edited(points, edits.transfer(points, points[3], [1, 6]), 1, True)
    others = [0, 2, 3, 4, 5]
    np.testing.assert_array_equal(some[..., others], points[..., others])
    np.testing.assert_allclose(some[0][..., 1], points[3][..., 1], atol=1e-6)
    assert not edits.touched(points, some)[:, others].any()


def test_latents_are_set_and_added_to_at_all_places():
  change = edits.of_sets(PLACES, [Set(2, 5.0, False), Set(4, -0.5, True)])
  moved = edits.edited(PLACES, change, 1, True)
  np.testing.assert_allclose(moved[..., 2], 5, rtol=1e-6)
  np.testing.assert_allclose(moved[..., 4], np.maximum(PLACES[..., 4] - 0.5, 0))
  half = edits.edited(PLACES, change, 0.5, True)
  np.testing.assert_allclose(half[..., 2], (PLACES[..., 2] + 5) / 2, rtol=1e-6)
  touched = edits.touched(PLACES, moved)
  assert touched[:, 2].all() and not touched[:, [0, 1, 3, 5, 6]].any()


def test_the_strongest_latents_are_those_that_have_an_effect():
  point = np.array([[0.0, 2.0, 1.0, 0.0]], np.float32)
  change = np.array([[-9.0, -1.5, 0.5, 1.0]], np.float32)
  effect = edits.edited(point, change, 1, True) - point  # 0, -1.5, 0.5, 1
  np.testing.assert_array_equal(
    edits.strongest(change, effect, 2), [[0.0, -1.5, 0.0, 1.0]]
  )


@pytest.mark.parametrize("largest", [2048, 1])
def test_principal_directions_are_those_of_the_covariance(monkeypatch, largest):
  monkeypatch.setattr(edits, "LARGEST_COVARIANCE", largest)
  found = edits.principal(PLACES, 3)
  variances, vectors = np.linalg.eigh(np.cov(PLACES.reshape(6, -1).T))
  np.testing.assert_allclose(found.deviations**2, variances[:-4:-1], rtol=1e-4)
  cosines = np.sum(found.directions.reshape(3, -1) * vectors.T[:-4:-1], axis=1)
  np.testing.assert_allclose(np.abs(cosines), 1, rtol=1e-4)
  assert (
    np.abs(found.directions).reshape(3, -1).max(axis=1)
    == found.directions.reshape(3, -1).max(axis=1)
  ).all()
  step = edits.along(found, 1, PLACES)
  assert step.shape == PLACES.shape
  np.testing.assert_allclose(np.linalg.norm(step[0]), found.deviations[1], rtol=1e-5)


def test_no_more_directions_are_found_than_there_are_points():
  assert edits.principal(PLACES[:3], 10).directions.shape == (3, *PLACES.shape[1:])


def test_success_is_set_against_change():
  assert editing.change_at([0.1, 0.6, 1.0], [0.0, 0.2, 0.5], 0.8) == pytest.approx(0.35)
  assert editing.change_at([0.9], [0.0], 0.8) == 0
  assert editing.change_at([0.1, 0.7], [0.0, 0.2], 0.8) is None
  black, white = (np.full((2, 2, 2, 1), value, np.uint8) for value in (0, 255))
  assert editing.pixel_change(black, white).tolist() == [4, 4]
  before, after = np.array([[3.0, 4.0]]), np.array([[3.0, 9.0]])
  assert feature_distances(after, before).tolist() == [1]
  touched = np.array([[True, False], [False, False]])
  edits = np.array([8, 3]), np.array([8, 8]), np.array([1.0, 2.0]), np.ones(2), touched
  found = editing.edit_measures(np.arange(2), *edits)
  values = {name: figure.value for name, figure in found.items()}
  assert values == {
    "success": 0.5,
    "pixel_change": 1.5,
    "feature_change": 1,
    "touched": 0.25,
  }
  # edits of one sample count once, however many they are
  thrice = [np.repeat(each, 3, axis=0) for each in (np.arange(2), *edits)]
  assert editing.edit_measures(thrice[0], *thrice[1:]) == found


def test_purity_is_of_the_images_that_activate_a_latent_most():
  codes = np.array([[3.0, 0, 1], [2, 0, 1], [1, 0, 0], [4, 0, 5]])
  top = editing.top_images(codes, 3)
  assert top.tolist() == [[3, 0, 1], [-1, -1, -1], [3, 0, 1]]
  histograms = editing.class_histograms(top, np.array([0, 1, 1, 1]), 2)
  assert histograms.tolist() == [[1, 2], [0, 0], [1, 2]]
  assert editing.purity(histograms).value == pytest.approx(2 / 3)
  with pytest.raises(ValueError, match="no latent"):
    editing.purity(histograms, least=4)


def test_edits_are_read_from_text():
  assert parse_sets("3=+2, 4=-1,0=0.5", 5) == [
    Set(3, 2, True),
    Set(4, -1, True),
    Set(0, 0.5, False),
  ]
  assert parse_towards("8") == ("8", 0) and parse_towards("Bag:20") == ("Bag", 20)
  assert parse_towards("a:b", ["a:b"]) == ("a:b", 0)
  assert parse_transfer("3", 4, 9) == (3, None)
  assert parse_transfer("0:2,4-5", 1, 9) == (0, [2, 4, 5])
  assert parse_direction("pca:3", 9) == 3
  assert parse_strengths("-1,0,2.5") == [-1, 0, 2.5]


@pytest.mark.parametrize(
  ("call", "message"),
  [
    (lambda: parse_sets("3=x", 5), "--set='3=x' cannot be read at '3=x'"),
    (lambda: parse_sets("5=1", 5), "names latent 5, but there are 5"),
    (lambda: parse_sets("1=1,1=2", 5), "names a latent twice"),
    (lambda: parse_sets("1=nan", 5), "cannot be read"),
    (lambda: parse_sets("1=1e39", 5), "below 1e+06"),
    (lambda: parse_strengths("0,1e39"), "below 1e+06"),
    (lambda: parse_towards("8:0"), "--towards='8:0' cannot be read at '0'"),
    (lambda: parse_transfer("4", 4, 9), "give the row of one, from 0 to 3"),
    (lambda: parse_transfer("0:x", 4, 9), "--transfer='x' cannot be read"),
    (lambda: parse_transfer("0:9", 4, 9), "names latent 9, but there are 9"),
    (lambda: parse_direction("sefa:1", 4), "give pca:0 to pca:3"),
    (lambda: parse_direction("pca:4", 4), "give pca:0 to pca:3"),
    (lambda: parse_strengths("1,,2"), "--strengths='1,,2' cannot be read"),
    (
      lambda: check(EditChoice()),
      "but was given none: give one",
    ),
    (
      lambda: check(EditChoice(set="1=1", towards="8")),
      "was given --set and --towards: give one",
    ),
    (lambda: check(EditChoice(towards="8", images="a", indices="1")), "give one"),
    (lambda: check(EditChoice(towards="8", iterations=-1)), "--iterations=-1"),
    (lambda: check(EditChoice(towards="8", num_samples=-1)), "--num_samples=-1"),
    (lambda: check(EditChoice(towards="8", iterations=9)), "samples have their points"),
    (lambda: check_inversion(InvertChoice("a", seed=-5)), "--seed=-5"),
    (lambda: check_inversion(InvertChoice("a", iterations=-1)), "--iterations=-1"),
  ],
)
def test_what_cannot_be_done_is_refused(call, message):
  with pytest.raises(UserError) as error:
    call()
  assert message in str(error.value) and "\n" not in str(error.value)
