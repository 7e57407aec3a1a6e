"""Encoded images in parquet files, as the Hugging Face hub serves data sets."""

import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from sgae.data import assemble, cache, local, pixels, splits
from sgae.data.dataset import Dataset, Reading
from sgae.data.labels import Classes, as_array, number_classes, unlabelled
from sgae.data.store import File, open_store
from sgae.devices import machine
from sgae.errors import UserError

_RULES = 1  # Increase it when decoding changes: otherwise old cache entries are used.
_IMAGES = ("image", "img")
_LABELS = ("label", "labels")
_ROWS = 64  # at a time: a row may be an image of many megabytes
_NAMED = 6
_WHAT = "a parquet file"


class _Table(NamedTuple):
  """A file that is open: a `pyarrow.parquet.ParquetFile`."""

  path: str
  file: Any


class _Columns(NamedTuple):
  """The columns of a file that are read, and the others."""

  image: str  # of the encoded bytes, with dots
  label: str | None
  names: tuple[str, ...]  # of classes, where the file has them
  unread: tuple[str, ...]


def load(config: Any, report: Callable[[str], None]) -> Dataset:
  """Returns the images of a parquet file, or of all those in a folder.

  The column `image` or `img` holds encoded images, as bytes or as a struct with a field
  `bytes`; `label` or `labels`, where there is one, holds numbers or names. All other
  columns are named. Where the hub's metadata name the classes, these names are used.
  The first word of a file's or folder's name may be a split: train-00000-of-00001,
  validation/0000. `test` is the test split, else `validation`; without either,
  `holdout.py` makes it. How images are decoded: `pixels.decode_all`. The decoded images
  are cached by the names, sizes and times of the files, image_size and background.

  Args:
    config: the ConfigDict `config.data`: path, image_size and background (see
      `pixels.decode_all`), and cache_directory (see `cache.cache_root`).
    report: shows one plain line to the user.

  Returns:
    The data set, named like the file or folder, in the order of the files' names.

  Raises:
    UserError: the data are missing, damaged or have other columns, an image is
      unsuitable, or the cache cannot be written.
  """
  path = local.absolute(config.path)
  files, unread = _files(path)
  key = [_RULES, os.path.realpath(path), files, unread]
  return cache.remember(
    config, "parquet", key, lambda: _decode(path, files, unread, config, report)
  )


def _files(path: str) -> tuple[list[File], list[str]]:
  """Returns the parquet files of a path by their paths, and how many others it has."""
  with local.explained(path, _WHAT):
    status = os.stat(path)
  if not os.path.isdir(path):
    return [File(path, status.st_size, status.st_mtime_ns)], []
  store = open_store(path)
  files = [
    file._replace(name=os.path.join(path, file.name))
    for file in store.files
    if file.name.endswith(".parquet")
  ]
  if not files:
    raise UserError(
      f"{local.shown(path)} holds no .parquet files: choose a folder that does with "
      "--config.data.path=..."
    )
  others = len(store.files) - len(files)
  return files, [f"{others:,} files of other types"] if others else []


def _decode(
  path: str,
  files: Sequence[File],
  unread: Sequence[str],
  config: Any,
  report: Callable[[str], None],
) -> Dataset:
  what = local.shown(path)
  parts, left_out = _splits(what, path, [file.name for file in files])
  tables = [_open(file) for part in parts for file in part]
  columns = _columns(what, tables)
  num_train = sum(_rows(tables[: len(parts[0])]))

  def items(index: np.ndarray) -> Iterator[pixels.Encoded]:
    images = _images(tables, columns.image)
    for place, (row, content) in zip(index, images, strict=True):
      yield pixels.Encoded(int(place), row, content)

  return assemble.from_encoded(
    local.shown(os.path.basename(path)),
    what,
    num_train if len(parts) > 1 else None,
    _classes(what, tables, columns),
    items,
    config,
    report,
    Reading(
      f"parquet {what}",
      local.shown(os.path.relpath(parts[-1][0], path)),
      left_out=(*left_out, *(f"column {name!r}" for name in columns.unread), *unread),
    ),
  )


def _splits(
  what: str, root: str, files: Sequence[str]
) -> tuple[list[list[str]], list[str]]:
  """Returns the files of each split that is read, training first, and what is not."""
  groups: dict[str, list[str]] = {}
  for file in files:
    groups.setdefault(_split_of(os.path.relpath(file, root)), []).append(file)
  named = groups.keys() - {""}
  if not named or files == [root]:
    return [list(files)], []
  train, test, others = splits.choose(what, named)
  left_out = [
    f"{len(groups[split]):,} files of {split or 'no split'}"
    for split in (*others, "")
    if split in groups
  ]
  return [groups[split] for split in (train, test) if split], left_out


