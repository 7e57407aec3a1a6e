"""Measures of samples whose class was chosen, and which samples a choice names."""

from typing import Any

import numpy as np
import pytest

from sgae.data.dataset import Dataset, Split, labelled
from sgae.data.stacked import StackedImages, StackedLabels
from sgae.errors import UserError
from sgae.evaluation import conditional
from sgae.evaluation.choice import Choice, check, numbers_of_classes
from sgae.evaluation.measures import suite
from sgae.evaluation.measures.conditional import class_accuracy, class_frechet
from sgae.evaluation.measures.reference import EvaluationData
from sgae.evaluation.measures.suite import Extracted, Reference
from sgae.methods.gan.conditional import check_labels
from sgae.methods.sampling import COLUMNS, grid_cells, numbers_like
from tests.systems import all_sections

NAMES = ("T-shirt/top", "Box2", "Bag")


def examples(seed, count=600):
  """Returns three classes that lie 10 apart, and their labels."""
  random = np.random.default_rng(seed)
  labels = np.arange(count) % 3
  return random.normal(size=(count, 4)) + 10 * labels[:, None], labels


def test_distances_within_classes_see_classes_that_are_mixed_up():
  real, labels = examples(0)
  samples, asked = examples(1)
  found = class_frechet(samples, asked, real, labels)
  assert found["class_frechet"].value < found["class_frechet_worst"].value < 0.5
  # two classes swapped: 10 in each of 4 coordinates, squared, for two of three
  swapped = np.array([1, 0, 2])[asked]
  found = class_frechet(samples, swapped, real, labels)
  np.testing.assert_allclose(found["class_frechet_worst"].value, 400, rtol=0.1)
  np.testing.assert_allclose(found["class_frechet"].value, 800 / 3, rtol=0.1)
  one_of_each = class_frechet(samples[:3], asked[:3], real, labels)
  assert one_of_each == {}


def test_accuracy_is_of_the_class_asked_for():
  probabilities = np.eye(4)[[0, 1, 2, 2]]
  found = class_accuracy(probabilities, np.array([0, 1, 2, 3]))["class_accuracy"]
  assert found.value == 0.75
  # an example whose class is not known is no wrong one
  found = class_accuracy(probabilities, np.array([0, 1, -1, -1]))["class_accuracy"]
  assert found.value == 1
  assert class_accuracy(probabilities, np.full(4, -1)) == {}


def test_samples_have_them_where_a_class_was_asked_for():
  real, labels = examples(0)
  images = np.zeros((len(labels), 1, 1, 1), np.uint8)
  test = Extracted(images, real, np.eye(3)[labels], labels)
  reference, names = Reference(test, images), ("frechet", "classes")
  asked = suite.measure(test, reference, names)
  assert asked["class_accuracy"].value == 1
  unasked = suite.measure(test._replace(labels=None), reference, names)
  assert asked.keys() - unasked.keys() == {
    "class_accuracy",
    "class_frechet",
    "class_frechet_worst",
  }


@pytest.mark.parametrize(
  ("text", "numbers"),
  [
    ("2x3", [2, 5, 8]),
    ("Box2x2", [1, 4]),
    ("T-shirt/topx1,Bagx2", [0, 2, 5]),
    ("T-shirt/top-Bagx1", [0, 1, 2]),
    ("1-2x2", [1, 4, 2, 5]),
    ("Box2", [1 + 3 * j for j in range(10)]),
    ("Box2-Bagx1", [1, 2]),
  ],
)
def test_classes_are_named_by_names_and_numbers(text, numbers):
  assert numbers_of_classes(text, NAMES).tolist() == numbers


@pytest.mark.parametrize("text", ["3", "Shoe", "0x0", "2-1", "0,0x2", "", "0x99999999"])
def test_classes_that_there_are_not_are_refused_in_one_line(text):
  with pytest.raises(UserError, match="^--classes=.*$"):
    numbers_of_classes(text, NAMES)


def test_names_that_are_all_numbers_are_names_alone():
  names = [str(number) for number in range(1, 27)]
  assert numbers_of_classes("7x2,26x1", names).tolist() == [6, 32, 25]
  for wrong in ("0", "0-9", "27"):
    with pytest.raises(UserError, match="cannot be read"):
      numbers_of_classes(wrong, names)


def test_a_choice_of_classes_excludes_other_choices():
  check(Choice(classes="7", seed=3), 0)
  chosen = Choice(classes="7")
  for other, count in (
    (chosen._replace(indices="1"), 0),
    (chosen._replace(latents="a.npz"), 0),
    (chosen, 5),
  ):
    with pytest.raises(UserError, match="--classes=7 says which"):
      check(other, count)


def test_a_grid_has_a_row_for_each_class():
  for classes, shown in ((3, 3), (10, 10), (1000, 10)):
    rows = grid_cells(classes).reshape(shown, COLUMNS)
    assert (rows % classes == np.arange(shown)[:, None]).all()
    assert len(np.unique(rows)) == shown * COLUMNS
  assert grid_cells(0).tolist() == list(range(40))


def test_samples_have_the_shares_of_labels_from_the_first_on():
  labels = np.repeat([0, 2, 3], [600, 100, 300])
  numbers = numbers_like(labels, 500, 4)
  assert len(np.unique(numbers)) == 500
  assert np.bincount(numbers % 4).tolist() == [300, 0, 50, 150]
  assert np.bincount(numbers[:50] % 4).tolist() == [30, 0, 5, 15]
  # of each class the first that are drawn
  assert set(numbers[numbers % 4 == 2] // 4) == set(range(50))
  # equal shares: sample after sample
  assert numbers_like(np.arange(30) % 10, 60, 10).tolist() == list(range(60))


class ByDigit:
  """Features of one digit, and probabilities of ten classes that it may be."""

  task = "labels"

  def __init__(self):
    self.about = {"image_shape": (4, 4, 1)}

  def extract_features(self, mesh):
    del mesh

    def extract(images):
      flat = images.reshape(len(images), -1) / 255
      return flat[:, :2], np.eye(10)[np.arange(len(images)) % 10]

    return extract


def test_real_images_of_several_digits_are_not_named_as_one():
  images = np.random.default_rng(0).integers(0, 256, (60, 4, 4, 2), dtype=np.uint8)
  stacked = Split(images, np.arange(60, dtype=np.int32))
  one = Split(images[..., :1], np.arange(60, dtype=np.int32) % 10)
  for split, classes, named in ((stacked, 100, False), (one, 10, True)):
    data = EvaluationData(Dataset("tiny", split, split, classes), ByDigit())
    assert ("class_accuracy" in conditional._floor(data, 40)) == named


def test_endless_stacks_have_all_their_labels():
  images: Any = StackedImages(np.zeros((4, 2, 2), np.uint8), 2)
  labels: Any = StackedLabels(np.arange(4, dtype=np.int32), 2, 4)
  split = Split(images, labels)
  assert labelled(split) is split
  config = all_sections()
  config.gan.conditional.classes = 16
  check_labels(config, Dataset("tiny", split, split, 16))
