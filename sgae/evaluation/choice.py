"""What a user chooses of the samples of a run: which ones, of which state, how near."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.npyio import NpzFile

from sgae.config_checks import non_negative
from sgae.data.local import absolute
from sgae.devices import machine
from sgae.errors import UserError

MOST = 10_000_000  # samples of one command
EACH = 10  # samples of a class where no number is given: a row of the grid
LARGEST = 2**31 - 1  # number of a sample


class Choice(NamedTuple):
  """The flags of `--mode=sample`; the defaults are samples 0 to N - 1 of the run.

  Attributes:
    seed: that the samples are drawn with; -1: the run's.
    indices: numbers of the samples, such as '0-9,42'; '': the first ones.
    latents: a .npz file with the latents to make images of; '': they are drawn.
    step: of the checkpoint; -1: the best where it is kept, else the newest.
    truncation: psi, by which codes keep their distance to the mean code; 1: all of it.
    raw: whether the parameters of the last step generate, and not their average.
    classes: of the samples, such as '7' or '0-9x10'; '': all in turn.
  """

  seed: int = -1
  indices: str = ""
  latents: str = ""
  step: int = -1
  truncation: float = 1.0
  raw: bool = False
  classes: str = ""


def check(choice: Choice, num_samples: int) -> None:
  """Refuses choices that are impossible, alone or together.

  Args:
    choice: of the user.
    num_samples: as `--num_samples` says.
  """
  if not 0 <= num_samples <= MOST:
    raise UserError(f"--num_samples={num_samples} is not allowed: choose 0 to {MOST}")
  if not -1 <= choice.seed < 2**32:
    raise UserError(f"--seed={choice.seed} is not allowed: choose 0 to 2**32 - 1")
  non_negative("--truncation", choice.truncation)
  if choice.indices and num_samples:
    raise UserError(
      "--indices and --num_samples both say which samples: give one of them"
    )
  if choice.classes and (choice.indices or num_samples or choice.latents):
    raise UserError(
      f"--classes={choice.classes} says which samples and how many of each: leave out "
      "--indices, --num_samples and --latents"
    )
  if choice.latents and (choice.indices or num_samples or choice.seed != -1):
    raise UserError(
      f"--latents={choice.latents} says what images are made of: leave out --seed, "
      "--indices and --num_samples"
    )


def numbers_of(indices: str, flag: str = "--indices") -> np.ndarray:
  """Returns the numbers that a text such as '0-9,42' names, int32 [N], in its order.

  Args:
    indices: the text.
    flag: that the user gave it by.

  Raises:
    UserError: it cannot be read, names one twice or more than 10 million.
  """
  spans: list[range] = []
  for part in indices.split(","):
    first, dash, last = part.strip().partition("-")
    if not (first.isdecimal() and (last.isdecimal() if dash else True)):
      raise UserError(
        f"{flag}={indices!r} cannot be read at {part!r}: give numbers and ranges "
        "from 0 up, such as 0-9,42"
      )
    spans.append(range(int(first), int(last if dash else first) + 1))
  if not all(spans) or max(span[-1] for span in spans) > LARGEST:
    raise UserError(
      f"{flag}={indices!r} has a range that goes backwards or beyond {LARGEST}: "
      "give numbers and ranges from 0 up, such as 0-9,42"
    )
  if sum(map(len, spans)) > MOST:
    raise UserError(f"{flag}={indices!r} names more than {MOST}: name fewer")
  numbers = np.concatenate([np.arange(s.start, s.stop, dtype=np.int32) for s in spans])
  if len(np.unique(numbers)) < len(numbers):
    raise UserError(f"{flag}={indices!r} names one twice: name each once")
  return numbers


def numbers_of_classes(text: str, names: Sequence[str]) -> np.ndarray:
  """Returns the numbers of the first samples of some classes, int32 [N], in order.

  Sample i is of the class i modulo K.

  Args:
    text: parts such as 'Sandal', '7', '0-9' or '0-9x100', split by commas: classes, or
      ranges of them, by their names or numbers, and how many samples of each.
    names: of the K classes.

  Raises:
    UserError: it cannot be read, or names a class that there is not, or one twice.
  """
  chosen: dict[int, int] = {}
  for part in map(str.strip, text.split(",")):
    classes, count = _span(part, names), EACH
    if not classes:
      span, _, times = part.rpartition("x")
      if times.isdecimal() and 0 < int(times) <= MOST:
        classes, count = _span(span, names), int(times)
    if not classes:
      shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
      raise UserError(
        f"--classes={text!r} cannot be read at {part!r}: give classes or ranges of "
        f"{shown}, and how many of each after an x, such as {names[0]}x10"
      )
    if chosen.keys() & set(classes):
      raise UserError(f"--classes={text!r} names a class twice: name each once")
    chosen |= dict.fromkeys(classes, count)
  if sum(chosen.values()) > MOST or max(chosen.values()) * len(names) > LARGEST:
    raise UserError(f"--classes={text!r} asks for too many samples: ask for fewer")
  return np.concatenate(
    [number + len(names) * np.arange(count) for number, count in chosen.items()]
  ).astype(np.int32)


def _span(text: str, names: Sequence[str]) -> range:
  """Returns the numbers of a class, or of a range of classes; empty for neither."""
  number = class_number(text, names)
  if number is not None:
    return range(number, number + 1)
  parts = text.split("-")  # a name may have a '-' of its own
  for cut in range(1, len(parts)):
    ends = ("-".join(parts[:cut]), "-".join(parts[cut:]))
    first, last = (class_number(end, names) for end in ends)
    if first is not None and last is not None:
      return range(first, last + 1)
  return range(0)


def class_number(text: str, names: Sequence[str]) -> int | None:
  """Returns the number of a class by its name, or else by its number.

  Where all names are numbers, as of classes 1 to 26, they are names alone.
  """
  if text in names:
    return list(names).index(text)
  numbered = all(name.isdecimal() for name in names)
  known = not numbered and text.isdecimal() and int(text) < len(names)
  return int(text) if known else None


def read_latents(file: str, shape: Sequence[int]) -> np.ndarray:
  """Returns the latents in a .npz file, float32 [N, *shape].

  Args:
    file: with one array, or one that is called 'latents', as a set of samples has it.
    shape: of one latent.

  Raises:
    UserError: the file cannot be read, or holds no such array.
  """
  path, allowed = Path(absolute(file)), f"numbers of the shape [N, {_row(shape)}]"
  try:
    # numpy.load would take any file that is not zip or .npy for a pickle
    with open(path, "rb") as handle, NpzFile(handle, allow_pickle=False) as stored:
      name = "latents" if "latents" in stored.files else "".join(stored.files[:1])
      if len(stored.files) != 1 and name != "latents":
        raise ValueError(f"it holds {', '.join(stored.files) or 'no arrays'}")
      archive: Any = stored.zip
      if sum(info.file_size for info in archive.infolist()) > machine.memory():
        raise ValueError("it unpacks to more than the memory")
      array: Any = stored[name]
  except (OSError, ValueError, KeyError, AttributeError, zipfile.BadZipFile) as error:
    raise UserError(
      f"--latents={file} cannot be read ({' '.join(str(error).split())}): give a .npz "
      f"file with one array, or one that is called 'latents', of {allowed}"
    ) from error
  numeric = isinstance(array, np.ndarray) and array.dtype.kind in "iuf"
  if not numeric or array.shape[1:] != tuple(shape) or not len(array):
    raise UserError(
      f"--latents={file} holds {getattr(array, 'dtype', type(array).__name__)} "
      f"{getattr(array, 'shape', '')}: give {allowed}, the latents of this run"
    )
  latents = array.astype(np.float32)
  if not np.isfinite(latents).all() or len(latents) > MOST:
    raise UserError(
      f"--latents={file} has numbers that are not finite, or more than {MOST} latents: "
      f"give {allowed}"
    )
  return latents


def _row(shape: Sequence[int]) -> str:
  return ", ".join(map(str, shape))
