"""A run's codes are probed, and it names the classes of new images, from its files."""

import base64
import csv
import io
import json
import signal

import numpy as np
import pytest
from PIL import Image
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer

from configs import base
from sgae.config import validate
from sgae.data import checks, npz
from sgae.data.dataset import UNLABELLED, labelled
from sgae.data.reading import describe_data
from sgae.errors import UserError
from sgae.evaluation import predict, probe
from sgae.evaluation.measures import probes
from sgae.methods import METHODS
from sgae.reporting.console import Console
from sgae.runs.load import load_run
from sgae.training import run
from sgae.training.calls import order_of
from tests.systems import small_config

NAMES = ("cat", "dog", "owl")


def pictures(labels):
  """Grey images 8x8 with noise and one bright quadrant, by class."""
  images = np.random.default_rng(len(labels)).integers(0, 99, (len(labels), 8, 8, 1))
  for image, label in zip(images, labels, strict=True):
    row, column = divmod(int(label), 2)
    image[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += 150
  return images.astype(np.uint8)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
  """A run of a classifier on three named classes, of which a part has no label."""
  place = tmp_path_factory.mktemp("named")
  classes = np.arange(120) % 3
  names = np.array(NAMES)[classes]
  names[::4] = "-1"
  np.savez(place / "pets.npz", images=pictures(classes), labels=names)
  config = base.get_config(("classifier",))
  config.data.update(source="npz", path=str(place / "pets.npz"))
  config.classifier.update(num_classes=3, channels=(4, 8, 8), num_features=16)
  config.classifier.update(steps=60, log_every=30, evaluate_every=60, save_every=60)
  config.classifier.update(batch_size=16, shift=0, dropout=0.0)
  config.classifier.optimizer.learning_rate = 1e-2
  said = io.StringIO()
  run.train(validate(config), place / "run", Console(said))
  return place / "run", config, said.getvalue()


def predicted(workdir, images, output):
  said = io.StringIO()
  predict.predict_run(workdir, {}, str(images), Console(said), output=output)
  with np.load(output / predict.ARRAYS) as arrays:
    return said.getvalue(), dict(arrays)


def test_new_images_get_classes_by_name(trained, tmp_path):
  workdir, _, _ = trained
  classes = np.array([2, 0, 1, 1])
  images = pictures(classes)
  folder = tmp_path / "new" / "deep"
  folder.mkdir(parents=True)
  (tmp_path / "new" / "notes.txt").write_text("no image")
  for number, image in enumerate(images):
    Image.fromarray(image[..., 0]).save(folder / f"{number}.png")
  np.savez(tmp_path / "new.npz", images=images)
  said, found = predicted(workdir, tmp_path / "new", tmp_path)
  assert found["class_names"].tolist() == list(NAMES)
  assert found["classes"].tolist() == classes.tolist()
  assert found["files"].tolist() == [f"deep/{number}.png" for number in range(4)]
  np.testing.assert_allclose(found["probabilities"].sum(axis=1), 1, atol=1e-5)
  assert "notes.txt" in said and "cat 1, dog 2, owl 1" in said
  rows = list(csv.DictReader((tmp_path / predict.TABLE).read_text().splitlines()))
  assert [row["class"] for row in rows] == ["owl", "cat", "dog", "dog"]
  assert float(rows[0]["p(owl)"]) == pytest.approx(found["probabilities"][0, 2], 1e-4)
  # the same pixels in an archive, called by their numbers
  _, other = predicted(workdir, tmp_path / "new.npz", tmp_path)
  np.testing.assert_array_equal(other["probabilities"], found["probabilities"])
  assert other["files"].tolist() == ["0", "1", "2", "3"]
  # and in Python
  logits = np.asarray(load_run(workdir).logits(images))
  assert logits.argmax(1).tolist() == classes.tolist()


@pytest.mark.parametrize(
  ("images", "words"),
  [
    (np.zeros((2, 9, 8, 1), np.uint8), "have 8x9 pixels with 1 channels, but the run"),
    (np.zeros((2, 8, 8, 3), np.uint8), "8x8 pixels with 3 channels, but"),
    (np.zeros((2, 8, 8, 1), np.float32), "is float32"),
  ],
)
def test_images_that_do_not_fit_are_refused(trained, tmp_path, images, words):
  np.savez(tmp_path / "new.npz", images=images)
  with pytest.raises(UserError, match=words) as refusal:
    predicted(trained[0], tmp_path / "new.npz", tmp_path)
  assert str(refusal.value).isprintable()


def test_places_without_images_and_runs_without_classes_are_refused(trained, tmp_path):
  damaged = tmp_path / "images"
  damaged.mkdir()
  for place, words in (
    ("", "--mode=predict needs images"),
    (str(tmp_path / "nothing"), "does not exist"),
    (str(damaged), "holds no images"),
  ):
    with pytest.raises(UserError, match=words):
      predict.predict_run(trained[0], {}, place, Console(io.StringIO()))
  (damaged / "a.png").write_bytes(b"no picture")
  with pytest.raises(UserError, match="a.png is not PNG"):
    predicted(trained[0], damaged, tmp_path)
  for config in (small_config(), small_config(classifier__task="rotation")):
    config.phases = (
      ("classifier",) if config.classifier.task == "rotation" else ("sae",)
    )
    with pytest.raises(UserError, match="names no classes"):
      predict._naming_phase(tmp_path, config, (4, 4, 1))


def test_codes_are_probed_beside_controls(trained, tmp_path, monkeypatch):
  monkeypatch.setattr(probe, "PER_CLASS", (1, 5, 10**6, 0))
  monkeypatch.setattr(probe, "DRAWS", 2)
  said = io.StringIO()
  probe.probe_run(trained[0], {}, Console(said), output=tmp_path)
  result = json.loads((tmp_path / probe.FILE_NAME).read_text())
  assert set(result["errors"]) == {"pixels", "PCA", "classifier features"}
  for by_probe in result["errors"].values():
    for rows in by_probe.values():
      assert [row["labels"] for row in rows] == [3, 15, 81]  # too many are left out
      assert [len(row["draws"]) for row in rows] == [2, 2, 1]
      assert rows[1]["value"] == pytest.approx(np.mean(rows[1]["draws"]))
  assert result["errors"]["classifier features"]["linear"][-1]["value"] == 0
  assert result["protocol"]["training_images"] == 81
  assert "classifier features  mlp" in said.getvalue()
  picture = tmp_path / "images" / "classifier_probes_000060.png"
  with Image.open(picture) as drawn:
    assert drawn.width > drawn.height
  encoded = base64.b64encode(picture.read_bytes()).decode()
  assert encoded in (tmp_path / "report.html").read_text()


def test_a_signal_ends_a_probe_that_would_go_on_with_half_of_its_training(monkeypatch):
  codes = np.random.default_rng(0).uniform(size=(60, 4))
  labels = np.arange(60) % 3
  whole = probes.probe_error(codes, labels, codes, labels, "mlp")
  updates = []

  def interrupted(self, *arguments):
    updates.append(1)
    if len(updates) == 3:
      raise KeyboardInterrupt(signal.SIGTERM)
    return update(self, *arguments)

  update = AdamOptimizer.update_params
  monkeypatch.setattr(AdamOptimizer, "update_params", interrupted)
  with pytest.raises(KeyboardInterrupt) as interrupt:
    probes.probe_error(codes, labels, codes, labels, "mlp")
  assert interrupt.value.args == (signal.SIGTERM,)
  assert whole.value < 0.7


def test_images_without_a_label_are_counted_and_train_no_classifier(trained):
  workdir, config, said = trained
  assert said.count("30 of 120 images have no label (-1)") == 1
  dataset = npz.load(config.data, print)
  assert dataset.class_names == NAMES and "3 classes" in describe_data(dataset)
  train = dataset.train
  missing = np.flatnonzero(train.labels == UNLABELLED)
  assert 0 < len(missing) < len(train.labels)
  ordered = order_of("classifier", config, train)
  drawn = ordered(0, "classifier", 0, 60, (16,))
  assert set(drawn.ravel()) == set(range(len(train.labels))) - set(missing)
  turned = base.get_config(("classifier",))
  turned.classifier.task = "rotation"
  assert METHODS["classifier"].pools(turned, train) == ()
  assert METHODS["classifier"].pools(config, labelled(train)) == ()
  config = base.get_config(("classifier",))
  config.data.balance = True
  with pytest.raises(UserError, match=f"but {len(missing)} training images"):
    checks.check_labels(config.data, dataset)
  whole = labelled(train)
  checks.check_labels(config.data, dataset._replace(train=whole))
  balanced = order_of("classifier", config, whole)(0, "classifier", 0, 5, (16,))
  counts = [np.bincount(whole.labels[batch], minlength=3) for batch in balanced]
  assert set(np.ravel(counts)) == {5, 6}
