"""Labels in a file beside the images: StyleGAN's dataset.json, or a CSV."""

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from sgae.data.dataset import UNLABELLED
from sgae.data.labels import as_array
from sgae.data.local import shortened
from sgae.errors import UserError

JSON = "dataset.json"
_FILES = ("file", "filename", "file_name", "image", "image_id", "path", "name", "id")
_LABELS = ("label", "labels", "class", "category", "target", "y")
_DELIMITERS = ",;\t"  # semicolons where a comma is in numbers
_NAMED = 3


Table = Mapping[str, Any]  # file -> label as stored


class Labels(NamedTuple):
  """Labels of images, in their order, and the rows that they come from."""

  values: np.ndarray
  keys: tuple[str, ...]


def candidates(names: Sequence[str], roots: Sequence[str]) -> list[str]:
  """Returns the files that may hold labels, in the folders of the splits or above."""
  folders = {root[:at] for root in roots for at in _ends(root)}
  return [
    name
    for name in names
    if name[: name.rfind("/") + 1] in folders
    and (name.rpartition("/")[2] == JSON or name.lower().endswith(".csv"))
  ]


def _ends(root: str) -> list[int]:
  """Returns where the names of the folders down to the root end."""
  return [0, *(at + 1 for at, letter in enumerate(root) if letter == "/")]


def nearest(what: str, names: Sequence[str], root: str) -> str:
  """Returns the file of labels that counts for a split: the one nearest to its root.

  Raises:
    UserError: there are two of them, or none.
  """
  for at in reversed(_ends(root)):
    found = [name for name in names if name[: name.rfind("/") + 1] == root[:at]]
    if len(found) > 1:
      raise UserError(
        f"{what} has two files of labels, {shortened(found, _NAMED)}: remove one"
      )
    if found:
      return found[0]
  raise UserError(
    f"{what} has labels in {shortened(names, _NAMED)}, but none for {root}: add them, "
    "or remove the file"
  )


def parse(what: str, name: str, content: bytes) -> Table | None:
  """Returns the labels by file; None if the file holds none.

  Args:
    what: the file in messages.
    name: of it; its end says which kind it is.
    content: all of it.

  Raises:
    UserError: the file is damaged, or gives one image two labels.
  """
  try:
    if name.endswith(JSON):
      rows = json.loads(content)["labels"]
      pairs = [(str(file), label) for file, label in rows] if rows else None
    else:
      pairs = _csv(content.decode("utf-8-sig"))
  except (ValueError, TypeError, KeyError, RecursionError, csv.Error) as error:
    raise UserError(
      f"{what} cannot be read as labels ({type(error).__name__}); allowed are "
      '{"labels": [[file, class], ...]} and a CSV with the columns file and label: '
      "write it again, or remove it"
    ) from error
  if pairs is None:
    return None
  labels = dict(pairs)
  if len(labels) < len(pairs):
    twice = {file for file, label in pairs if labels[file] != label}
    if twice:
      raise UserError(
        f"{what} gives more than one label to {shortened(sorted(twice), _NAMED)}; "
        "allowed is one for each image: remove the others"
      )
  return labels


def _csv(text: str) -> list[tuple[str, str]] | None:
  header = text.partition("\n")[0]
  split_by = max(_DELIMITERS, key=header.count)
  rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=split_by)
  columns = {str(column).strip().lower(): column for column in rows.fieldnames or ()}
  files = [columns[name] for name in _FILES if name in columns]
  labels = [columns[name] for name in _LABELS if name in columns]
  if not files or not labels:
    return None

  def cell(row, column):  # a short row has no value there
    return (row[column] or "").strip()

  none = str(UNLABELLED)
  pairs = [(cell(row, files[0]), cell(row, labels[0]) or none) for row in rows]
  if all(label == none or re.fullmatch(r"-?\d+\.0", label) for _, label in pairs):
    # whole numbers, as pandas writes a column in which some are missing
    return [(file, label.removesuffix(".0")) for file, label in pairs]
  return pairs


def look_up(what: str, stored: Table, names: Sequence[str]) -> Labels:
  """Returns the label of each image.

  An image is named by its place below the file of labels, or by its own name where
  that is unique, with or without the suffix.

  Args:
    what: the file of labels in messages.
    stored: from `parse`.
    names: of the images, below the folder of that file.

  Raises:
    UserError: an image has no label.
  """
  keys = [_keys(name) for name in names]
  counts: dict[str, int] = {}
  for key in (key for own in keys for key in set(own)):
    counts[key] = counts.get(key, 0) + 1
  used = [
    next((key for key in own if key in stored and counts[key] == 1), None)
    for own in keys
  ]
  missing = [name for name, key in zip(names, used, strict=True) if key is None]
  if missing:
    raise UserError(
      f"{what} has no label of {len(missing):,} of {len(names):,} images "
      f"({shortened(missing, _NAMED)}): add them, or remove the images or the file"
    )
  found = tuple(key for key in used if key is not None)
  return Labels(as_array(what, [stored[key] for key in found]), found)


def _keys(name: str) -> tuple[str, ...]:
  """Returns the names by which an image may be listed, the most exact first."""
  base = name.rpartition("/")[2]
  return (name, base, name.rpartition(".")[0], base.rpartition(".")[0])
