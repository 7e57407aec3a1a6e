"""Feature extractors: the shipped ones on real data, and those trained on first use."""

import hashlib
import io
import json
import os
import shutil

import jax
import numpy as np
import pytest

from sgae.config import validate
from sgae.data import digits, sources
from sgae.data.cache import cache_root
from sgae.data.dataset import Dataset, Split
from sgae.devices.backend import enable_compilation_cache
from sgae.devices.mesh import local_mesh
from sgae.errors import UserError
from sgae.evaluation import feature_extractor
from sgae.evaluation.measures import suite
from sgae.evaluation.measures.reference import EvaluationData
from sgae.methods.generation import sample_protocol
from sgae.pretrained.__main__ import main, ship
from sgae.reporting.console import Console
from sgae.training import run
from tests.systems import all_sections

LEAST_ACCURACY = {"mnist": 0.992, "fashion_mnist": 0.91}
SHIPPED = sorted(feature_extractor.SHIPPED.glob("*.json"))


@pytest.fixture(scope="module", autouse=True)
def compiled_once():
  """As in a run: programs that several tests need are compiled by one of them."""
  enable_compilation_cache(cache_root("") / "jax")


def config_of(**data):
  config = all_sections()
  config.data.update(data)
  # the least that has every part of training in it
  config.classifier.update(
    channels=(8, 16, 16), num_features=32, steps=100, batch_size=64, shift=0
  )
  config.classifier.optimizer.learning_rate = 5e-3
  config.classifier.update(evaluate_every=100, save_every=100)
  return config


def obtain(config, dataset, cache):
  output = io.StringIO()
  network = feature_extractor.obtain(validate(config), dataset, cache, Console(output))
  return network, output.getvalue()


@pytest.mark.parametrize(
  "name", ["mnist", pytest.param("fashion_mnist", marks=pytest.mark.soak)]
)
def test_a_shipped_extractor_is_found_by_its_data_and_has_its_accuracy(name, tmp_path):
  if not os.path.isdir(os.path.join(os.environ.get("TFDS_DATA_DIR", ""), name)):
    pytest.skip(f"TFDS_DATA_DIR holds no {name}")
  config = config_of(source="tfds", name=name)
  dataset = sources.load(config.data, print)
  network, output = obtain(config, dataset, tmp_path)
  assert network is not None
  assert network.about["name"] == name
  assert not output
  assert not list(tmp_path.iterdir())
  accuracy = feature_extractor.accuracy(network, dataset)
  assert accuracy >= LEAST_ACCURACY[name]
  assert abs(accuracy - network.about["accuracy"]) < 5e-4
  extract_features = network.extract_features(local_mesh())
  features, probabilities = extract_features(
    dataset.test.images[:700]
  )  # more than one batch
  assert features.shape == (700, network.about["classifier"]["num_features"])
  assert features.min() == 0
  np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_shipped_files_are_small_and_whole():
  assert {path.stem for path in SHIPPED} == set(LEAST_ACCURACY)
  for path in SHIPPED:
    arrays = path.with_suffix(".npz").read_bytes()
    assert len(arrays) <= 500_000
    about = json.loads(path.read_bytes())
    assert hashlib.sha256(arrays).hexdigest() == about["sha256"]
    for leaf in jax.tree.leaves(feature_extractor.read(path).params):
      assert leaf.dtype == np.float32
      np.testing.assert_array_equal(leaf, leaf.astype(np.float16))


@pytest.mark.parametrize("place", [100, 200_000, -1])
def test_an_altered_byte_is_refused_in_one_line(place, tmp_path):
  for suffix in (".json", ".npz"):
    shutil.copy(SHIPPED[0].with_suffix(suffix), tmp_path)
  arrays = bytearray((tmp_path / SHIPPED[0].stem).with_suffix(".npz").read_bytes())
  arrays[place] ^= 1
  (tmp_path / SHIPPED[0].stem).with_suffix(".npz").write_bytes(arrays)
  with pytest.raises(UserError, match="damaged.*SHA-256.*delete it") as caught:
    feature_extractor.read(tmp_path / SHIPPED[0].name)
  assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"sha256": 1}', "\xff{"])
