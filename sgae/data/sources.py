"""The data sources by name: loads the data set that `config.data` describes."""

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from ml_collections import ConfigDict
from PIL import Image

from sgae.data import (
  derived,
  digits,
  folder,
  idx,
  local,
  mixture,
  npz,
  pairs,
  parquet,
  patches,
  stacked,
  subset,
  tfds,
  vectors,
)
from sgae.data.dataset import Dataset, noun_of
from sgae.data.second import SECOND_FIELDS
from sgae.errors import UserError

# The allowed values of config.data.source.
SOURCES: dict[str, Callable[[Any, Callable[[str], None]], Dataset]] = {
  "digits": digits.load,
  "tfds": tfds.load,
  "npz": npz.load,
  "folder": folder.load,
  "parquet": parquet.load,
  "idx": idx.load,
  "mixture": mixture.load,
  "vectors": vectors.load,
  "stacked": tfds.load,  # the base images, which `load` then stacks
  "patches": tfds.load,  # the images, out of which `load` then cuts patches
}
# The shape (N, H, W, C) of the training images, where metadata alone give it.
SHAPES: dict[str, Callable[[Any], tuple[int, int, int, int]]] = {
  "digits": digits.train_shape,
  "tfds": tfds.train_shape,
  "mixture": mixture.train_shape,
  "stacked": stacked.train_shape,
  "patches": lambda config: (config.patches, *(config.patch_size,) * 2, 1),
}

# The sources that read config.data.path, with what it names.
SOURCES_WITH_PATH = {
  "npz": "a .npz file",
  "folder": "a folder, a .zip or a .tar of images",
  "parquet": "a .parquet file, or a folder of them",
  "idx": "a folder with IDX files as MNIST has them, or one file of images",
  "vectors": "a .npy or .npz file",
}
# The sources whose examples are numbers without a range in place of images: vectors
# [N, 1, 1, D], or patches [N, H, W, 1].
SOURCES_OF_VECTORS = ("mixture", "vectors", "patches")
# The sources whose images may have transparent pixels.
SOURCES_WITH_BACKGROUND = ("folder", "parquet")
# The sources of examples that are stored one by one: those that either of two sides may
# have, vectors beside vectors.
SOURCES_OF_SIDES = ("digits", "tfds", "npz", "folder", "parquet", "idx", "vectors")


def load(config: Any, report: Callable[[str], None]) -> Dataset:
  """Returns the data set that `config.data` describes, and prepares it if needed.

  Args:
    config: the ConfigDict `config.data`: source (a key of SOURCES), name, directory,
      path, array, background, cache_directory, image_size (0 = as stored; else images
      are resized to a square of this side, bilinear, pixels), examples (of the training
      images, so many; 0 = all) and examples_seed, stacked_digits and stacked_examples,
      second (the same of a second side) and paired.
    report: shows one plain line to the user; called before anything slow.

  Returns:
    The data set, images uint8 [N, H, W, C], or vectors float32 [N, 1, 1, D], or patches
    float32 [N, H, W, 1].

  Raises:
    UserError: an unknown source, or data that cannot be obtained, read or stored.
  """
  if config.source not in SOURCES:
    raise UserError(
      f"config.data.source={config.source!r} is unknown; choose one of "
      f"{', '.join(SOURCES)}"
    )
  second = config.second.source
  if config.paired and not second:
    sides = [_finished(config, each, report) for each in pairs.load(config, report)]
    return sides[0]._replace(second=sides[1], paired=True)
  dataset = _finished(config, SOURCES[config.source](config, report), report)
  if not second:
    return dataset
  if second in derived.KINDS:
    return dataset._replace(second=derived.derive(dataset, second), paired=True)
  of_second = of_side(config, second=True)
  with _explained_of_second():
    other = _finished(of_second, SOURCES[second](of_second, report), report)
  _check_partners(config, dataset, other)
  return dataset._replace(second=other, paired=config.paired)


