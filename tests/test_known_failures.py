"""Measures distinguish known failures of generation, simulated with real MNIST."""

import os

import numpy as np
import pytest

from sgae.data import digits, sources, stacked
from sgae.data.dataset import Split
from sgae.devices.mesh import local_mesh
from sgae.evaluation import feature_extractor
from sgae.evaluation.measures import suite
from sgae.evaluation.measures.reference import EvaluationData
from tests.systems import all_sections

COUNT = 2000


@pytest.fixture(scope="module")
def mnist():
  """The data of 2,000 test images, and the images of two disjoint draws."""
  if not os.path.isdir(os.path.join(os.environ.get("TFDS_DATA_DIR", ""), "mnist")):
    pytest.skip("TFDS_DATA_DIR holds no mnist")
  config = all_sections()
  config.data.update(source="tfds", name="mnist")
  whole = sources.load(config.data, print)
  order = np.random.default_rng(0).permutation(len(whole.train.images))
  first, second, train = order[:COUNT], order[COUNT : 2 * COUNT], order[-2 * COUNT :]
  data = EvaluationData(
    whole._replace(
      train=Split(whole.train.images[train], whole.train.labels[train]),
      test=Split(whole.test.images[:COUNT], whole.test.labels[:COUNT]),
    ),
    feature_extractor.read(feature_extractor.SHIPPED / "mnist.json"),
  )
  images, labels = whole.train
  return data, *(Split(images[i], labels[i]) for i in (first, second))


@pytest.fixture(scope="module")
def floor(mnist):
  return figures(mnist[0], mnist[1].images)


# The kernel distance takes as long as all others, and agrees with the Frechet distance.
NAMES = [name for name in suite.MEASURES if name != "kernel"]


def figures(data, images):
  extract_features = data.extract_features(local_mesh())
  measured = suite.measure(extract_features(images), data.reference, NAMES)
  return {name: figure.value for name, figure in measured.items()}


def test_real_images_score_the_floor(mnist, floor):
  data, _, second = mnist
  other = figures(data, second.images)
  for name, least, most in (
    ("frechet", 0, 8),
    ("precision", 0.8, 1),
    ("recall", 0.8, 1),
    ("coverage", 0.9, 1),
    ("classifier_score", 9.5, 10),
    ("class_kl", 0, 0.02),
    ("classes_covered", 10, 10),
    ("copies", 0, 0.03),
    ("neighbour_ratio", 0.95, 1.05),
  ):
    assert least <= floor[name] <= most, (name, floor[name])
    assert least <= other[name] <= most, (name, other[name])
    assert other[name] == pytest.approx(floor[name], rel=0.15, abs=0.25)


def test_a_constant_image_has_no_recall_and_one_class(mnist, floor):
  data, real, _ = mnist
  constant = figures(data, np.repeat(real.images[:1], COUNT, axis=0))
  assert constant["frechet"] > 20 * floor["frechet"]
  assert constant["recall"] < 0.01 < 0.8 < floor["recall"]
  assert constant["classes_covered"] == 1
  assert constant["classifier_score"] == pytest.approx(1, abs=1e-3)


def test_noise_covers_nothing(mnist, floor):
  data, real, _ = mnist
  noise = np.random.default_rng(1).integers(0, 256, real.images.shape, dtype=np.uint8)
  noise = figures(data, noise)
  assert noise["frechet"] > 20 * floor["frechet"]
  # not precision: a few outliers among real images have balls that reach far
  assert noise["coverage"] < 0.05 < 0.9 < floor["coverage"]
  assert noise["density"] < 0.2 < 0.8 < floor["density"]
  assert noise["neighbour_ratio"] > 1.5


def test_a_single_class_is_precise_and_covers_a_tenth(mnist, floor):
  data, real, second = mnist
  one_class = np.concatenate(
    [split.images[split.labels == 3] for split in (real, second)]
  )
  of_one = figures(data, one_class)
  assert of_one["precision"] > 0.8
  assert of_one["coverage"] < 0.2
  assert of_one["classes_covered"] <= 3
  assert of_one["class_kl"] > 2  # ln 10 is 2.3
  assert of_one["frechet"] > 10 * floor["frechet"]


def test_memorised_images_are_copies(mnist, floor):
  data, _, _ = mnist
  train_images = data.dataset.train.images[:100]
  copies = figures(data, np.tile(train_images, (COUNT // 100, 1, 1, 1)))
  assert copies["copies"] == 1
  assert copies["neighbour_ratio"] == 0
  assert floor["copies"] < 0.03
  # only the figures of memorisation distinguish them from good samples
  assert copies["precision"] > 0.8
  assert copies["classes_covered"] == 10
  assert copies["recall"] < 0.5


def test_features_of_stacked_digits_are_extracted_digit_by_digit(mnist):
  extractor, real = mnist[0].extractor, mnist[1]
  dataset = stacked.stack(mnist[0].dataset._replace(train=real), 3, 500)
  test = Split(dataset.test.images[:500], dataset.test.labels[:500])
  data = EvaluationData(dataset._replace(test=test), extractor)
  seen = data.reference.test
  assert seen.probabilities is not None
  assert seen.features is not None
  assert seen.probabilities.shape == (500, 3, 10)
  assert seen.features.shape == (500, 3 * 128)
  modes = seen.probabilities.argmax(axis=2) @ [100, 10, 1]
  assert (modes == test.labels).mean() > 0.97
  # each digit has the features that it has alone
  extract_features = EvaluationData(dataset, extractor).extract_features(local_mesh())
  alone = extract_features(test.images[..., [1]]).features
  assert alone is not None
  np.testing.assert_array_equal(seen.features[:, 128:256], alone)
  measured = suite.measure(
    extract_features(dataset.train.images), data.reference, ["modes"]
  )
  assert 350 < measured["modes_covered"].value < 450  # 394 expected of 1,000


def test_without_a_feature_extractor_only_images_are_compared():
  dataset = digits.load(None, print)
  data = EvaluationData(dataset, None)
  assert data.reference.test.features is None
  assert figures(data, dataset.train.images).keys() == {"copies", "neighbour_ratio"}
