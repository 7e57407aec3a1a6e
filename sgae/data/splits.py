"""The names of splits as people write them, and which of them are read."""

import re
from collections.abc import Collection
from typing import NamedTuple

from sgae.data.local import shortened
from sgae.errors import UserError

_WORDS = {
  "train": ("train", "training"),
  "test": ("test", "testing", "t10k"),
  "val": ("val", "valid", "validation", "dev"),
}
_SPLITS = {word: split for split, words in _WORDS.items() for word in words}
# trainA, test_B: two sets of images without pairs, as CycleGAN's data are stored
_DOMAIN = re.compile(r"(?:train|test|val|valid)[-_]?[ab]", re.IGNORECASE)


class Chosen(NamedTuple):
  """Which splits are read, by their names in the data.

  Attributes:
    train: the training split.
    test: the test split; None: it is made of `train`.
    others: those that are not read.
  """

  train: str
  test: str | None
  others: tuple[str, ...]


def split_of(name: str) -> str | None:
  """Returns 'train', 'test' or 'val' for one of their spellings, else None.

  >>> split_of("Validation"), split_of("trainer")
  ('val', None)
  """
  return _SPLITS.get(name.lower())


def is_domain(name: str) -> bool:
  """Says whether a name is a split of one of two sets without pairs, like 'trainA'."""
  return bool(_DOMAIN.fullmatch(name))


def choose(what: str, names: Collection[str]) -> Chosen:
  """Chooses the splits that are read.

  'test' is the test split where it exists, else 'val'; with 'train' alone the test
  split is made of it.

  Args:
    what: the data in messages.
    names: at least one, each a spelling of a split.

  Raises:
    UserError: there are two spellings of one split, or no 'train'.
  """
  by_split: dict[str, str] = {}
  for name in sorted(names):
    split = split_of(name) or name
    if split in by_split:
      raise UserError(
        f"{what} has {by_split[split]!r} and {name!r}, which name the same split: "
        "rename or move one of them"
      )
    by_split[split] = name
  if "train" not in by_split:
    raise UserError(
      f"{what} has {shortened(sorted(names), 3)} but no training split: name one "
      "'train', or choose a part of it with --config.data.path=..."
    )
  test = by_split.get("test", by_split.get("val"))
  read = (by_split["train"], test)
  others = tuple(name for name in by_split.values() if name not in read)
  return Chosen(by_split["train"], test, others)
