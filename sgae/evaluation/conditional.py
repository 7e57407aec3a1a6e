"""The classification accuracy score, and what measures within classes are beside.

A network learns to classify labelled samples and is tested on real images. Ravuri &
Vinyals 2019, "Classification accuracy score for conditional generative models" (arXiv
1905.10887).
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict, FrozenConfigDict

from sgae.data.cache import place_of, require_writable
from sgae.data.dataset import Dataset, Split, has_label, labelled
from sgae.data.fingerprint import digest_of
from sgae.devices.mesh import local_mesh
from sgae.evaluation.baselines import floor_examples
from sgae.evaluation.feature_extractor import FeatureExtractor, accuracy
from sgae.evaluation.measures import suite
from sgae.evaluation.measures.conditional import class_accuracy
from sgae.evaluation.measures.estimate import Estimate
from sgae.evaluation.measures.reference import EvaluationData
from sgae.methods import METHODS
from sgae.reporting.console import Console
from sgae.reporting.files import read_json, write_json
from sgae.training.calls import train_in_memory

VERSION = 5  # increase it when figures change: otherwise old cached ones are used
SCORE = "classification_accuracy"


def classification_accuracy(
  config: Any, dataset: Dataset, examples: Split, what: str, console: Console
) -> dict[str, Estimate]:
  """Returns the accuracy on the test split of a network trained on other images.

  Args:
    config: validated; the section of the method that provides feature extractors says
      how to train one, as far as it has one.
    dataset: with the test split and the classes.
    examples: what it is trained on, uint8 images with labels.
    what: they are, in words.
    console: where progress goes.
  """
  count = len(examples.images)
  console.line(f"Training a network on {count:,} {what}, to classify test images")
  taught = dataset._replace(train=examples)
  name, serving = METHODS.providing("extractor")
  own = _learner_config(config, taught)
  state = train_in_memory(name, own, taught, console)
  about = {
    serving.section: own[serving.section].to_dict(),
    "image_shape": examples.images.shape[1:],
  }
  share = accuracy(FeatureExtractor(about, serving.params(state)), dataset)
  error = np.sqrt(share * (1 - share) / len(labelled(dataset.test).labels))
  return {SCORE: Estimate(share, float(error))}


def _learner_config(config: Any, taught: Dataset) -> Any:
  """Returns the config of the network that learns to classify the training images."""
  own: Any = ConfigDict(config.to_dict())
  own.evaluation.features = "labels"
  _, serving = METHODS.providing("extractor")
  return serving.configure(FrozenConfigDict(own), taught)


def class_floor(
  config: Any,
  data: EvaluationData,
  count: int,
  cache: Path,
  console: Console,
  *,
  score: bool,
) -> dict[str, Estimate]:
  """Returns what real images have in place of samples, from the cache if it is known.

  Args:
    config, console: as for `classification_accuracy`.
    data: the data set with its feature extractor.
    count: training images that stand for as many samples.
    cache: the folder that stores the figures.
    score: whether to train the network of the score if that is not known yet.

  Returns:
    Distances within classes of training images, the feature network's accuracy on test
    images, and the score of a network trained on real images.
  """
  whole = data.dataset
  digest = data.extractor.about["sha256"] if data.extractor else ""
  place = functools.partial(place_of, cache, "references", digest_of(whole))
  path = place(("classes", VERSION, count, digest))
  figures = _kept(path, lambda: _floor(data, count))
  if not has_label(whole.test):
    return figures
  examples = floor_examples(whole, count)
  own = _learner_config(config, whole._replace(train=examples))
  _, serving = METHODS.providing("extractor")
  path = place((SCORE, VERSION, count, own[serving.section].to_dict()))

  def learnt():
    return classification_accuracy(config, whole, examples, "real images", console)

  return figures | _kept(path, learnt if score else None)


def _kept(
  path: Path, make: Callable[[], dict[str, Estimate]] | None
) -> dict[str, Estimate]:
  """Returns figures from a file of the cache, or makes and stores them.

  None of them where they are not known and `make` is None.
  """
  known: dict[str, Any] = read_json(path)
  if not known and make is not None:
    require_writable(path.parent)
    known = {name: list(estimate) for name, estimate in make().items()}
    write_json(path, known)
  return {name: Estimate(*values) for name, values in known.items()}


def _floor(data: EvaluationData, count: int) -> dict[str, Estimate]:
  images, labels = floor_examples(data.dataset, count)
  extracted = data.extract_features(local_mesh())(images)._replace(labels=labels)
  figures = suite.measure(extracted, data.reference, ("frechet",))
  test = data.reference.test
  found, labels = test.probabilities, test.labels
  # ndim: of stacked digits they are digit by digit, and a class is of all digits
  if found is not None and found.ndim == 2 and labels is not None:
    figures |= class_accuracy(found, labels)
  return {name: value for name, value in figures.items() if name.startswith("class_")}
