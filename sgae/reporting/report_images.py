"""The pictures of a run, embedded in its report as data URIs."""

import base64
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from sgae.reporting.files import explained

MOST_FRAMES = 12  # grids behind the slider
LARGE = 150_000  # bytes; a larger picture is embedded as JPEG
BUDGET = 2_400_000  # bytes of all grids behind the slider, before base64
ATOM_COLUMNS, ATOM_GAP = 20, 2  # of the picture of atoms


class Picture(NamedTuple):
  """An embedded picture: its step, `data:` address, width and height [pixels]."""

  step: int
  uri: str
  width: int
  height: int


class Atom(NamedTuple):
  """Where an atom lies in the picture of atoms: CSS background-position [%]."""

  x: float
  y: float


def listed(
  directories: Iterable[Path], phases: Sequence[str]
) -> dict[str, dict[str, dict[int, Path]]]:
  """Returns the pictures of a run, `images/<phase>_<title>_<step>.png`.

  Args:
    directories: the run directory, and others whose pictures come before its own.
    phases: whose pictures are listed, in this order.

  Returns:
    {title: {phase: {step: file}}}, with titles in the order of the alphabet and
    ascending steps.
  """
  # the longest name first: a phase may be called as another one and its title
  names = "|".join(map(re.escape, sorted(phases, key=len, reverse=True)))
  pattern = re.compile(rf"({names})_(.+)_(\d{{6,}})\.png")
  found: dict[str, dict[str, dict[int, Path]]] = {}
  paths: list[Path] = []
  for directory in (place / "images" for place in directories):
    with explained(directory):
      paths += sorted(directory.iterdir()) if directory.is_dir() else []
  for path in paths:
    if match := pattern.fullmatch(path.name):
      phase, title, step = match.groups()
      found.setdefault(title, {}).setdefault(phase, {})[int(step)] = path
  return {
    title: {
      phase: dict(sorted(found[title][phase].items()))
      for phase in phases
      if phase in found[title]
    }
    for title in sorted(found)
  }


def newest(steps: dict[int, Path] | None) -> Picture | None:
  """Embeds the picture of the last step that can be read; None without one."""
  for step in sorted(steps or {}, reverse=True):
    if picture := embed(step, (steps or {})[step]):
      return picture
  return None


def frames(steps: dict[int, Path] | None) -> list[Picture]:
  """Embeds pictures of at most 12 steps, evenly chosen, with the first and the last.

  Fewer where the pictures are so large that the page would become heavy, but never
  fewer than those two.
  """
  steps = steps or {}
  chosen = [embed(step, steps[step]) for step in evenly(list(steps), MOST_FRAMES)]
  embedded = [picture for picture in chosen if picture]
  size = max((len(picture.uri) * 3 // 4 for picture in embedded), default=1)
  return evenly(embedded, max(2, BUDGET // size))


def evenly(items: list, most: int) -> list:
  """Returns at most `most` (at least 2) of the items, evenly, with first and last."""
  if len(items) <= most:
    return items
  return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]


def embed(step: int, path: Path) -> Picture | None:
  """Returns a PNG file as a picture of a page; None if the file is damaged or gone."""
  try:
    data, kind = path.read_bytes(), "png"
    with Image.open(io.BytesIO(data)) as image:
      width, height = image.size
      if len(data) > LARGE:
        smaller = io.BytesIO()
        image.convert("L" if image.mode == "L" else "RGB").save(
          smaller, "JPEG", quality=88
        )
        if smaller.tell() < len(data):
          data, kind = smaller.getvalue(), "jpeg"
  except OSError:
    return None
  encoded = base64.b64encode(data).decode("ascii")
  return Picture(step, f"data:image/{kind};base64,{encoded}", width, height)


def atoms(picture: Picture, num_latents: int | None) -> tuple[str, str, list[Atom]]:
  """Finds each atom in the picture of atoms.

  Args:
    picture: of `pictures.atoms` with 20 columns: cells with a gap of 2 pixels between
      and around them.
    num_latents: how many latents there are; None: unknown, the picture is full.

  Returns:
    CSS background-size and aspect-ratio of an atom, and the positions of the atoms; no
    position if the picture has another form.
  """
  count = min(num_latents or 10 * ATOM_COLUMNS, 10 * ATOM_COLUMNS)
  rows = -(-count // ATOM_COLUMNS)
  across, spare = divmod(picture.width - ATOM_GAP, ATOM_COLUMNS)
  down, spare_rows = divmod(picture.height - ATOM_GAP, rows)
  # One pixel less at each side: scaled down, the gap would show at the edges.
  width, height = across - ATOM_GAP - 2, down - ATOM_GAP - 2
  if spare or spare_rows or min(width, height) < 1:
    return "", "", []
  places = []
  for i in range(count):
    x = ATOM_GAP + 1 + i % ATOM_COLUMNS * across
    y = ATOM_GAP + 1 + i // ATOM_COLUMNS * down
    # a background at 100 % has its right edge at the right edge of its box
    places.append(
      Atom(100 * x / (picture.width - width), 100 * y / (picture.height - height))
    )
  size = f"{100 * picture.width / width:.4f}% {100 * picture.height / height:.4f}%"
  return size, f"{width} / {height}", places
