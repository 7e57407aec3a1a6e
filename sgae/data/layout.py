"""Which files are images of which split and class, from their names alone."""

import collections
import re
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from sgae.data import splits
from sgae.data.local import other_source, shortened
from sgae.data.pixels import SUFFIXES
from sgae.errors import UserError

LAYOUT = "<class>/<image> or <image>, both also below train/ and test/"
# StyleGAN's tool numbers its folders and files: 00000/img00000000.png.
_NUMBERED = re.compile(r"\d{5}/img\d{8}\.\w+")
_NAMED = 3


class Image(NamedTuple):
  """An image, with its name below the root of its split and its class, '' if none."""

  name: str
  below: str
  label: str


class Layout(NamedTuple):
  """What a data set holds.

  Attributes:
    train, test: images, sorted by name; `test` is None where `train` has to be split.
    roots: the folders of the splits, '' the root or ending in /.
    left_out: what is not read, one phrase each.
  """

  train: tuple[Image, ...]
  test: tuple[Image, ...] | None
  roots: tuple[str, ...]
  left_out: tuple[str, ...]


Shown = Callable[[str], str]  # the name of a file or folder in messages; '' the root


def arrange(
  shown: Shown, names: Sequence[str], folders: Collection[str], labelled: bool = False
) -> Layout:
  """Finds splits and classes.

  Folders that are named like splits, in any spelling, are never classes. A single
  folder that holds everything is looked through.

  Args:
    shown: `(name) -> the name in messages`; of '' that of the root.
    names: of files, parts joined by /.
    folders: names of folders.
    labelled: whether labels are in a file of their own, so that folders mean nothing.

  Raises:
    UserError: there are no images, or the names are no layout that is read.
  """
  images = sorted(name for name in names if name.lower().endswith(SUFFIXES))
  if not images:
    raise _no_images(shown(""), names)
  root = _root(images, folders)
  tops = {
    name[len(root) :].split("/")[0] for name in images if "/" in name[len(root) :]
  }
  _refuse_domains(shown(root[:-1]), root, [*tops, *root.split("/")])
  named = _split_folders(folders, root)
  left_out = []
  if not named:
    roots, train, test = (root,), _below(images, root), None
  else:
    train, test, roots, unread = _splits(shown, root, images, tops - named, named)
    left_out += unread
  kept = {name for name, _ in [*train, *(test or [])]}
  left_out += _others(names)
  if not labelled:
    left_out += _empty_folders(folders, roots, kept)
  parts = [
    _classes(shown, part, labelled) for part in (train, *([test] if test else []))
  ]
  _refuse_mixture(shown, [image for part in parts for image in part])
  return Layout(parts[0], parts[1] if test else None, roots, tuple(left_out))


def _split_folders(folders: Collection[str], root: str) -> set[str]:
  """Returns the folders directly below the root that are named like a split."""
  below = {folder[len(root) :] for folder in folders if folder.startswith(root)}
  return {name for name in below if splits.split_of(name)}


def _root(images: Sequence[str], folders: Collection[str]) -> str:
  """Returns the folder that holds all images, below any that hold nothing else."""
  root = ""
  while True:
    tops = {name[len(root) :].partition("/")[0] for name in images}
    top = tops.pop()
    rest = [name[len(root) + len(top) + 1 :] for name in images]
    if tops or not all(rest):
      return root
    # a folder of images alone is a class, unless it has the name of a split
    split = splits.split_of(top)
    if not split and any("/" not in name for name in rest):
      return root
    if split and len(_split_folders(folders, root)) > 1:
      return root
    root += f"{top}/"


def _below(images: Sequence[str], root: str) -> list[tuple[str, str]]:
  return [(name, name[len(root) :]) for name in images if name.startswith(root)]


def _splits(
  shown: Shown, root: str, images: Sequence[str], others: set[str], named: set[str]
):
  """Returns training and test images, their roots, and what is beside them."""
  what = shown(root[:-1])
  chosen = splits.choose(what, named)
  loose = [name for name, below in _below(images, root) if "/" not in below]
  if chosen.test is None and (others or loose):
    beside = shortened([*sorted(others), *loose], _NAMED)
    raise UserError(
      f"{what}: {chosen.train}/ is beside {beside}, but a folder named like a split is "
      "no class: rename it, or put a test/ beside it and move the rest away"
    )
  read = [top for top in (chosen.train, chosen.test) if top]
  roots = tuple(f"{root}{top}/" for top in read)
  for place in roots:
    if not _below(images, place):
      raise _no_images(shown(place[:-1]), ())
  train, *rest = (_below(images, place) for place in roots)
  left_out = [
    f"{top}/ ({len(_below(images, f'{root}{top}/')):,} images)"
    for top in sorted([*chosen.others, *others])
  ]
  if loose:
    left_out.append(f"{len(loose):,} images beside {chosen.train}/")
  return train, rest[0] if rest else None, roots, left_out


def _refuse_domains(what: str, root: str, tops: Collection[str]) -> None:
  domains = sorted(top for top in tops if splits.is_domain(top))
  if domains:
    raise UserError(
      f"{what} holds {shortened([f'{name}/' for name in domains], _NAMED)}, the parts "
      "of two sets of images without pairs, which are neither splits nor classes: "
      f"choose one with --config.data.path=.../{root}{domains[0]}"
    )


def _classes(
  shown: Shown, part: Sequence[tuple[str, str]], labelled: bool
) -> tuple[Image, ...]:
  numbered = all(_NUMBERED.fullmatch(below) for _, below in part)
  images = []
  for name, below in part:
    label, _, rest = below.rpartition("/")
    if labelled or numbered:
      label = ""
    elif "/" in label:
      raise UserError(
        f"{shown(name[: -len(rest) - 1])} is a folder inside a class folder; allowed "
        f"is {LAYOUT}: move its images, or choose another folder with "
        "--config.data.path=..."
      )
    images.append(Image(name, below, label))
  return tuple(images)


def _refuse_mixture(shown: Shown, images: Sequence[Image]) -> None:
  flat = [image for image in images if not image.label]
  if 0 < len(flat) < len(images):
    raise UserError(
      f"{shown(flat[0].name)} lies next to class folders; allowed are files or "
      f"class folders, {LAYOUT}: move it into a class folder, or remove it"
    )


def _others(names: Sequence[str]) -> list[str]:
  """Returns how many files of each other type there are."""
  types = collections.Counter(
    _suffix(name) for name in names if not name.lower().endswith(SUFFIXES)
  )
  return [f"{count:,} {kind}" for kind, count in types.most_common()]


def _suffix(name: str) -> str:
  stem, dot, suffix = name.rpartition("/")[2].rpartition(".")
  return f".{suffix.lower()}" if stem and dot else "without a suffix"


def _empty_folders(
  folders: Collection[str], roots: Collection[str], kept: Collection[str]
) -> list[str]:
  """Returns folders in the place of a class that have no image."""
  filled = {name.rpartition("/")[0] for name in kept}
  return [
    f"{folder}/ (no images)"
    for folder in sorted(folders)
    if folder not in filled
    and any(folder.rpartition("/")[0] == root.rstrip("/") for root in roots)
    and not any(f"{folder}/" == root for root in roots)
  ]


def _no_images(what: str, names: Sequence[str]) -> UserError:
  others = _others(names)
  held = f" but {shortened(others, _NAMED)} files" if others else ""
  return UserError(
    f"{what} holds no images{held}; allowed are {', '.join(SUFFIXES)} as {LAYOUT}: "
    "choose such a folder, or an archive of one, with --config.data.path=..."
    f"{other_source(names)}"
  )
