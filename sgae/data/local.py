"""What the sources of a user's own files share: paths, lists of names, one warning."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from sgae.data.dataset import Dataset, labelled, names_of_classes
from sgae.data.decode import one_line
from sgae.errors import UserError

_SOURCES_BY_END = {".npz": "npz", ".parquet": "parquet", "-ubyte": "idx"}


def absolute(path: str) -> str:
  """Returns a path that a user gave as an absolute one; expands a leading ~."""
  return os.path.abspath(os.path.expanduser(path))


def shown(path: str) -> str:
  """Returns a path as one printable line, for messages.

  A file name on Linux may contain line ends or bytes that are not UTF-8. Such a path is
  quoted and escaped; all others, in any script, are unchanged.
  """
  return path if path.isprintable() else repr(path)


def shortened(names: Sequence[str], most: int) -> str:
  """Returns a list of names as one short line: at most so many, and how many more.

  >>> shortened(["a", "b", "c"], 2)
  'a, b and 1 more'
  """
  line = ", ".join(shown(name) for name in names[:most])
  return f"{line} and {len(names) - most:,} more" if len(names) > most else line


def other_source(names: Iterable[str]) -> str:
  """Returns advice for files that another value of config.data.source reads, or ''."""
  for name in names:
    for end, source in _SOURCES_BY_END.items():
      if name.lower().removesuffix(".gz").endswith(end):
        return f"; {end} is read by --config.data.source={source}"
  return ""


@contextmanager
def explained(path: str, what: str, advice: str = "replace it") -> Iterator[None]:
  """Turns whatever a missing or damaged file raises inside the block into one line.

  Args:
    path: the file.
    what: that it should be, such as 'a zip file'.
    advice: what to do with a damaged one.

  Raises:
    UserError: for any error.
  """
  try:
    yield
  except UserError:
    raise
  except MemoryError as error:
    raise UserError(
      f"{shown(path)} does not fit into memory; store less in it"
    ) from error
  except Exception as error:  # Each format has its own kinds, and damage has more.
    if isinstance(error, OSError) and error.errno is not None:
      raise UserError(
        f"{shown(path)} cannot be read ({error.strerror or error}); choose {what} with "
        "--config.data.path=..."
      ) from error
    raise UserError(
      f"{shown(path)} is not {what}, or is damaged or truncated ({one_line(error)}); "
      f"{advice}"
    ) from error


def warn_of_one_class(dataset: Dataset, report: Callable[[str], None]) -> None:
  """Warns if all labels are the same; not an error, since no loss needs labels."""
  splits = (labelled(dataset.train), labelled(dataset.test))
  first = next(label for split in splits for label in split.labels[:1])
  if all((split.labels == first).all() for split in splits):
    name = shown(names_of_classes(dataset)[first])
    report(
      f"Warning: all labels of {dataset.name} are one class ({name}); training "
      "continues without the measures that need classes"
    )
