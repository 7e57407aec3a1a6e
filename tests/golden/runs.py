"""The first records of each config, at a size that any machine can run.

Data, batches, widths and kernels are smaller; all other fields are those of the file.
"""

import io
import json
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest import mock

from sgae.config import validate
from sgae.data import sources, stacked, vectors
from sgae.data.dataset import Dataset, Reading
from sgae.evaluation import feature_extractor
from sgae.methods import METHODS
from sgae.methods.method import Evaluator
from sgae.reporting.console import Console
from sgae.training import run
from tests.runs import timeless

NAMES = (
  "attention",
  "cifar10",
  "cifar10:residual",
  "classifier",
  "classifier:fashion_mnist",
  "conditional",
  "conditional:adc",
  "digits",
  "digits_mnist",
  "digits_mnist:inverted-paired",
  "digits_mnist:digits-sparse",
  "ebgan",
  "ebgan:began",
  "ebgan:grid-plain-2-128",
  "ebgan:sae",
  "edit",
  "fashion_mnist",
  "few_images:mnist-200-ada",
  "few_images:fashion_mnist-1000-diffaugment",
  "grid",
  "mnist",
  "mnist:decoder",
  "mnist:encoder",
  "mnist_dcgan",
  "mnist_usps",
  "mnist_usps:semantic",
  "packing:half-4",
  "packing:ring-2",
  "pareto",
  "pareto:archetypal",
  "pareto:gated",
  "pareto:l1_norms",
  "pareto:matryoshka",
  "pareto:p_annealing",
  "recognition",
  "recognition:sae",
  "ring",
  "seed",
  "sparse_coding",
  "sparse_coding:gan",
  "sparse_coding:patches",
  "sparse_coding:sae",
  "steadiness",
  "stacked_mnist",
  "stacked_mnist:veegan",
  "super_resolution",
  "super_resolution:cifar10-4",
  "super_resolution:fashion_mnist-2-adversarial",
  "super_resolution:fashion_mnist-2-sparse",
  "vae",
  "vae:gan",
  "vae:sparse",
  "vae_gan:convolutional",
  "vae_gan:small",  # by its name, since the file of `vae_gan` is that of `vae:gan`
  "vae_gan:started",
  "vectors",
)
STEPS = 10  # of each phase, a record each


def path_of(name: str) -> Path:
  """Returns the file that holds the records of a config."""
  return Path(__file__).with_name(f"{name.replace(':', '_')}.json")


def small(name: str):
  """Returns the config of a file, `NAME` or `NAME:ARG`, at a small size."""
  file, _, arg = name.partition(":")
  config = import_module(f"configs.{file}").get_config(arg)
  for phase in config.phases:
    config[phase].update(steps=STEPS, log_every=1, evaluate_every=STEPS)
    config[phase].update(save_every=STEPS, batch_size=16)
  if "gan" in config:
    config.gan.mixture.update(components=20, axes=16, rank=8)
  if "super_resolution" in config:
    config.super_resolution.update(channels=4, blocks=1)
  if "recognition" in config:
    config.recognition.labels_per_class = 4
  if "translation" in config:
    config.translation.update(blocks=1, history=20)
  # kernels of one cell: compiling larger ones takes minutes
  names = ("sae", "vae", "gan", "vae_gan", "recognition")
  for name in (*names, "super_resolution", "translation"):
    for field in config.get(name, {}):
      if field == "kernel_size":
        config[name][field] = 2
      elif field.endswith("_hidden"):
        config[name][field] = tuple(min(width, 16) for width in config[name][field])
      elif field.endswith("_updates"):
        config[name][field] = min(config[name][field], 5)
  if config.data.source == "patches":
    config.data.update(patch_size=5, patches=200)
  if config.data.source in ("tfds", "stacked"):
    # the embedded digits stand in, in images of the same shape
    side = 32 if config.data.name == "cifar10" else 28
    config.data.image_size = config.data.image_size or side
    if config.data.name == "cifar10":
      config.data.source = "stacked"
  if config.data.second.source in sources.SOURCES:
    config.data.second.image_size = config.data.image_size
  if config.data.source == "stacked":
    config.data.stacked_examples = 500
  return config


def records(name: str, workdir: Path) -> list[dict]:
  """Trains a small version of a config; returns its records without times."""
  digits = sources.SOURCES["digits"]
  unseen = {name: METHODS[name]._replace(evaluate=_unseen) for name in list(METHODS)}
  with (
    mock.patch.dict(
      sources.SOURCES,
      tfds=digits,
      npz=digits,
      stacked=digits,
      patches=digits,
      vectors=_vectors_of_digits,
    ),
    mock.patch.object(stacked, "NUM_TEST", 100),
    mock.patch.dict(METHODS, unseen),
    mock.patch.object(feature_extractor, "obtain"),
    mock.patch.object(run, "evaluate_states"),
  ):
    run.train(validate(small(name)), workdir, Console(io.StringIO()))
  return timeless(workdir)


def _vectors_of_digits(config: Any, report: Any) -> Dataset:
  images = sources.SOURCES["digits"](config, report).train.images
  return vectors.from_array(
    "digits", "digits", images.reshape(len(images), -1).astype("float32"), Reading()
  )


def _unseen(*_):
  return Evaluator(_nothing, _nothing, _nothing, _nothing, _nothing)


def _nothing(*_):
  return {}


def write(name: str, workdir: Path) -> None:
  """Stores the records of a config, one line each, with six digits."""
  lines = [
    json.dumps(
      {
        key: float(f"{value:.6g}") if isinstance(value, float) else value
        for key, value in record.items()
      }
    )
    for record in records(name, workdir)
  ]
  path_of(name).write_text("[\n" + ",\n".join(lines) + "\n]\n")
