"""The feature network of a data set: shipped, kept in the cache, or trained now.

Distances between sets of images are measured on its features, so two figures compare
only where its digest is the same. Weights are two files: arrays in float16, and what
they are in JSON, with their SHA-256. `sgae/weights/` holds those that are shipped.
"""

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict, FrozenConfigDict

from sgae.data import resident, sources
from sgae.data.cache import place_of
from sgae.data.dataset import Dataset
from sgae.devices import processes
from sgae.devices.batched_apply import batched_apply
from sgae.devices.mesh import local_mesh, replicate
from sgae.errors import UserError
from sgae.networks.classifier import Classifier, make_classifier
from sgae.networks.network import Params
from sgae.phases import make_classifier_phase
from sgae.reporting.console import Console
from sgae.reporting.files import explained, write_atomically, write_json
from sgae.training.in_memory import train_in_memory

SHIPPED = Path(__file__).parents[1] / "pretrained"
DIGESTED_IMAGES = 10_000  # so that a large data set is known without reading all of it

# images uint8 [N, H, W, C] -> (features float32 [N, D], probabilities float32 [N, K])
Look = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


class FeatureNetwork(NamedTuple):
  """A trained classifier.

  Attributes:
    about: `name` and `data` (name and digest of the data set), `image_shape`,
      `classifier` (its fields of the config), `accuracy` (on the test split) and
      `sha256` (of the file of arrays).
    params: float32, each number one of float16.
  """

  about: dict[str, Any]
  params: Params


def digest_of(dataset: Dataset) -> str:
  """Returns what a data set is known by: 64 hexadecimal digits.

  Of more than 10,000 images of a split, 10,000 at even distances stand for all.
  """
  digest = hashlib.sha256(str(dataset.num_classes).encode())
  for images, labels in (dataset.train, dataset.test):
    every = -(-len(images) // DIGESTED_IMAGES)
    for array in (images[::every], labels[::every]):
      digest.update(str((array.shape, array.dtype)).encode())
      digest.update(np.ascontiguousarray(array).data)
  return digest.hexdigest()


def obtain(
  config: Any, dataset: Dataset, cache: Path, console: Console
) -> FeatureNetwork | None:
  """Returns the feature network of a data set; trains it where there is none yet.

  Args:
    config: validated; `config.classifier` says how one that is not shipped is trained.
    dataset: the data.
    cache: where it is kept for later.
    console: where progress goes.

  Returns:
    The network, or None for data without labels, points of the plane, and runs that
    generate nothing.

  Raises:
    UserError: the cache cannot be written, or what it holds is damaged.
  """
  if "gan" not in config.phases or dataset.mixture is not None:
    return None
  if config.data.source == "stacked":  # their digits are looked at one by one
    digits = ConfigDict(config.data.to_dict())
    digits.source = "tfds"
    dataset = sources.load(digits, console.line)
  if dataset.num_classes < 2:
    return None
  data = digest_of(dataset)
  for path in SHIPPED.glob("*.json"):
    if json.loads(path.read_bytes())["data"] == data:
      return read(path)
  config = ConfigDict(config.to_dict())
  config.seed, config.train.microbatches = 0, 1  # it is the data set's, not the run's
  config.classifier.num_classes = dataset.num_classes
  config.classifier.batch_size = min(
    config.classifier.batch_size, len(dataset.train.images)
  )
  path = place_of(cache, "features", data, config.classifier.to_dict())
  with processes.leader_first("features"):
    if not path.exists():
      console.line(
        f"Training a classifier on {dataset.name} for the measures, once; it is kept "
        f"in {path.parent}"
      )
      config = FrozenConfigDict(config)
      phase = make_classifier_phase(config, resident.mean_image(dataset.train.images))
      params = train_in_memory(phase, config, dataset, console).player.params
      network = write(path, config.classifier.to_dict(), dataset, params)
      console.line(f"Its test accuracy is {network.about['accuracy']:.2%}")
  return read(path)


def make_look(network: FeatureNetwork, mesh: Any) -> Look:
  """Returns `look(images) -> (features, probabilities)`, over the devices of a mesh."""
  classifier = _build(network.about)

  def some(params, images):
    features = classifier.features(params, resident.to_model_range(images))
    return features, jax.nn.softmax(classifier.logits(params, features))

  run = batched_apply(some, mesh)
  params = replicate(network.params, mesh)
  return lambda images: run(params, images)


def accuracy(network: FeatureNetwork, dataset: Dataset) -> float:
  """Returns the share of the test images whose class is the most probable one."""
  look = make_look(network, local_mesh())
  _, probabilities = look(dataset.test.images)
  return float((probabilities.argmax(axis=1) == dataset.test.labels).mean())


def write(
  path: Path, fields: dict[str, Any], dataset: Dataset, params: Params
) -> FeatureNetwork:
  """Stores weights beside each other: PATH.json and PATH.npz.

  Args:
    path: the JSON file.
    fields: `config.classifier` as trained.
    dataset: what it was trained on.
    params: its parameters; kept in float16.

  Returns:
    What `read` returns.
  """
  leaves = jax.tree_util.tree_leaves_with_path(params)
  arrays = {_name(keys): np.asarray(leaf, np.float16) for keys, leaf in leaves}
  file = io.BytesIO()
  np.savez(file, allow_pickle=False, **arrays)
  about = {
    "name": dataset.name,
    "data": digest_of(dataset),
    "image_shape": dataset.train.images.shape[1:],
    "classifier": fields,
    "sha256": hashlib.sha256(file.getvalue()).hexdigest(),
  }
  network = FeatureNetwork(about, _nested(arrays))
  about["accuracy"] = accuracy(network, dataset)
  write_atomically(path.with_suffix(".npz"), file.getvalue())
  write_json(path, about)  # last: it says that the other is whole
  return network


def read(path: Path) -> FeatureNetwork:
  """Reads what `write` wrote.

  Raises:
    UserError: the files cannot be read, or are not those that were written.
  """
  with explained(path):
    described, beside = path.read_bytes(), path.with_suffix(".npz")
    arrays = beside.read_bytes() if beside.exists() else b""
  try:
    about = json.loads(described)
    if hashlib.sha256(arrays).hexdigest() != about["sha256"]:
      raise ValueError("the SHA-256 of the arrays is another")
    with np.load(io.BytesIO(arrays), allow_pickle=False) as file:
      return FeatureNetwork(about, _nested(dict(file)))
  except (ValueError, KeyError, TypeError) as error:
    raise UserError(
      f"the feature network {path} is damaged ({error}): delete it, and it is made "
      "again"
    ) from error


def _build(about: dict[str, Any]) -> Classifier:
  fields = about["classifier"]
  return make_classifier(
    tuple(about["image_shape"]),
    fields["channels"],
    fields["num_features"],
    fields["num_classes"],
  )


def _name(keys) -> str:
  return "/".join(key.key for key in keys)


def _nested(arrays: dict[str, np.ndarray]) -> Params:
  params: dict[str, dict[str, np.ndarray]] = {}
  for name, array in arrays.items():
    layer, kind = name.split("/")
    params.setdefault(layer, {})[kind] = array.astype(np.float32)
  return params
