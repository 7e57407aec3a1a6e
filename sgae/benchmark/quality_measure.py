"""Measures the samples of all sides: `python -m sgae.benchmark.quality_measure CONFIG`.

The parent names a file of images, uint8 [N, H, W, C], and receives their Frechet
distance to the test split, on the features that every run is measured on.
"""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from configs.benchmark import quality_config
from sgae.benchmark import worker
from sgae.config import validate
from sgae.data import sources
from sgae.data.cache import cache_root
from sgae.data.dataset import Dataset
from sgae.devices.mesh import local_mesh
from sgae.evaluation import feature_extractor
from sgae.evaluation.measures import suite
from sgae.evaluation.measures.reference import EvaluationData
from sgae.reporting.console import Console


def make_distance(config: Any, dataset: Dataset) -> Callable[[np.ndarray], float]:
  """Returns `distance(images)`, of uint8 [N, H, W, C] to the test split."""
  cache = cache_root(config.data.cache_directory)
  console = Console(quiet=True)
  extractor = feature_extractor.obtain(config, dataset, cache, console)
  data = EvaluationData(dataset, extractor)
  extract_features = data.extract_features(local_mesh())

  def distance(images):
    figures = suite.measure(extract_features(images), data.reference, ("frechet",))
    return figures["frechet"].value

  return distance


def main(name: str) -> None:
  """Serves the parent process, on the data of a config that `quality_config` names."""
  config = validate(quality_config(name))
  distance = make_distance(config, sources.load(config.data, lambda line: None))
  worker.answer(lambda path: {"frechet": distance(np.load(path, allow_pickle=False))})


if __name__ == "__main__":
  main(*sys.argv[1:])
