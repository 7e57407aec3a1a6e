"""A whole run that is told classes: trained, sampled by class, its samples scored."""

import io
import json

import jax.numpy as jnp
import numpy as np
import pytest

import sgae
from sgae.config import validate
from sgae.data import sources
from sgae.data.dataset import Split
from sgae.errors import UserError
from sgae.evaluation.choice import Choice
from sgae.evaluation.conditional import SCORE, class_floor, classification_accuracy
from sgae.evaluation.measures.reference import EvaluationData
from sgae.evaluation.sample import sample_run
from sgae.methods import METHODS
from sgae.reporting.console import Console
from sgae.reporting.metrics import read_metrics
from sgae.training import run
from tests.runs import tiny_config


def conditional_config():
  config = tiny_config()
  config.phases = ("gan",)
  config.gan.update(generator="plain", sparsity_weight=0.0)
  config.gan.update(steps=5, evaluate_every=5, save_every=5)
  config.gan.conditional.classes = 10
  return config


@pytest.fixture(scope="module")
def conditional_run(tmp_path_factory):
  workdir = tmp_path_factory.mktemp("conditional") / "run"
  run.train(validate(conditional_config()), workdir, Console(io.StringIO()))
  return workdir


def sampled(run, output, count=0, **choice):
  """Returns the single samples and what samples.json says of them."""
  console = Console(io.StringIO())
  sample_run(run, {}, count, "npz", console, choice=Choice(**choice), output=output)
  folder = output / "samples"
  about = json.loads((folder / "samples.json").read_text())
  return np.load(folder / "samples.npz")["arr_0"], about["samples"]


def test_samples_of_a_class_are_those_of_its_numbers(conditional_run, tmp_path):
  images, entries = sampled(conditional_run, tmp_path, classes="3x2,7-8x1")
  assert [entry["index"] for entry in entries] == [3, 13, 7, 8]
  assert [entry["class"] for entry in entries] == [3, 3, 7, 8]
  assert entries[2]["class_name"] == "7"
  first, entries = sampled(conditional_run, tmp_path, count=14)
  assert [entry["class"] for entry in entries] == [*range(10), *range(4)]
  np.testing.assert_array_equal(images, first[[3, 13, 7, 8]])
  again, entries = sampled(
    conditional_run, tmp_path, latents=str(tmp_path / "samples" / "latents.npz")
  )
  np.testing.assert_array_equal(again, first)
  assert entries[13]["class"] == 3


def test_a_run_is_read_back_with_its_classes(conditional_run):
  read = sgae.load_run(conditional_run)
  rows, state = jnp.eye(10)[:3], read.states["gan"]
  images = read.generate(jnp.concatenate([jnp.zeros((3, 64)), rows], axis=1))
  own, other = (read.discriminate(images, each) for each in (rows, rows[::-1]))
  assert (own != other)[jnp.array([0, 2])].all()
  drawn = np.asarray(read.sample(20, seed=5))
  np.testing.assert_array_equal(
    read.sample(4, seed=5, classes=(7, 2)), drawn[[7, 2, 17, 12]]
  )
  with pytest.raises(
    UserError, match=r"^classes=\(10,\) is not allowed: .* from 0 to 9$"
  ):
    read.sample(2, classes=(10,))
  program = METHODS["gan"].build(read.config, read.image_shape)
  for name, shapes in program.exportable.items():
    given = [np.ones((2, *shape), np.float32) for shape in shapes]
    assert len(program.functions[name](state, *given)) == 2


def test_a_class_that_there_is_not_is_refused(conditional_run, tmp_path):
  with pytest.raises(UserError, match="^--classes='12' cannot be read .* 9, .*$"):
    sampled(conditional_run, tmp_path, classes="12")


def test_training_measures_the_classes(conditional_run):
  *_, last = [r for r in read_metrics(conditional_run) if "gan/frechet" in r]
  assert 0 <= last["gan/class_accuracy"] <= 1
  assert last["gan/class_frechet"] <= last["gan/class_frechet_worst"]
  figures = json.loads((conditional_run / "evaluation.json").read_text())["gan"]
  assert figures["figures"].keys() >= figures["floor"].keys() >= {"class_accuracy"}


def test_the_score_of_real_images_is_kept_with_how_its_network_is_trained(tmp_path):
  config = conditional_config()
  config.classifier.update(steps=10, channels=(3, 4, 4), num_features=8)
  dataset = sources.load(config.data, lambda line: None)
  few = dataset._replace(test=Split(*(array[:20] for array in dataset.test)))
  data = EvaluationData(few, None)

  def floor(score):
    own = validate(config)
    return class_floor(own, data, 50, tmp_path, Console(io.StringIO()), score=score)

  assert SCORE not in floor(score=False)
  trained = floor(score=True)
  assert floor(score=False)[SCORE] == trained[SCORE]
  config.classifier.steps = 20
  assert SCORE not in floor(score=False)


def test_a_score_is_of_a_network_that_learns_from_the_given_examples():
  config = conditional_config()
  config.classifier.update(steps=100, channels=(16, 16, 16), dropout=0.0)
  config.classifier.num_features = 32
  config = validate(config)
  dataset = sources.load(config.data, lambda line: None)
  blank = dataset._replace(
    train=dataset.train._replace(labels=dataset.train.labels * 0)
  )
  console = Console(io.StringIO())
  score = classification_accuracy(config, blank, dataset.train, "images", console)
  assert score[SCORE].value > 0.25  # by chance .1
