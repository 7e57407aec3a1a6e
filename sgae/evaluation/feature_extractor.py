"""The feature extractor of a data set: shipped, kept in the cache, or trained now.

Distances between sets of images are measured on its features, so figures of different
feature extractors do not compare: the SHA-256 of its weights stands beside each.
Weights are two files: arrays in float16, and what they are in JSON, with their SHA-256.
`sgae/pretrained/` holds those that are shipped.
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
from sgae.data.cache import place_of
from sgae.data.dataset import Dataset
from sgae.devices import processes
from sgae.devices.batched_apply import batched_apply
from sgae.devices.mesh import local_mesh, replicate
from sgae.errors import UserError
from sgae.methods import METHODS
from sgae.methods.method import Extractor
from sgae.networks.network import Params
from sgae.reporting.console import Console
from sgae.reporting.files import explained, write_atomically, write_json
from sgae.training.calls import train_in_memory

SHIPPED = Path(__file__).parents[1] / "pretrained"
DIGESTED_IMAGES = 10_000  # so that a large data set is known without reading all of it


class FeatureExtractor(NamedTuple):
  """A trained network whose hidden layer gives features.

  Attributes:
    about: `name` and `data` (name and digest of the data set), `image_shape`, the
      method's section of the config, `accuracy` (on the test split) and `sha256` (of
      the file of arrays).
    params: float32, each number one of float16.
  """

  about: dict[str, Any]
  params: Params

  def extract(self, mesh: Any) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Returns `extract(images) -> (features, probabilities)`, over a mesh's devices.

    Images are uint8 [N, H, W, C], features float32 [N, D], and probabilities of the
    classes float32 [N, K].
    """
    _, serving = serving_method()
    network = serving.extract(self.about[serving.section], self.about["image_shape"])

    def extract_rows(params, images):
      return network(params, resident.to_model_range(images))

    run = batched_apply(extract_rows, mesh)
    params = replicate(self.params, mesh)
    return lambda images: run(params, images)


def serving_method() -> tuple[str, Extractor]:
  """Returns the method whose networks serve as feature extractors, and how they do."""
  return next(
    (name, method.extractor)
    for name, method in METHODS.items()
    if method.extractor is not None
  )


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
) -> FeatureExtractor | None:
  """Returns the feature extractor of a data set; trains it where there is none yet.

  Args:
    config: validated; its section of the serving method says how one that is not
      shipped is trained.
    dataset: the data.
    cache: where it is kept for later.
    console: where progress goes.

  Returns:
    The extractor, or None for data without labels, points of the plane, and runs that
    generate nothing.

  Raises:
    UserError: the cache cannot be written, or what it holds is damaged.
  """
  if dataset.mixture is not None:
    return None
  if not any(METHODS[name].generates for name in config.phases):
    return None
  if config.data.source == "stacked":  # their digits are seen one by one
    digits = ConfigDict(config.data.to_dict())
    digits.source = "tfds"
    dataset = sources.load(digits, console.line)
  if dataset.num_classes < 2:
    return None
  data = digest_of(dataset)
  for path in SHIPPED.glob("*.json"):
    if json.loads(path.read_bytes())["data"] == data:
      return read(path)
  name, serving = serving_method()
  own = serving.configure(config, dataset)
  fields = own[serving.section].to_dict()
  path = place_of(cache, "features", data, fields)
  with processes.leader_first("features"):
    if not path.exists():
      console.line(
        f"Training a feature extractor on {dataset.name} for the measures, once; it is "
        f"kept in {path.parent}"
      )
      state = train_in_memory(name, own, dataset, console)
      extractor = write(path, fields, dataset, serving.params(state))
      console.line(f"Its test accuracy is {extractor.about['accuracy']:.2%}")
  return read(path)


def accuracy(extractor: FeatureExtractor, dataset: Dataset) -> float:
  """Returns the share of the test images whose class is the most probable one."""
  _, probabilities = extractor.extract(local_mesh())(dataset.test.images)
  return float((probabilities.argmax(axis=1) == dataset.test.labels).mean())


def write(
  path: Path, fields: Mapping[str, Any], dataset: Dataset, params: Params
) -> FeatureExtractor:
  """Stores weights as two files: PATH.json and PATH.npz.

  Args:
    path: the JSON file.
    fields: section of the serving method, as trained.
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
    serving_method()[1].section: dict(fields),
    "sha256": hashlib.sha256(file.getvalue()).hexdigest(),
  }
  extractor = FeatureExtractor(about, _nested(arrays))
  about["accuracy"] = accuracy(extractor, dataset)
  write_atomically(path.with_suffix(".npz"), file.getvalue())
  write_json(path, about)  # last: it says that the other is whole
  return extractor


def read(path: Path) -> FeatureExtractor:
  """Reads what `write` wrote.

  Raises:
    UserError: the files cannot be read, or are not those that were written.
  """
  with explained(path):
    described, weights = path.read_bytes(), path.with_suffix(".npz")
    arrays = weights.read_bytes() if weights.exists() else b""
  try:
    about = json.loads(described)
    if hashlib.sha256(arrays).hexdigest() != about["sha256"]:
      raise ValueError("the SHA-256 of the arrays is another")
    with np.load(io.BytesIO(arrays), allow_pickle=False) as file:
      return FeatureExtractor(about, _nested(dict(file)))
  except (ValueError, KeyError, TypeError) as error:
    raise UserError(
      f"the feature extractor {path} is damaged ({error}): delete it, and it is made "
      "again"
    ) from error


def _name(keys) -> str:
  return "/".join(key.key for key in keys)


def _nested(arrays: dict[str, np.ndarray]) -> Params:
  params: dict[str, dict[str, np.ndarray]] = {}
  for name, array in arrays.items():
    layer, kind = name.split("/")
    params.setdefault(layer, {})[kind] = array.astype(np.float32)
  return params
