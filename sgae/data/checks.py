"""Checks the section `data` of a config."""

from typing import Any

from sgae.config_checks import at_least, choice, seed
from sgae.data import derived
from sgae.data.augment import AUGMENTATIONS
from sgae.data.dataset import UNLABELLED, Dataset
from sgae.data.mixture import named
from sgae.data.pixels import check_background
from sgae.data.placement import PLACEMENTS
from sgae.data.second import SECOND_FIELDS
from sgae.data.sources import (
  SOURCES,
  SOURCES_OF_SIDES,
  SOURCES_OF_VECTORS,
  SOURCES_WITH_BACKGROUND,
  SOURCES_WITH_PATH,
  of_side,
)
from sgae.data.stacked import DIGITS
from sgae.data.vectors import ARRAY
from sgae.errors import UserError

# The sources whose batches cannot be balanced.
WITHOUT_CLASSES = ("vectors", "patches", "stacked")
# The sources that hold pairs.
SOURCES_OF_PAIRS = ("npz", "folder")
# Fields of one data source -> (its name, the value that all others have to keep).
OF_ONE_SOURCE = {
  "stacked_digits": ("stacked", 3),
  "stacked_examples": ("stacked", 128_000),
  "array": ("vectors", ARRAY),
  "patch_size": ("patches", 8),
  "patches": ("patches", 100_000),
  "whitened": ("patches", False),
}


def check(data: Any) -> None:
  """Refuses fields that are impossible, alone or together.

  Args:
    data: the ConfigDict `config.data`.

  Raises:
    UserError: names the field.
  """
  choice("data.source", data.source, SOURCES)
  choice("data.placement", data.placement, ["auto", *PLACEMENTS])
  _check_size(data)
  _check_examples(data)
  _check_path(data)
  _check_augment(data)
  _check_balance(data)
  _check_vectors(data)
  _check_stacked(data)
  _check_fields_of_one_source(data)
  _check_sides(data)


def _check_sides(data):
  second = data.second.source
  if second:
    choice("data.second.source", second, [*SOURCES_OF_SIDES, *derived.KINDS])
  if not (second or data.paired):
    _check_no_second(data)
    return
  if data.source not in SOURCES_OF_SIDES:
    field = f"data.second.source={second!r}" if second else "data.paired=True"
    raise UserError(
      f"{field} is for examples that are stored one by one, not for data.source="
      f"{data.source!r}: choose data.source from {', '.join(SOURCES_OF_SIDES)}"
    )
  if not second and data.source not in SOURCES_OF_PAIRS:
    raise UserError(
      f"data.paired=True needs pairs, which data.source={data.source!r} does not hold: "
      f"choose data.source from {', '.join(SOURCES_OF_PAIRS)}, or a "
      "data.second.source"
    )
  if second and "vectors" in (data.source, second) and data.source != second:
    raise UserError(
      f"data.second.source={second!r} cannot stand beside data.source={data.source!r}: "
      "vectors have vectors beside them, and images have images"
    )
  if second in SOURCES_OF_SIDES:
    own = of_side(data, second=True)
    _check_fields_of_one_source(own, "data.second", SECOND_FIELDS)
    for check_part in (_check_size, _check_path, _check_examples):
      check_part(own, "data.second")
    if data.paired and data.examples and own.examples_seed != data.examples_seed:
      raise UserError(
        f"data.second.examples_seed={own.examples_seed} chooses others than "
        f"data.examples_seed={data.examples_seed}, but data.paired=True needs partners:"
        " make them equal"
      )
  else:
    _check_no_second(data)


def _check_no_second(data):
  """Refuses fields of a second side that is not read, or is made of the first."""
  for field, default in SECOND_FIELDS.items():
    if data.second[field] != default:
      raise UserError(
        f"data.second.{field}={data.second[field]!r} is not read with "
        f"data.second.source={data.second.source!r}: set it to {default!r}, or choose "
        f"data.second.source from {', '.join(SOURCES_OF_SIDES)}"
      )


