"""The feature extractor of a data set: shipped, cached, or trained on first use.

Distances between sets of images are measured on its features. Figures of different
feature extractors are not comparable, so what it learnt (the labels, or which of four
rotations an image was given) and the SHA-256 of the weights are part of each figure's
protocol. An extractor is two files: the weights in float16, and a JSON
description with their SHA-256. `sgae/pretrained/` holds the shipped ones.
"""

import hashlib
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from sgae.data import resident, sources
from sgae.data.cache import place_of, require_writable
from sgae.data.dataset import Dataset, labelled
from sgae.data.fingerprint import digest_of
from sgae.devices import processes
from sgae.devices.batched_apply import batched_apply
from sgae.devices.mesh import local_mesh, replicate
from sgae.errors import UserError
from sgae.evaluation.measures.reference import EvaluationData
from sgae.methods import METHODS
from sgae.networks.network import Params
from sgae.reporting.console import Console
from sgae.reporting.files import explained, write_atomically, write_json
from sgae.training.calls import train_in_memory

SHIPPED = Path(__file__).parents[1] / "pretrained"
LEARNT = {
  "labels": "the labels",
  "rotation": "which of four rotations an image was given",
  "flips": "which of four flips an image was given",
}


class FeatureExtractor(NamedTuple):
  """A trained network whose hidden layer gives features.

  Attributes:
    about: `name` and `data` (name and digest of the data set), `image_shape`, the
      method's section of the config, `accuracy` (on the test split) and `sha256` (of
      the file of weights).
    params: float32, rounded to float16.
  """

  about: dict[str, Any]
  params: Params

  @property
  def task(self) -> str:
    """What the network learnt: 'labels', 'rotation', or 'flips' where not square."""
    _, serving = METHODS.providing("extractor")
    return serving.task(self.about[serving.section], self.about["image_shape"])

  def network(self) -> Callable[[Params, jax.Array], tuple[jax.Array, jax.Array]]:
    """Returns `f(params, images) -> (features [B, D], probabilities [B, K])`.

    It is a pure function; images are float32 [B, H, W, C] in [-1, 1].
    """
    _, serving = METHODS.providing("extractor")
    return serving.extract_features(
      self.about[serving.section], self.about["image_shape"]
    )

  def extract_features(
    self, mesh: Any
  ) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Returns `f(images) -> (features, probabilities)`, on the devices of a mesh.

    Images are uint8 [N, H, W, C], features float32 [N, D], and probabilities of the
    classes, or turns, that it learnt float32 [N, K].
    """
    network = self.network()

    def extract_rows(params, images):
      return network(params, resident.to_model_range(images))

    run = batched_apply(extract_rows, mesh)
    params = replicate(self.params, mesh)
    return lambda images: run(params, images)


def evaluation_data(
  config: Any, dataset: Dataset, cache: Path, console: Console
) -> EvaluationData:
  """Returns a data set with its feature extractors; arguments as for `obtain`.

  A second side has one of its own where a method reads features of both.
  """
  second = None
  if dataset.second is not None:
    extractor = None
    if any(METHODS[name].compares_features for name in config.phases):
      extractor = obtain(config, dataset.second, cache, console)
    second = EvaluationData(dataset.second, extractor)
  extractor = obtain(config, dataset, cache, console)
  return EvaluationData(dataset, extractor, second)


def obtain(
  config: Any, dataset: Dataset, cache: Path, console: Console
) -> FeatureExtractor | None:
  """Returns the feature extractor of a data set; trains one if there is none yet.

  Args:
    config: validated; the section of the method that provides extractors says how to
      train one that is not shipped.
    dataset: the data; all their training images are learnt, whatever a run takes.
    cache: the folder that keeps trained extractors.
    console: where progress goes.

  Returns:
    The extractor, of `evaluation.features`; None for points of the plane, and for runs
    that compare no images by features.

  Raises:
    UserError: the cache cannot be written, the cached extractor is damaged, or the data
      lack the labels that are asked for.
  """
  if dataset.mixture is not None:
    return None
  methods = [METHODS[name] for name in config.phases]
  if not any(each.generates or each.compares_features for each in methods):
    return None
  if config.data.source == "stacked":  # features are extracted digit by digit
    digits = ConfigDict(config.data.to_dict())
    digits.source = "tfds"
    dataset = sources.load(digits, console.line)
  dataset = dataset.everything
  name, serving = METHODS.providing("extractor")
  extractor_config = serving.configure(config, dataset)
  fields = extractor_config[serving.section].to_dict()
  task = serving.task(fields, dataset.train.images.shape[1:])
  data = digest_of(dataset)
  for path in SHIPPED.glob("*.json"):
    if json.loads(path.read_bytes())["data"] == data:
      shipped = read(path)
      if shipped.task == task:
        return shipped
  path = place_of(cache, "features", data, fields)
  with processes.leader_first("features"):
    if not path.exists():
      require_writable(path.parent)
      console.line(
        f"Training a feature extractor on {dataset.name} for the evaluation, once "
        f"(it learns {LEARNT[task]}); it is kept in {path.parent}"
      )
      state = train_in_memory(name, extractor_config, dataset, console)
      extractor = write(path, fields, dataset, serving.params(state))
      console.line(f"Its test accuracy is {extractor.about['accuracy']:.2%}")
  extractor = read(path)
  if task != "labels":
    console.line(
      f"Distances are of {task} features: the network learnt {LEARNT[task]}, with a "
      f"test accuracy of {extractor.about['accuracy']:.2%}; there are no measures of "
      "classes"
    )
  return extractor


def accuracy(extractor: FeatureExtractor, dataset: Dataset) -> float:
  """Returns the share of right answers: of test images, or of the turns of each."""
  _, serving = METHODS.providing("extractor")
  about, mesh = extractor.about, local_mesh()
  network = serving.answers(about[serving.section], about["image_shape"])

  def answer(params, images):
    return network(params, resident.to_model_range(images))

  test = labelled(dataset.test) if extractor.task == "labels" else dataset.test
  run = batched_apply(answer, mesh)
  answers = run(replicate(extractor.params, mesh), test.images)
  right = answers == serving.right_answers(extractor.task, test.labels)
  return float(right.mean())


def write(
  path: Path, fields: Mapping[str, Any], dataset: Dataset, params: Params
) -> FeatureExtractor:
  """Stores an extractor as two files, PATH.json and PATH.npz.

  Args:
    path: the JSON file.
    fields: the method's section of the config that it was trained with.
    dataset: the data set that it was trained on.
    params: its parameters; stored in float16.

  Returns:
    The extractor, as `read` returns it.
  """
  leaves = jax.tree_util.tree_leaves_with_path(params)
  arrays = {_name(keys): np.asarray(leaf, np.float16) for keys, leaf in leaves}
  file = io.BytesIO()
  np.savez(file, allow_pickle=False, **arrays)
  about = {
    "name": dataset.name,
    "data": digest_of(dataset),
    "image_shape": dataset.train.images.shape[1:],
    METHODS.providing("extractor")[1].section: dict(fields),
    "sha256": hashlib.sha256(file.getvalue()).hexdigest(),
  }
  extractor = FeatureExtractor(about, _nested(arrays))
  about["accuracy"] = accuracy(extractor, dataset)
  write_atomically(path.with_suffix(".npz"), file.getvalue())
  write_json(path, about)  # last: `obtain` takes it as a sign that both are complete
  return extractor


def read(path: Path) -> FeatureExtractor:
  """Reads an extractor that `write` stored.

  Raises:
    UserError: the files cannot be read, or are damaged.
  """
  with explained(path):
    description, weights_path = path.read_bytes(), path.with_suffix(".npz")
    weights = weights_path.read_bytes() if weights_path.exists() else b""
  try:
    about = json.loads(description)
    if hashlib.sha256(weights).hexdigest() != about["sha256"]:
      raise ValueError("the SHA-256 of the weights differs")
    with np.load(io.BytesIO(weights), allow_pickle=False) as file:
      return FeatureExtractor(about, _nested(dict(file)))
  except (ValueError, KeyError, TypeError) as error:
    raise UserError(
      f"the feature extractor {path} is damaged ({error}): delete it and run again to "
      "obtain it again"
    ) from error


def _name(keys) -> str:
  return "/".join(key.key for key in keys)


def _nested(arrays: dict[str, np.ndarray]) -> Params:
  params: dict[str, dict[str, np.ndarray]] = {}
  for name, array in arrays.items():
    layer, kind = name.split("/")
    params.setdefault(layer, {})[kind] = array.astype(np.float32)
  return params
