"""Each failure of a generator shows in its own figures.

Ten classes of round Gaussians stand for images and for their features.
"""

import numpy as np
import pytest

from sgae.evaluation.measures.classes import class_figures
from sgae.evaluation.measures.frechet import fit_gaussian, frechet
from sgae.evaluation.measures.kernel import kernel_distance
from sgae.evaluation.measures.manifold import manifold_figures
from sgae.evaluation.measures.memorisation import memorisation_figures, nearest

COUNT, DIMENSIONS = 1500, 8
CENTRES = 5 * np.random.default_rng(0).standard_normal((10, DIMENSIONS))


def draw(seed, classes=10):
  random = np.random.default_rng(seed)
  labels = random.integers(classes, size=COUNT)
  return CENTRES[labels] + random.standard_normal((COUNT, DIMENSIONS))


TRAIN, TEST = draw(1), draw(2)


def probabilities(features):
  logits = -np.square(features[:, None] - CENTRES).sum(axis=2) / 2
  exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
  return exponentials / exponentials.sum(axis=1, keepdims=True)


def measure(generated):
  near, unseen = (nearest(features, TRAIN)[0] for features in (generated, TEST))
  figures = {
    "frechet": frechet(generated, fit_gaussian(TEST)),
    "kernel": kernel_distance(generated, TEST, subsets=20, subset_size=500),
    **manifold_figures(generated, TEST),
    **class_figures(probabilities(generated), probabilities(TEST)),
    **memorisation_figures(near, unseen),
  }
  assert all(np.isfinite(np.array(figure)).all() for figure in figures.values())
  return {name: figure.value for name, figure in figures.items()}


@pytest.fixture(scope="module")
def real():
  return measure(draw(3))


def test_real_examples(real):
  repeat = frechet(draw(4), fit_gaussian(TEST)).value
  assert real["frechet"] < 3 * repeat < 0.02 * TEST.var(axis=0).sum()
  kernel_error = np.array(kernel_distance(draw(4), TEST))[1]
  assert abs(real["kernel"]) < 4 * kernel_error
  for name in ("precision", "recall", "density", "coverage"):
    assert 0.8 < real[name] < 1.1
  assert real["neighbour_ratio"] == pytest.approx(1, abs=0.05)
  assert real["copies"] < 0.03
  assert real["classifier_score"] > 9.5
  assert real["class_kl"] < 0.02
  assert real["classes_covered"] == 10


def test_constant_features(real):
  constant = measure(np.tile(TEST[0], (COUNT, 1)))
  assert constant["frechet"] > 50 * real["frechet"]
  assert constant["precision"] == 1
  assert constant["recall"] < 0.01
  assert constant["coverage"] < 0.01
  assert constant["classifier_score"] == pytest.approx(1)
  assert constant["classes_covered"] == 1


def test_one_class(real):
  one = measure(draw(5, classes=1))
  assert one["frechet"] > 50 * real["frechet"]
  assert one["precision"] > 0.75
  assert one["recall"] < 0.2
  assert one["coverage"] < 0.2
  assert one["classes_covered"] < 3
  assert one["class_kl"] == pytest.approx(np.log(10), rel=0.1)
  assert one["classifier_score"] < 1.1
  # The images of this class are new, not copies.
  assert one["neighbour_ratio"] == pytest.approx(1, abs=0.05)
  assert one["copies"] < 0.03


def test_memorised_examples(real):
  memorised = measure(np.resize(TRAIN[:100], TRAIN.shape))
  assert memorised["neighbour_ratio"] == 0
  assert memorised["copies"] == 1
  assert memorised["precision"] > 0.75
  # There is no distance between copies, so their manifold is a hundred points.
  assert memorised["recall"] == 0
  assert memorised["coverage"] < 0.4
  assert memorised["classes_covered"] == 10
  assert memorised["frechet"] > 3 * real["frechet"]


def test_all_of_the_training_examples(real):
  copied = measure(TRAIN)
  # Compared with test examples nothing shows it: copies are like a second draw.
  assert copied["frechet"] < 3 * real["frechet"]
  for name in ("precision", "recall", "density", "coverage"):
    assert copied[name] == pytest.approx(real[name], abs=0.1)
  assert copied["neighbour_ratio"] == 0
  assert copied["copies"] == 1


def test_noise_with_the_moments_of_the_data(real):
  reference = fit_gaussian(TEST)
  random = np.random.default_rng(6)
  noise = measure(
    random.multivariate_normal(reference.mean_d, reference.covariance_dd, COUNT)
  )
  # The Frechet distance compares two moments and misses it, the kernel compares three.
  assert noise["frechet"] < 3 * real["frechet"]
  assert noise["kernel"] > 10 * abs(real["kernel"])
  assert noise["precision"] < 0.2
  assert noise["density"] < 0.2
  assert noise["coverage"] < 0.2
  assert noise["neighbour_ratio"] > 2
