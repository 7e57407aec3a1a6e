"""Image files in a folder or an archive, decoded once and then read from the cache."""

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from sgae.data import assemble, cache, label_files, layout, local, pixels
from sgae.data.dataset import Dataset, Reading
from sgae.data.labels import Classes, number_classes, unlabelled
from sgae.data.store import Store, open_store

_RULES = 2  # Increase it when decoding changes: otherwise old cache entries are used.


def load(config: Any, report: Callable[[str], None]) -> Dataset:
  """Returns the images of a folder, or of a .zip, .tar, .tar.gz or .tgz of one.

  The files are in class folders, <class>/<file>, or flat, <file>; either also below
  folders that are named like splits, `train/` with `test/` or, without it, `val/`, in
  any usual spelling. Nothing else beside the splits is read. Without a test split,
  `holdout.py` makes it of the files sorted by name. Classes are numbered in the order
  of their names; flat files all have class 0. A single folder that holds everything is
  looked through.

  Labels may also be in a file beside the images: StyleGAN's `dataset.json`, or a CSV
  with the columns file and label. Then folders mean nothing.

  Files ending in .png, .jpg, .jpeg, .jfif, .bmp, .webp, .gif, .tif or .tiff are images.
  Hidden files (with a leading dot) and what systems leave behind (__MACOSX, Thumbs.db)
  are ignored; all others are counted and named. In a folder links are followed, except
  to a folder above them. How images are decoded: `pixels.decode_all`. The decoded
  images are cached by the names, sizes and times of the files, image_size and
  background.

  Args:
    config: the ConfigDict `config.data`: path, image_size and background (see
      `pixels.decode_all`), and cache_directory (see `cache.cache_root`).
    report: shows one plain line to the user.

  Returns:
    The data set, named like the folder or archive, each split sorted by name.

  Raises:
    UserError: the data are missing, empty or have another layout, an image is damaged
      or unsuitable, or the cache cannot be written.
  """
  root = local.absolute(config.path)
  store = open_store(root)
  key = [_RULES, os.path.realpath(root), store.files, store.folders, store.unread]
  return cache.remember(
    config, "folder", key, lambda: _decode(root, store, config, report)
  )


def _decode(
  root: str, store: Store, config: Any, report: Callable[[str], None]
) -> Dataset:
  what = local.shown(root)
  arranged, tables = _arrange(store)
  classes, unused = _classes(what, store, arranged, tables)
  images = [*arranged.train, *(arranged.test or ())]
  rows = {image.name: row for row, image in enumerate(images)}

  def items(index: np.ndarray) -> Iterator[pixels.Encoded]:
    for name, content in store.contents(list(rows)):
      yield pixels.Encoded(int(index[rows[name]]), store.shown(name), content)

  return assemble.from_encoded(
    local.shown(os.path.basename(root)),
    what,
    len(arranged.train) if arranged.test else None,
    classes,
    items,
    config,
    report,
    Reading(
      f"{store.kind} {what}",
      arranged.roots[-1],
      left_out=(*arranged.left_out, *store.unread, *unused),
    ),
  )


def _arrange(
  store: Store,
) -> tuple[layout.Layout, dict[str, label_files.Table]]:
  """Returns the layout, and the files of labels by name where there are any."""
  names = [file.name for file in store.files]
  arranged = layout.arrange(store.shown, names, store.folders, labelled=True)
  listed = label_files.candidates(names, arranged.roots)
  tables = {
    name: table
    for name, content in store.contents(listed)
    if (table := label_files.parse(store.shown(name), name, _bytes(content)))
  }
  rest = [name for name in names if name not in tables]
  return layout.arrange(store.shown, rest, store.folders, bool(tables)), tables


def _bytes(content: str | bytes) -> bytes:
  if isinstance(content, bytes):
    return content
  with local.explained(content, "a file of labels"), open(content, "rb") as file:
    return file.read(pixels.MOST_BYTES)


def _classes(
  what: str,
  store: Store,
  arranged: layout.Layout,
  tables: Mapping[str, label_files.Table],
) -> tuple[Classes, list[str]]:
  """Returns the classes of all images in a row, and what of the labels is not used."""
  parts = [arranged.train, *([arranged.test] if arranged.test else [])]
  if not tables:
    names = [image.label for part in parts for image in part]
    if not any(names):
      return unlabelled(len(names)), []
    kinds = sorted(set(names))
    numbers = {name: number for number, name in enumerate(kinds)}
    labels = np.array([numbers[name] for name in names], np.int32)
    return Classes(labels, tuple(kinds), ()), []
  values, used = [], {}
  for root, part in zip(arranged.roots, parts, strict=False):
    name = label_files.nearest(what, list(tables), root)
    folder = name[: name.rfind("/") + 1]
    below = [image.name[len(folder) :] for image in part]
    found = label_files.look_up(store.shown(name), tables[name], below)
    values.append(found.values)
    used.setdefault(name, set()).update(found.keys)
  unused = [
    f"{len(tables[name]) - len(keys):,} rows of {local.shown(name)} without an image"
    for name, keys in used.items()
    if len(keys) < len(tables[name])
  ]
  classes = number_classes(f"{what}: labels", np.concatenate(values))
  where = f"labels from {local.shortened(list(used), 2)}"
  return classes._replace(changed=(where, *classes.changed)), unused
