"""The fields of a config with their comments, for `--help` and for errors."""

import ast
import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sgae.config_history import REPLACED

_MEANT = {"epochs": "steps", "iterations": "steps", "z": "latent"}  # by other authors
LEAST_LIKENESS = 0.75  # of words, and of a field to what is asked for

# Functions that return a section, whose keys stand below comments in their source.
_SOURCES = ("base_config.py", "methods/config_fields.py", "methods/*/config.py")


def describe(config: Mapping[str, Any]) -> list[str]:
  """Returns a line for each field of a config: flag, value and comment.

  Args:
    config: as a ConfigDict gives it by `to_dict`.
  """
  comments = _comments()

  def comment_of(path):
    shared = "optimizer" if path[-2:-1] and "optimizer" in path[-2] else "cadence"
    same = "data" if path[:-1] == ("data", "second") else shared
    return comments.get(path[-2:]) or comments.get((same, path[-1])) or ""

  return [
    f"  --config.{'.'.join(path)}={value!r}  {comment_of(path)}".rstrip()
    for path, value in _fields(config, ())
  ]


def unknown_field(config: Mapping[str, Any], arguments: list[str]) -> str:
  """Returns what to choose from where an argument names a field that is not there.

  Args:
    config: without the overrides, as a ConfigDict gives it by `to_dict`.
    arguments: of the command line.

  Returns:
    A part of a sentence; '' where all fields are known.
  """
  for argument in arguments:
    flag = argument.lstrip("-").partition("=")[0]
    if not flag.startswith("config."):
      continue
    section, path = config, flag.split(".")[1:]
    for depth, name in enumerate(path):
      if not isinstance(section, Mapping) or name not in section:
        where = ".".join(path[:depth]) or "the config"
        names = list(section) if isinstance(section, Mapping) else []
        return (
          f"{flag} is no field{_hint(config, path)}; {where} has "
          f"{', '.join(names) or 'none'}"
        )
      section = section[name]
  return ""


def _hint(config: Mapping[str, Any], path: list[str]) -> str:
  asked = ".".join(path)
  if asked in REPLACED:
    return f": {REPLACED[asked].describe(asked)}"
  close = nearest(config, path)
  return f", did you mean {' or '.join(close)}" if close else ""


def nearest(config: Mapping[str, Any], path: list[str]) -> list[str]:
  """Returns the fields whose names are nearest to one that is not there, at most three.

  The words of what is asked for are looked for among those of each field, in any order
  and section; initials stand for their words, as 'lr' for 'learning_rate'.

  Args:
    config: nested.
    path: the names in what is asked for.
  """
  asked = [_MEANT.get(word, word) for part in path for word in part.split("_") if word]
  scores: dict[str, tuple[float, int]] = {}
  for field, _ in _fields(config, ()):
    words = [word for part in field for word in part.split("_")]
    initials = ["".join(word[:1] for word in part.split("_")) for part in field]
    names = {*words, *initials, *(part.replace("_", "") for part in field)}
    found = sum(max(_likeness(word, name) for name in names) for word in asked)
    scores[".".join(field)] = found / len(asked), -len(words)
  best = max((score for score, _ in scores.values()), default=0.0)
  if best < LEAST_LIKENESS:
    return []
  close = [field for field, (score, _) in scores.items() if score == best]
  return sorted(close, key=lambda field: scores[field], reverse=True)[:3]


def _likeness(word: str, name: str) -> float:
  likeness = difflib.SequenceMatcher(None, word, name).ratio()
  return likeness if likeness >= LEAST_LIKENESS else 0.0


def _fields(section, path) -> Iterator[tuple[tuple[str, ...], Any]]:
  for name, value in section.items():
    if isinstance(value, Mapping):
      yield from _fields(value, (*path, name))
    else:
      yield (*path, name), value


def _comments() -> dict[tuple[str, ...], str]:
  """Returns the comment above each key, by the last two names of its path."""
  found: dict[tuple[str, ...], str] = {}
  here = Path(__file__).parent
  for pattern in _SOURCES:
    for source in sorted(here.glob(pattern)):
      text = source.read_text(encoding="utf-8")
      lines = text.splitlines()
      tree = ast.parse(text)
      sections = _sections(tree)
      for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
          name = function.name.removesuffix("_fields").lstrip("_")
          section = sections.get(function.name, name)
          _note(function, section, lines, found)
  return found


def _sections(tree: ast.Module) -> dict[str, str]:
  """Returns function -> section from a module's `SECTIONS = {section: function}`."""
  return {
    ast.unparse(value): ast.literal_eval(key)
    for node in tree.body
    if isinstance(node, ast.Assign)
    and ast.unparse(node.targets[0]) == "SECTIONS"
    and isinstance(node.value, ast.Dict)
    for key, value in zip(node.value.keys, node.value.values, strict=True)
    if key is not None
  }


def _note(node, section, lines, found) -> None:
  """Adds the comments of the dictionaries within a node."""
  for child in ast.iter_child_nodes(node):
    if isinstance(child, ast.Dict):
      for key, value in zip(child.keys, child.values, strict=True):
        if isinstance(key, ast.Constant):
          comment = _above(key.lineno - 1, lines)
          found.setdefault((section, str(key.value)), comment)
          if section in ("base", "data", "evaluation"):  # of no section
            found.setdefault((str(key.value),), comment)
          _note(ast.Expression(value), str(key.value), lines, found)
    else:
      _note(child, section, lines, found)


def _above(index: int, lines: list[str]) -> str:
  """Returns the comment that ends on the line before, as one line."""
  words: list[str] = []
  while index and lines[index - 1].lstrip().startswith("#"):
    index -= 1
    words.insert(0, lines[index].lstrip().lstrip("# ").rstrip())
  return " ".join(words)
