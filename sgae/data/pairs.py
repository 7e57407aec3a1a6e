"""Pairs of images: each example has a partner on the second side.

A .npz file holds `images` and `targets`, a folder A/ and B/ with files of equal names.
"""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from sgae.data import assemble, folder, local, npz
from sgae.data.dataset import Dataset, Reading
from sgae.data.labels import number_classes, unlabelled
from sgae.data.store import open_store
from sgae.errors import UserError

SIDES = ("A", "B")  # folders of the two sides
ARRAYS = ("images", "targets")  # arrays of the two sides
LABELS = "labels"
_HOW_TO_WRITE = "write it with numpy.savez(file, images=images, targets=targets)"


def load(config: Any, report: Callable[[str], None]) -> tuple[Dataset, Dataset]:
  """Returns both sides; example i of each split belongs to example i of the other.

  Args:
    config: the ConfigDict `config.data`; `source` is 'npz' or 'folder'.
    report: shows one plain line to the user.

  Raises:
    UserError: the data are missing, damaged or no pairs.
  """
  return (_from_npz if config.source == "npz" else _from_folder)(config, report)


def _from_npz(config: Any, report: Callable[[str], None]) -> tuple[Dataset, Dataset]:
  """Reads uint8 arrays [N, H, W, C] or [N, H, W], and `labels` [N] where there are any.

  `holdout.py` makes the test split.
  """
  del report
  path = local.absolute(config.path)
  file, name = local.shown(path), local.shown(os.path.basename(path))
  with npz.opened(path, file, _HOW_TO_WRITE) as stored:
    if missing := [key for key in ARRAYS if key not in stored.files]:
      raise UserError(
        f"{file} holds {npz.listed(stored.files)}, but no array {missing[0]!r}, which "
        f"data.paired=True needs: {_HOW_TO_WRITE}"
      )
    keys = [key for key in (*ARRAYS, LABELS) if key in stored.files]
    arrays = {key: npz.array_of(file, stored, key, _HOW_TO_WRITE) for key in keys}
    others = tuple(f"array {key!r}" for key in stored.files if key not in keys)
  images = [npz.checked_images(f"{file}: {key!r}", arrays[key]) for key in ARRAYS]
  counts = [len(arrays[key]) for key in keys]
  if len(set(counts)) > 1:
    raise UserError(
      f"{file}: {' and '.join(map(repr, keys))} have {', '.join(map(str, counts))} "
      f"entries; all must have as many: {_HOW_TO_WRITE}"
    )
  classes = unlabelled(counts[0])
  if LABELS in arrays:
    classes = number_classes(f"{file}: {LABELS!r}", arrays[LABELS])
  first, second = (
    assemble.from_arrays(
      name, file, [side], classes, Reading(f"array {key!r} of {file}", left_out=others)
    )
    for side, key in zip(images, ARRAYS, strict=True)
  )
  return first, second


def _from_folder(config: Any, report: Callable[[str], None]) -> tuple[Dataset, Dataset]:
  """Reads A/ and B/, each a folder as `folder.load` takes it."""
  root = local.absolute(config.path)
  places = [os.path.join(root, side) for side in SIDES]
  for place in places:
    if not os.path.isdir(place):
      raise UserError(
        f"data.paired=True needs the folders {' and '.join(SIDES)} in "
        f"{local.shown(root)}, but {local.shown(place)} is no folder: make it, with "
        "files of the same names as in the other"
      )
  names = [{file.name for file in open_store(place).files} for place in places]
  if alone := sorted(names[0] ^ names[1]):
    raise UserError(
      f"{local.shown(root)}: {local.shortened(alone, 3)} of {len(alone):,} files that "
      "are in A alone or B alone: give each a partner of the same name, or remove it"
    )
  first, second = (
    folder.load(ConfigDict(config.to_dict() | {"path": place}), report)
    for place in places
  )
  for mine, other in ((first.train, second.train), (first.test, second.test)):
    if not np.array_equal(mine.labels, other.labels):  # then their splits differ too
      raise UserError(
        f"{local.shown(root)}: files of the same name have other labels in A than in "
        "B: make them equal, or leave them out"
      )
  return first, second