def _check_path(data, section="data"):
  if data.source in SOURCES_WITH_PATH and not data.path:
    raise UserError(
      f"{section}.path={data.path!r} names nothing to read: {section}.source="
      f"{data.source!r} needs {SOURCES_WITH_PATH[data.source]}"
    )
  # Training on other data than the user's own would pass unnoticed.
  if data.path and data.source not in SOURCES_WITH_PATH:
    raise UserError(
      f"{section}.path={data.path!r} is not read by {section}.source="
      f"{data.source!r}: choose {section}.source from "
      f"{', '.join(SOURCES_WITH_PATH)}, or {section}.path=''"
    )
  check_background(data.background)
  if data.background and data.source not in SOURCES_WITH_BACKGROUND:
    raise UserError(
      f"{section}.background={data.background!r} is not read by "
      f"{section}.source={data.source!r}: set it to '', or choose {section}.source "
      f"from {', '.join(SOURCES_WITH_BACKGROUND)}"
    )


def _check_examples(data, section="data"):
  at_least(f"{section}.examples", data.examples, 0)
  seed(f"{section}.examples_seed", data.examples_seed)
  if data.examples and data.source in (*SOURCES_OF_VECTORS, "stacked"):
    raise UserError(
      f"{section}.examples={data.examples} is for images that are stored one by one, "
      f"not for {section}.source={data.source!r}: set it to 0"
    )


def _check_augment(data):
  for name in data.augment:
    choice("data.augment", name, AUGMENTATIONS)
  if data.augment and data.source in SOURCES_OF_VECTORS:
    raise UserError(
      f"data.augment={tuple(data.augment)} has no meaning for data.source="
      f"{data.source!r}: set it to ()"
    )


def _check_balance(data):
  if data.balance and data.source in WITHOUT_CLASSES:
    raise UserError(
      f"data.balance=True needs labels, which data.source={data.source!r} has not of "
      "its own: set it to False"
    )


def check_labels(data: Any, dataset: Dataset) -> None:
  """Refuses balanced batches of data that have no labels for all training images.

  Raises:
    UserError: says how many have none.
  """
  if not data.balance:
    return
  missing = int((dataset.train.labels == UNLABELLED).sum())
  if missing or dataset.num_classes < 2:
    lacking = f"{missing:,} training images of" if missing else "all images of"
    raise UserError(
      f"data.balance=True needs a label for each training image, but {lacking} "
      f"{dataset.name} have none: give them labels, or set it to False"
    )


def check_one_shape(dataset: Dataset) -> None:
  """Refuses two sides whose images have not one shape.

  Raises:
    UserError: says which they have.
  """
  if dataset.second is None:
    return
  shapes = [side.images.shape[1:] for side in dataset.sides]
  if shapes[0] != shapes[1]:
    (height, width, channels), other = shapes
    advice = "set data.image_size and data.second.image_size to one side"
    if channels != other[2]:
      advice = "convert one of them to the channels of the other"
    raise UserError(
      f"{dataset.name} has images of {height}x{width} pixels with {channels} channels, "
      f"{dataset.second.name} of {other[0]}x{other[1]} with {other[2]}, but both sides "
      f"must have one shape: {advice}"
    )


def _check_size(data, section="data"):
  at_least(f"{section}.image_size", data.image_size, 0)
  if data.image_size and data.source in SOURCES_OF_VECTORS:
    raise UserError(
      f"{section}.image_size={data.image_size} has no meaning for {section}.source="
      f"{data.source!r}: set it to 0"
    )


def _check_vectors(data):
  if data.source == "mixture":
    named(data.name)
  at_least("data.patch_size", data.patch_size, 2)
  at_least("data.patches", data.patches, 2)


def _check_stacked(data):
  if data.stacked_digits not in DIGITS:
    raise UserError(
      f"data.stacked_digits={data.stacked_digits} is not allowed: choose one of "
      f"{', '.join(map(str, DIGITS))}"
    )
  at_least("data.stacked_examples", data.stacked_examples, 0)


def _check_fields_of_one_source(data, section="data", among=OF_ONE_SOURCE):
  for field, (source, default) in OF_ONE_SOURCE.items():
    if field in among and data.source != source and data[field] != default:
      raise UserError(
        f"{section}.{field}={data[field]!r} is not read by {section}.source="
        f"{data.source!r}: set it to {default!r}, or choose {section}.source={source!r}"
      )
