"""What a user asks of `--mode=invert` and `--mode=edit`."""

from collections.abc import Sequence
from typing import NamedTuple

from sgae.editing.edits import Set
from sgae.errors import UserError
from sgae.evaluation import choice as samples
from sgae.evaluation.choice import numbers_of

EDITS = ("set", "towards", "transfer", "along")
MOST_STRENGTHS, MOST_ITERATIONS = 50, 100_000
LARGEST = 1e6  # number that is added to a latent, or that a change is multiplied by
PRINCIPAL = "pca"


class InvertChoice(NamedTuple):
  """The flags of `--mode=invert`.

  Attributes:
    images: an image, a folder, an archive or a .npz file, see `data.new_images`.
    space: 'code' or 'latent'.
    iterations: of Adam; 0: the start alone.
    seed: of the draws that images start from; -1: the run's.
  """

  images: str = ""
  space: str = "code"
  iterations: int = 300
  seed: int = -1


class EditChoice(NamedTuple):
  """The flags of `--mode=edit`.

  Attributes:
    images: an image, a folder, an archive or a .npz file, inverted first; an
      `invert.npz` of the run holds their points already. '': samples are edited.
    space: 'code' or 'latent'.
    iterations: of the inversion; 0: images are only encoded.
    seed, indices, num_samples: of the samples, as for `--mode=sample`; 8 by default.
    set: latents and what they become, such as '17=+2,40=0'.
    towards: a class, such as '8', or with at most 20 latents '8:20'.
    transfer: the row of another image, and which of its latents: '3' or '3:17,40-45'.
    along: a principal direction from 0 up, such as 'pca:3'.
    strengths: what the change is multiplied by, such as '0,0.5,1'.
  """

  images: str = ""
  space: str = "code"
  iterations: int = 300
  seed: int = -1
  indices: str = ""
  num_samples: int = 0
  set: str = ""
  towards: str = ""
  transfer: str = ""
  along: str = ""
  strengths: str = "0,0.5,1,1.5,2"


def check_inversion(choice: InvertChoice) -> None:
  """Refuses choices that are impossible, before anything is read.

  Raises:
    UserError: there are no images, or a number is out of its range.
  """
  if not choice.images:
    raise UserError(
      "--mode=invert needs images: give --images=PLACE, an image, a folder, "
      "an archive or a .npz file"
    )
  _check_iterations(choice.iterations)
  samples.check(samples.Choice(seed=choice.seed), 0)


def _check_iterations(iterations: int) -> None:
  if not 0 <= iterations <= MOST_ITERATIONS:
    raise UserError(
      f"--iterations={iterations} is not allowed: choose 0 to {MOST_ITERATIONS:,}"
    )


def check(choice: EditChoice) -> None:
  """Refuses choices that are impossible together, before anything is read.

  Raises:
    UserError: there is not exactly one edit, or images and samples are both named.
  """
  given = [kind for kind in EDITS if getattr(choice, kind)]
  if len(given) != 1:
    flags = ", ".join(f"--{kind}" for kind in EDITS)
    said = " and ".join(f"--{kind}" for kind in given) or "none"
    raise UserError(
      f"--mode=edit takes exactly one of {flags}, but was given {said}: give one"
    )
  if choice.images and (choice.indices or choice.num_samples):
    raise UserError(
      "--images and --indices or --num_samples both say what is edited: give one"
    )
  if not choice.images and choice.iterations != EditChoice().iterations:
    raise UserError(
      f"--iterations={choice.iterations} is of the search for the points of --images: "
      "give these, or leave it out, since samples have their points"
    )
  _check_iterations(choice.iterations)
  own = samples.Choice(seed=choice.seed, indices=choice.indices)
  samples.check(own, choice.num_samples)