@contextlib.contextmanager
def _explained_of_second() -> Iterator[None]:
  """Names the second side's fields in what is said of it."""
  fields = "|".join(("source", *SECOND_FIELDS))
  try:
    yield
  except UserError as error:
    said = re.sub(rf"\bdata\.({fields})\b", r"data.second.\1", str(error))
    raise UserError(said) from error


def of_side(config: Any, second: bool) -> Any:
  """Returns the ConfigDict `config.data` of one side of it, as `load` takes it.

  Args:
    config: the ConfigDict `config.data`.
    second: whether it is the second side; of one that is made of the first it is that
      of the first.
  """
  fields = config.to_dict()
  own = fields["second"]
  if second and own["source"] not in ("", *derived.KINDS):
    fields |= own
  fields["second"] = {**own, "source": ""}
  return ConfigDict(fields)


def _check_partners(config: Any, dataset: Dataset, other: Dataset) -> None:
  """Raises UserError if two sides that belong together have other examples.

  Test splits and parts of the training images are chosen within each class, so that
  partners stay together only where their labels are the same.
  """
  if not config.paired:
    return
  counts = [
    tuple(len(split.images) for split in (side.train, side.test))
    for side in (dataset, other)
  ]
  if counts[0] != counts[1]:
    noun = noun_of(dataset.train.images.shape[1:])
    raise UserError(
      f"data.paired=True needs a partner for each example, but {dataset.name} has "
      f"{counts[0][0]:,} + {counts[0][1]:,} training and test {noun} and {other.name} "
      f"{counts[1][0]:,} + {counts[1][1]:,}: set it to False, or give both as many"
    )
  for mine, its in (
    (dataset.everything.train, other.everything.train),
    (dataset.test, other.test),
  ):
    if not np.array_equal(mine.labels, its.labels):
      raise UserError(
        f"data.paired=True needs the same labels on both sides, but those of "
        f"{dataset.name} and {other.name} differ: give both the same, or none"
      )


def _finished(config: Any, dataset: Dataset, report: Callable[[str], None]) -> Dataset:
  """Returns what was read from a source in the size, form and number asked for."""
  if config.source in SOURCES_WITH_PATH and dataset.class_names:
    local.warn_of_one_class(dataset, report)
  side = config.image_size
  if side:
    train, test = (
      split._replace(images=resized(split.images, side))
      for split in (dataset.train, dataset.test)
    )
    dataset = dataset._replace(train=train, test=test)
  if config.source == "stacked":
    return stacked.stack(dataset, config.stacked_digits, config.stacked_examples)
  if config.source == "patches":
    return patches.cut(dataset, config.patch_size, config.patches, config.whitened)
  if config.examples:
    return subset.take(dataset, config.examples, config.examples_seed)
  return dataset


def train_shape(
  config: Any, stored: tuple[int, ...] | None = None
) -> tuple[int, int, int, int]:
  """Returns the shape of the training images as stored, without reading them.

  Args:
    config: as for `load`.
    stored: (N, H, W, C) of all of them; None: from metadata.

  Returns:
    (N, H, W, C).

  Raises:
    UserError: there are no metadata, or they lack the shape.
  """
  if stored is None and config.source not in SHAPES:
    raise UserError(
      f"data.source={config.source!r} has no metadata with the shape of its images: "
      "give that of the training images, such as --images=60000x28x28x1"
    )
  count, height, width, channels = stored or SHAPES[config.source](config)
  return min(count, config.examples or count), height, width, channels


def resized(images: np.ndarray, side: int) -> np.ndarray:
  """Returns images uint8 [N, H, W, C] as squares of a side in pixels, bilinear."""
  count, height, width, channels = images.shape
  if (height, width) == (side, side):
    return images
  result = np.empty((count, side, side, channels), np.uint8)
  for source, target in zip(images, result, strict=True):
    # Channel by channel: Pillow would mix alpha into the other channels.
    for channel in range(channels):
      image = Image.fromarray(source[..., channel])
      image = image.resize((side, side), Image.Resampling.BILINEAR)
      target[..., channel] = np.asarray(image)
  return result
