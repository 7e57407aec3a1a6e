"""Images that belong to no data set, such as those that a run is applied to."""

import os
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from ml_collections import ConfigDict

from sgae.data import local, npz, pixels
from sgae.data.pairs import ARRAYS
from sgae.data.sources import resized
from sgae.data.store import is_archive, open_file, open_store
from sgae.errors import UserError


class NewImages(NamedTuple):
  """Images uint8 [N, H, W, C] in the order of their names, one name each."""

  names: list[str]
  images: np.ndarray


def read_images(
  place: str,
  config: Any,
  image_shape: tuple[int, ...],
  report: Callable[[str], None],
  *,
  targets: bool = False,
) -> NewImages:
  """Returns an image, or all those of a folder, an archive or a .npz file.

  Classes are not read. Images are read as the data of the run were: with its
  background, and resized where its image_size resized these, which a line says. Those
  of a .npz file are called by their numbers.

  Args:
    place: an image, a folder, a .zip, .tar, .tar.gz or .tgz of one, or a .npz file.
    config: the ConfigDict `config.data` of the run.
    image_shape: (H, W, C) that they have to have.
    report: shows one plain line to the user.
    targets: of a .npz file of pairs, whether the array of the second side is read.

  Raises:
    UserError: it cannot be read, holds no images, or these have another shape.
  """
  if config.image_size not in (0, image_shape[0]):
    config = ConfigDict(config.to_dict() | {"image_size": image_shape[0]})
  root = local.absolute(place)
  what = local.shown(root)
  if root.lower().endswith(".npz"):
    preferred = ARRAYS[1] if targets else ""
    images, changed = npz.images_of(root, report, preferred), 0
    if config.image_size and images.shape[1:3] != (config.image_size,) * 2:
      images, changed = resized(images, config.image_size), len(images)
    names = list(map(str, range(len(images))))
  elif root.lower().endswith(pixels.SUFFIXES) and os.path.isfile(root):
    names, (images, _, changed) = _decoded(open_file(root), what, config, report)
  elif os.path.isdir(root) or is_archive(root):
    names, (images, _, changed) = _decoded(open_store(root), what, config, report)
  elif not os.path.exists(root):
    raise UserError(f"--images={place!r} does not exist: choose images that do")
  else:
    raise UserError(
      f"--images={place!r} is no image, folder, archive or .npz file: choose one"
    )
  if changed:
    report(
      f"Resized {changed:,} of {len(images):,} images to {images.shape[2]}x"
      f"{images.shape[1]} pixels, bilinear, since data.image_size resized the run's own"
    )
  if images.shape[1:] != tuple(image_shape):
    found, wanted = (
      f"{shape[1]}x{shape[0]} pixels with {shape[2]} channels"
      for shape in (images.shape[1:], image_shape)
    )
    raise UserError(
      f"the images of {what} have {found}, but the run takes {wanted}: convert them"
    )
  return NewImages(names, images)


def _decoded(store, what, config, report) -> tuple[list[str], pixels.Decoded]:
  names = [f.name for f in store.files if f.name.lower().endswith(pixels.SUFFIXES)]
  if not names:
    raise UserError(
      f"{what} holds no images ({', '.join(pixels.SUFFIXES)}): choose another place"
    )
  rows = {name: row for row, name in enumerate(names)}
  if others := [f.name for f in store.files if f.name not in rows]:
    report(f"Left out of {what}: {local.shortened(others, 3)}")
  for line in store.unread:
    report(f"Left out of {what}: {line}")

  def items() -> Iterator[pixels.Encoded]:
    for name, content in store.contents(names):
      yield pixels.Encoded(rows[name], store.shown(name), content)

  return names, pixels.decode_all(what, items, len(names), config, report)