def parse_sets(text: str, size: int) -> list[Set]:
  """Returns what latents become, of a text such as '17=+2,40=0'.

  A number with a sign is added to the latent's own value, one without is its new value.

  Args:
    text: of `--set`.
    size: how many latents a point has.

  Raises:
    UserError: it cannot be read, or names a latent that there is not, or one twice.
  """
  sets: list[Set] = []
  for part in map(str.strip, text.split(",")):
    latent, _, value = (each.strip() for each in part.partition("="))
    number = _number(value)
    if not latent.isdecimal() or number is None:
      raise UserError(
        f"--set={text!r} cannot be read at {part!r}: give latents with what is added "
        f"to them, or what they become, below {LARGEST:g}, such as 17=+2,40=0"
      )
    sets.append(Set(int(latent), number, value[0] in "+-"))
  _check_latents("--set", text, [each.latent for each in sets], size)
  return sets


def parse_towards(text: str, names: Sequence[str] = ()) -> tuple[str, int]:
  """Returns the class of '8' or '8:20' and the number of latents, 0 for all.

  Args:
    text: of `--towards`.
    names: of the classes; one that holds a colon is taken whole.

  Raises:
    UserError: the number cannot be read.
  """
  name, colon, most = text.rpartition(":")
  if not colon or text in names:
    return text, 0
  if not most.isdecimal() or not int(most):
    raise UserError(
      f"--towards={text!r} cannot be read at {most!r}: give a class, or a class and "
      "how many latents may change, such as 8:20"
    )
  return name, int(most)


def parse_transfer(text: str, rows: int, size: int) -> tuple[int, list[int] | None]:
  """Returns the row of an image and the latents that it gives; None: all of them.

  Args:
    text: '3' or '3:17,40-45'.
    rows: how many images there are.
    size: how many latents a point has.

  Raises:
    UserError: it cannot be read, or there is no such image or latent.
  """
  row, colon, latents = text.partition(":")
  if not row.isdecimal() or int(row) >= rows:
    raise UserError(
      f"--transfer={text!r} names no image: give the row of one, from 0 to {rows - 1}, "
      "and its latents if not all, such as 3:17,40-45"
    )
  if not colon:
    return int(row), None
  if not latents:
    raise UserError(
      f"--transfer={text!r} names no latents: give some, such as {row}:17,40-45, or "
      "leave the colon out"
    )
  chosen = numbers_of(latents, "--transfer").tolist()
  _check_latents("--transfer", text, chosen, size)
  return int(row), chosen


def parse_direction(text: str, most: int) -> int:
  """Returns the number of a principal direction, of 'pca:3'.

  Args:
    text: of `--along`.
    most: how many there are.

  Raises:
    UserError: it cannot be read, or there is no such direction.
  """
  kind, _, number = text.partition(":")
  if kind != PRINCIPAL or not number.isdecimal() or int(number) >= most:
    raise UserError(
      f"--along={text!r} is none: give {PRINCIPAL}:0 to {PRINCIPAL}:{most - 1}"
    )
  return int(number)


def parse_strengths(text: str) -> list[float]:
  """Returns the numbers of a text such as '0,0.5,1'.

  Raises:
    UserError: it cannot be read, or has more than 50.
  """
  numbers = [_number(part.strip()) for part in text.split(",")]
  if len(numbers) > MOST_STRENGTHS or None in numbers:
    raise UserError(
      f"--strengths={text!r} cannot be read: give at most {MOST_STRENGTHS} numbers "
      f"below {LARGEST:g}, such as 0,0.5,1"
    )
  return [number for number in numbers if number is not None]


def _number(text: str) -> float | None:
  """Returns the number that a text is; None: it is none, or a million and more."""
  try:
    number = float(text)
  except ValueError:
    return None
  return number if abs(number) < LARGEST else None


def _check_latents(flag: str, text: str, latents: list[int], size: int) -> None:
  wrong = [latent for latent in latents if latent >= size]
  if wrong:
    raise UserError(
      f"{flag}={text!r} names latent {wrong[0]}, but there are {size}: give 0 to "
      f"{size - 1}"
    )
  if len(set(latents)) < len(latents):
    raise UserError(f"{flag}={text!r} names a latent twice: name each once")