def test_a_damaged_description_is_refused_in_one_line(text, tmp_path):
  path = tmp_path / SHIPPED[0].name
  path.write_bytes(text.encode("latin-1"))
  shutil.copy(SHIPPED[0].with_suffix(".npz"), tmp_path)
  with pytest.raises(UserError, match="damaged.*delete it") as caught:
    feature_extractor.read(path)
  assert "\n" not in str(caught.value)


def test_missing_arrays_are_damage(tmp_path):
  shutil.copy(SHIPPED[0], tmp_path)
  with pytest.raises(UserError, match="damaged.*delete it"):
    feature_extractor.read(tmp_path / SHIPPED[0].name)


def noise(count, seed=0, classes=2):
  random = np.random.default_rng(seed)
  images = random.integers(0, 256, (count, 4, 4, 1), dtype=np.uint8)
  split = Split(images, random.integers(0, classes, count, dtype=np.int32))
  return Dataset("noise", split, Split(images[:5].copy(), split.labels[:5]), classes)


def test_other_data_have_another_digest():
  dataset = noise(60)
  digest = feature_extractor.digest_of(dataset)
  assert feature_extractor.digest_of(noise(60)._replace(name="another name")) == digest

  others = [dataset._replace(num_classes=3), dataset._replace(train=dataset.test)]
  for name in ("train", "test"):
    split = getattr(dataset, name)
    pixel, label = split.images.copy(), split.labels.copy()
    pixel[3, 1, 2, 0] ^= 1
    label[4] ^= 1
    others += [
      dataset._replace(**{name: Split(pixel, split.labels)}),
      dataset._replace(**{name: Split(split.images, label)}),
      dataset._replace(**{name: Split(split.images.reshape(-1, 2, 8, 1), *split[1:])}),
    ]
  digests = {feature_extractor.digest_of(other) for other in others}
  assert len(digests) == len(others)
  assert digest not in digests


def test_the_digest_of_a_large_data_set_covers_10_000_images():
  """One image more changes the digest, even if the digested images are the same."""
  dataset = noise(20_001)
  fewer = Split(dataset.train.images[:-1], dataset.train.labels[:-1])
  assert feature_extractor.digest_of(
    dataset._replace(train=fewer)
  ) != feature_extractor.digest_of(dataset)


def test_images_without_labels_are_compared_on_features_of_rotations(tmp_path):
  dataset = digits.load(None, print)
  config = config_of()
  unlabelled = dataset._replace(num_classes=1)
  network, output = obtain(config, unlabelled, tmp_path)
  assert network is not None
  assert network.task == "rotation"
  assert network.about["accuracy"] > 0.5  # of 4 rotations, after 100 steps
  assert feature_extractor.accuracy(network, unlabelled) == network.about["accuracy"]
  assert "which of four rotations" in output
  assert "Distances are of rotation features" in output

  data = EvaluationData(unlabelled, network)
  assert sample_protocol(data, 100)["features_task"] == "rotation"
  assert suite.allowed(data.reference) == [*suite.LEAST_EXAMPLES, "memorisation"]
  extract = data.extract_features(local_mesh())
  real, inverted = (
    suite.measure(extract(images), data.reference, ("frechet", "classes"))
    for images in (dataset.train.images[:500], 255 - dataset.train.images[:500])
  )
  assert real.keys() == {"frechet"}
  assert inverted["frechet"].value > 20 * real["frechet"].value

  # it is said again when nothing is trained; and chosen where there are labels
  _, output = obtain(config, unlabelled, tmp_path)
  assert output.count("\n") == 1
  assert "Distances are of rotation features" in output
  config.evaluation.features = "labels"
  with pytest.raises(UserError, match="evaluation.features='labels'.*'rotation'"):
    obtain(config, unlabelled, tmp_path)
  config.evaluation.features = "rotation"
  again, _ = obtain(config, unlabelled, tmp_path)
  assert again is not None
  assert again.about == network.about


