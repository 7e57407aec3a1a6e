"""The floor and the controls: measured once, cached, and fitted as documented."""

import copy
import io

import jax
import numpy as np
import pytest

from sgae.config import validate
from sgae.data import digits
from sgae.data.dataset import Dataset, Split
from sgae.evaluation import baselines, feature_extractor
from sgae.evaluation.measures.reference import EvaluationData
from sgae.methods.sparse_autoencoder.controls import CONTROLS, MODELS
from sgae.networks.classifier import make_classifier
from sgae.reporting.console import Console
from tests.systems import all_sections

COUNT = 200


def digits_data(seed=0):
  """Extracts the random features of an untrained network."""
  shape = (8, 8, 1)
  params = make_classifier(shape, (4, 4, 4), 8, 10).init(jax.random.key(seed))
  fields = {"channels": (4, 4, 4), "num_features": 8, "num_classes": 10}
  about = {"classifier": fields, "image_shape": shape, "sha256": str(seed)}
  return EvaluationData(
    digits.load(None, print), feature_extractor.FeatureExtractor(about, params)
  )


def test_a_large_test_split_stored_by_class_is_drawn_from():
  labels = np.repeat(np.arange(10), 2000)
  images = (labels % 10).astype(np.uint8).reshape(-1, 1, 1, 1)
  dataset = digits.load(None, print)
  drawn = EvaluationData(dataset._replace(test=Split(images, labels)), None).test
  assert np.bincount(drawn.labels).min() > 900 and len(drawn.labels) == 10_000
  assert np.bincount(drawn.labels[:1000]).min() > 60  # so that a part has all as well
  assert (drawn.images.ravel() == drawn.labels).all()


@pytest.fixture
def quick(monkeypatch):
  """The real controls with shorter training and narrower networks."""
  quick = copy.deepcopy(MODELS)
  for fields in quick.values():
    fields["sae"] |= {"steps": 50, "log_every": 50}
  quick["AE"]["sae"] |= {"encoder_hidden": (32,), "decoder_hidden": (32,)}
  for kind, fields in quick.items():
    monkeypatch.setitem(MODELS, kind, fields)


def obtain(data, cache, count=COUNT, controls=True, config=None):
  config = config or all_sections()
  output = io.StringIO()
  obtained = baselines.obtain(
    validate(config), data, count, cache, Console(output), controls=controls
  )
  return obtained, output.getvalue()


def test_figures_are_measured_once_and_cached(quick, tmp_path):
  data = digits_data()
  first, output = obtain(data, tmp_path, controls=False)
  assert not output
  assert first.controls == {}
  assert "copies" not in first.floor  # a training image is a copy of itself
  assert first.floor["classes_covered"].value >= 1

  second, output = obtain(data, tmp_path)
  assert output.count("Training the") == 2
  assert second.floor == first.floor
  assert second.controls.keys() == CONTROLS.fits.keys()
  for figures in second.controls.values():
    assert {"frechet", "recall", "copies"} <= figures.keys()
    assert all(np.isfinite(figure.value) for figure in figures.values())
  assert len({figures["frechet"] for figures in second.controls.values()}) == 3

  for controls in (True, False):
    known, output = obtain(digits_data(), tmp_path, controls=controls)
    assert not output
    assert known == second
  assert len(list(tmp_path.rglob("*.json"))) == 1

  # another number of samples, another network
  other, _ = obtain(data, tmp_path, count=COUNT + 1, controls=False)
  assert other.floor != first.floor
  assert other.controls == {}
  other, _ = obtain(digits_data(seed=1), tmp_path, controls=False)
  assert other.floor != first.floor
  assert len(list(tmp_path.rglob("*.json"))) == 3


def test_controls_depend_on_the_data_and_not_on_the_run(quick, tmp_path, monkeypatch):
  monkeypatch.delitem(MODELS, "SAE")
  other = all_sections()
  other.code.update(num_latents=4, k=8)
  other.sae.update(
    architecture="convolutional",
    encoder_hidden=(8,),
    decoder_hidden=(8,),
    activation="relu",
    output="linear",
    tied_start=False,
    auxiliary_weight=0.0,
    batch_size=32,
  )
  other.gan.generator_architecture = "dcgan"
  usual, _ = obtain(digits_data(), tmp_path / "usual")
  obtained, _ = obtain(digits_data(), tmp_path / "other", config=other)
  assert obtained == usual


def test_controls_that_need_more_images_are_left_out(quick, tmp_path, monkeypatch):
  monkeypatch.delitem(MODELS, "SAE")
  data = digits_data()
  few = Split(data.dataset.train.images[:60], data.dataset.train.labels[:60])
  data = EvaluationData(data.dataset._replace(train=few), data.extractor)
  obtained, _ = obtain(data, tmp_path, count=50)
  assert obtained.controls.keys() == {"AE + mixture of 10"}


def groups(number, each, latents):
  """Codes around distant centres, each with its own covariance."""
  random = np.random.default_rng(0)
  centres = 20 * random.normal(size=(number, latents))
  roots = random.normal(size=(number, latents, latents))
  return np.concatenate(
    [
      centre + random.normal(size=(each, latents)) @ root
      for centre, root in zip(centres, roots, strict=True)
    ]
  )


@pytest.mark.parametrize("gaussians", baselines.GAUSSIANS)
def test_drawn_codes_have_the_moments_of_the_fitted_codes(gaussians):
  codes = groups(4, 500, 6)
  drawn = baselines.GAUSSIANS[gaussians](codes, 4, 20_000)
  assert drawn.shape == (20_000, 6)
  spread = np.abs(np.cov(codes.T)).max()
  np.testing.assert_allclose(drawn.mean(axis=0), codes.mean(axis=0), atol=0.5)
  np.testing.assert_allclose(np.cov(drawn.T), np.cov(codes.T), atol=0.03 * spread)
  # within a group as well, where one Gaussian for all would be far off
  for group in codes.reshape(4, 500, 6):
    centre = group.mean(axis=0)
    near = drawn[np.linalg.norm(drawn - centre, axis=1) < 15]
    assert 0.2 < len(near) / len(drawn) < 0.3
    np.testing.assert_allclose(near.mean(axis=0), centre, atol=0.3)
    largest = np.abs(np.cov(group.T)).max()
    np.testing.assert_allclose(np.cov(near.T), np.cov(group.T), atol=0.15 * largest)


def test_clusters_accept_equal_codes_and_few_codes():
  equal_codes = np.ones((300, 5))
  drawn = baselines.GAUSSIANS["clusters"](equal_codes, 100, 40)
  np.testing.assert_array_equal(drawn, np.ones((40, 5)))
  single = np.arange(20.0).reshape(10, 2) ** 2  # a cluster to each code
  drawn = baselines.GAUSSIANS["clusters"](single, 10, 40)
  assert all((row == single).all(axis=1).any() for row in drawn)


def test_data_stored_by_class_are_measured_in_another_order():
  images = np.arange(40, dtype=np.uint8).reshape(40, 1, 1, 1)
  mixed = Split(images, np.arange(40, dtype=np.int32) % 4)
  sorted_ = Split(images, np.arange(40, dtype=np.int32) // 10)
  for split in (mixed, sorted_):
    test = EvaluationData(Dataset("tiny", split, split, 4), None).test
    assert len(set(test.labels[:10])) == 4
    np.testing.assert_array_equal(np.sort(test.images.ravel()), images.ravel())
    np.testing.assert_array_equal(split.labels[test.images.ravel()], test.labels)
  assert EvaluationData(Dataset("tiny", mixed, mixed, 4), None).test is mixed