def _split_of(name: str) -> str:
  """Returns the split that the last part of a name with one names, '' if none does."""
  words = [re.split(r"[-_.]", part)[0] for part in name.split(os.sep)]
  found = [split for word in words if (split := splits.split_of(word))]
  return found[-1] if found else ""


def _open(file: str) -> _Table:
  import pyarrow.parquet

  with local.explained(file, _WHAT):
    table = pyarrow.parquet.ParquetFile(file)
    metadata, memory = table.metadata, machine.memory()
    for group in range(metadata.num_row_groups):
      for column in range(metadata.num_columns):
        size = metadata.row_group(group).column(column).total_uncompressed_size
        if size > memory:
          raise UserError(
            f"{local.shown(file)} declares {size / 2**30:,.2f} GiB in a column, more "
            f"than the {memory / 2**30:,.2f} GiB of memory here; write smaller row "
            "groups"
          )
    return _Table(file, table)


def _rows(tables: Sequence[_Table]) -> list[int]:
  return [table.file.metadata.num_rows for table in tables]


def _columns(what: str, tables: Sequence[_Table]) -> _Columns:
  """Returns the columns that are read, which all files must have alike."""
  found = {_columns_of(what, table) for table in tables}
  if len({(each.image, each.label, each.names) for each in found}) > 1:
    raise UserError(
      f"{what} has files with different columns or classes: choose one data set with "
      "--config.data.path=..."
    )
  columns = found.pop()
  if not sum(_rows(tables)):
    raise UserError(f"{what} holds no rows: choose data with images")
  return columns


def _columns_of(what: str, table: _Table) -> _Columns:
  import pyarrow as pa

  with local.explained(table.path, _WHAT):
    schema = table.file.schema_arrow
  images = [name for name in _IMAGES if name in schema.names]
  kind = schema.field(images[0]).type if images else None
  path = images[0] if images else ""
  if (
    kind is not None and pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0
  ):
    path, kind = f"{path}.bytes", kind.field("bytes").type
  if kind is None or not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
    held = local.shortened([f"{f.name}: {f.type}" for f in schema], _NAMED)
    raise UserError(
      f"{local.shown(table.path)} has the columns {held or 'none'}; allowed is 'image' "
      "with encoded images, as bytes or as a struct with 'bytes', and 'label': rename "
      "or convert them"
    )
  label = next((name for name in _LABELS if name in schema.names), None)
  unread = tuple(name for name in schema.names if name not in (images[0], label))
  return _Columns(path, label, _names(schema.metadata, label), unread)


def _names(metadata: Any, label: str | None) -> tuple[str, ...]:
  """Returns the names of the classes from the hub's metadata, () if it has none."""
  try:
    features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
    return tuple(map(str, features[label]["names"]))
  except (KeyError, TypeError, ValueError):
    return ()


def _classes(what: str, tables: Sequence[_Table], columns: _Columns) -> Classes:
  """Returns the classes of all rows."""
  if columns.label is None:
    return unlabelled(sum(_rows(tables)))
  values: list[Any] = []
  for table in tables:
    with local.explained(table.path, _WHAT):
      values += table.file.read(columns=[columns.label]).column(0).to_pylist()
  classes = number_classes(
    f"{what}: {columns.label!r}", as_array(f"{what}: {columns.label!r}", values)
  )
  if not columns.names:
    return classes
  named = [
    columns.names[int(name)] if name.isdecimal() and int(name) < len(columns.names)
    else name
    for name in classes.names
  ]  # fmt: skip
  return classes._replace(names=tuple(named))


def _images(tables: Sequence[_Table], column: str) -> Iterator[tuple[str, bytes]]:
  """Yields all encoded images in order, each with its place in messages."""
  import pyarrow as pa

  for table in tables:
    number, declared = 0, table.file.metadata.num_rows
    with local.explained(table.path, _WHAT):
      for batch in table.file.iter_batches(_ROWS, columns=[column]):
        values: Any = batch.column(0)
        if pa.types.is_struct(values.type):
          [values] = values.flatten()
        for value in values:
          row, content = f"{local.shown(table.path)}: row {number}", value.as_py()
          if number == declared:
            raise ValueError(f"it has more than the {declared:,} rows that it declares")
          if content is None:
            raise UserError(f"{row} has no image: remove it, or store its bytes")
          yield row, content
          number += 1
      if number != declared:
        raise ValueError(f"it has {number:,} rows and declares {declared:,}")