def test_features_of_rotations_may_be_chosen_where_one_of_labels_is_shipped(
  tmp_path, monkeypatch
):
  dataset = noise(37)
  config = config_of()
  config.classifier.steps = 50
  config.evaluation.features = "rotation"
  trained, _ = obtain(config, dataset, tmp_path / "cache")
  assert trained is not None
  fields = trained.about["classifier"] | {"task": "labels"}
  feature_extractor.write(tmp_path / "any.json", fields, dataset, trained.params)
  monkeypatch.setattr(feature_extractor, "SHIPPED", tmp_path)
  for features, task in (("rotation", "rotation"), ("auto", "labels")):
    config.evaluation.features = features
    network, output = obtain(config, dataset, tmp_path / "cache")
    assert network is not None
    assert network.task == task
    assert "Training" not in output

  # images that are not square
  wide = [Split(split.images[:, :3], split.labels) for split in dataset[1:3]]
  network, output = obtain(
    config, Dataset("wide", wide[0], wide[1], 1), tmp_path / "empty"
  )
  assert network is not None
  assert network.task == "flips"
  assert "which of four flips" in output


def test_what_generates_no_images_has_no_extractor(tmp_path):
  points = config_of(source="mixture", name="ring")
  assert obtain(points, sources.load(points.data, print), tmp_path) == (None, "")
  alone = config_of()
  alone.phases = ("sae",)
  assert obtain(alone, noise(37), tmp_path) == (None, "")


def test_an_extractor_is_trained_once_and_does_not_depend_on_the_run(tmp_path):
  dataset = digits.load(None, print)
  first, output = obtain(config_of(), dataset, tmp_path)
  assert first is not None
  assert "Training a feature extractor on digits" in output
  assert first.about["accuracy"] > 0.5  # of 10 classes, after 100 steps

  other = config_of()
  other.seed = 7
  other.train.microbatches = 4
  other.sae.steps = 50
  again, output = obtain(other, dataset, tmp_path)
  assert again is not None
  assert not output
  assert again.about == first.about

  # trained again, by a run of another seed and other microbatches
  retrained, output = obtain(other, dataset, tmp_path / "empty")
  assert retrained is not None
  assert output
  assert retrained.about == first.about  # which holds the SHA-256 of the weights

  other.classifier.optimizer.learning_rate *= 2
  another, output = obtain(other, dataset, tmp_path)
  assert another is not None
  assert output
  assert another.about["sha256"] != first.about["sha256"]


def test_fewer_images_than_a_batch_are_enough(tmp_path):
  config = config_of()
  config.train.microbatches = 2  # which 37 images could not be divided into
  config.classifier.steps = 50
  network, _ = obtain(config, noise(37), tmp_path)
  assert network is not None
  assert network.about["image_shape"] == [4, 4, 1]


def test_a_run_ships_the_same_extractor_as_training_in_memory(tmp_path, monkeypatch):
  monkeypatch.setattr(feature_extractor, "SHIPPED", tmp_path / "weights")
  config, dataset = config_of(), digits.load(None, print)
  trained, _ = obtain(config, dataset, tmp_path / "cache")
  assert trained is not None
  config.phases = ("classifier",)
  run.train(validate(config), tmp_path / "run", Console(io.StringIO()))
  ship(tmp_path / "run", Console(io.StringIO()))

  config.phases = ("gan",)
  shipped, output = obtain(config, dataset, tmp_path / "empty")
  assert shipped is not None
  assert not output
  assert shipped.about == trained.about
  for a, b in zip(
    jax.tree.leaves(shipped.params), jax.tree.leaves(trained.params), strict=True
  ):
    np.testing.assert_array_equal(a, b)


def test_a_run_without_a_classifier_ships_nothing(tmp_path, capsys):
  assert main([str(tmp_path)]) == 2
  assert capsys.readouterr().err.count("\n") == 1
