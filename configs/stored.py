"""A config in JSON, such as a run directory holds: data that are read, never run.

python launch.py --config=runs/digits/config.json --workdir=runs/again
"""

import json
from pathlib import Path
from typing import Any

from sgae import base_config
from sgae.errors import UserError

# A file from a stranger does not choose where anything is written.
PLACES = ("data.directory", "data.cache_directory", "checkpoint.directory")

# Of a file that names none: all methods of the default config.
PHASES = ["sae", "gan"]

WORDS = {
  bool: "true or false",
  int: "a whole number",
  float: "a number",
  str: "a string",
  tuple: "a list",
}


def get_config(arg: str = "") -> Any:
  """Returns the config of a JSON file; what it leaves out has its default.

  Fields that name a place to write to (`PLACES`) are left out, too: they are set by
  flags.

  Args:
    arg: the file: an object of fields, or a run's config.json, which has it under
      "config".

  Raises:
    ValueError: the file cannot be read, has an unknown field or a value of another
      type than its default.
  """
  try:
    stored = json.loads(Path(arg).read_bytes())
  except (OSError, ValueError, RecursionError) as error:
    raise ValueError(f"{arg} cannot be read as JSON ({error})") from error
  if isinstance(stored, dict) and isinstance(stored.get("config"), dict):
    stored = stored["config"]
  if not isinstance(stored, dict):
    raise ValueError(f"the file is {stored!r:.60}: give an object")
  stored = {"phases": PHASES} | stored
  try:
    config = base_config.config_for(stored)
  except UserError as error:
    raise ValueError(str(error)) from error
  _fill(config, stored, "")
  return config


def _fill(section: Any, stored: Any, prefix: str) -> None:
  if not isinstance(stored, dict):
    raise ValueError(f"{prefix[:-1]} is {stored!r:.60}: give an object")
  for name, value in stored.items():
    field = f"{prefix}{name}"
    if name not in section:
      raise ValueError(f"{field!r:.60} is no field of this config: remove it")
    if field in PLACES:
      continue
    before = section[name]
    if isinstance(before, type(section)):
      _fill(before, value, f"{field}.")
      continue
    if isinstance(before, tuple) and isinstance(value, list):
      value = tuple(value)
    elif type(before) is float and type(value) is int:
      value = float(value)
    if type(value) is not type(before):
      raise ValueError(
        f"{field}={value!r:.60} is not allowed: give {WORDS[type(before)]}, such as "
        f"{json.dumps(before)}"
      )
    section[name] = value
