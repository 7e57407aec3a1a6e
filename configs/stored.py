"""A config from JSON, such as a run directory holds; no code in it is run.

python launch.py --config=runs/digits/config.json --workdir=runs/again
"""

import json
from pathlib import Path
from typing import Any

from sgae import base_config
from sgae.errors import UserError

# Ignored: a file from an untrusted source must not choose where files are written.
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
  """Returns the config of a JSON file; missing fields have their defaults.

  Fields that name a folder to write to (`PLACES`) are ignored: set them by flags.

  Args:
    arg: the file: an object of fields, or a run's config.json, which has it under
      "config".

  Raises:
    ValueError: the file cannot be read, has an unknown field, or a value of another
      type than the default.
  """
  try:
    stored = json.loads(Path(arg).read_bytes())
  except (OSError, ValueError, RecursionError) as error:
    raise ValueError(f"{arg} cannot be read as JSON ({error})") from error
  if isinstance(stored, dict) and isinstance(stored.get("config"), dict):
    stored = stored["config"]
  if not isinstance(stored, dict):
    raise ValueError(f"the file is {stored!r:.60}: give an object of fields")
  stored = {"phases": PHASES} | stored
  try:
    config = base_config.config_for(stored)
  except UserError as error:
    raise ValueError(str(error)) from error
  _fill(config, stored, "")
  return config


def _fill(section: Any, stored: Any, prefix: str) -> None:
  if not isinstance(stored, dict):
    raise ValueError(f"{prefix[:-1]} is {stored!r:.60}: give an object of fields")
  for name, value in stored.items():
    field = f"{prefix}{name}"
    if name not in section:
      raise ValueError(f"{field!r:.60} is not a field of this config: remove it")
    if field in PLACES:
      continue
    default = section[name]
    if isinstance(default, type(section)):
      _fill(default, value, f"{field}.")
      continue
    if isinstance(default, tuple) and isinstance(value, list):
      value = tuple(value)
    elif type(default) is float and type(value) is int:
      value = float(value)
    if type(value) is not type(default):
      raise ValueError(
        f"{field}={value!r:.60} is not allowed: give {WORDS[type(default)]}, such as "
        f"{json.dumps(default)}"
      )
    section[name] = value
