"""The pages (*.md) of the repository, and where their code is."""

import os
from collections.abc import Iterator
from pathlib import Path

from tests.systems import ROOT


def pages() -> list[Path]:
  """Returns all pages of the repository."""
  found = []
  for folder, folders, files in os.walk(ROOT):
    folders[:] = [
      each
      for each in folders
      if each[0] != "." and each not in ("shared", "build", "node_modules")
      if (folder, each) != (str(ROOT), "runs")  # where runs go, and no package
    ]
    found += [Path(folder) / file for file in files if file.endswith(".md")]
  return sorted(found)


def code_lines(text: str) -> Iterator[tuple[int, str]]:
  """Yields number and content of the lines of fenced and of indented code blocks."""
  fenced = indented = False
  before = ""
  for number, line in enumerate(text.splitlines(), 1):
    if line.lstrip().startswith("```"):
      fenced = not fenced
    elif fenced:
      yield number, line
    else:
      starts = line.startswith("    ")
      indented = starts and (indented or not before.strip())
      if indented:
        yield number, line
    before = line


PAGES = {path.relative_to(ROOT).as_posix(): path.read_text() for path in pages()}
