"""Values from files that may lack them: what is missing or of another kind is left out.

A report is no reason to stop a run, so none of these raises.
"""

import math
from collections.abc import Mapping
from typing import Any


def finite(value: Any) -> float | None:
  """Returns `value` as a float if it is a finite number, else None."""
  if isinstance(value, bool) or not isinstance(value, int | float):
    return None
  return float(value) if math.isfinite(value) else None


def section(value: Mapping, key: str) -> dict:
  """Returns the dictionary that `value` has under `key`, else an empty one."""
  part = value.get(key)
  return part if isinstance(part, dict) else {}


def items(value: Mapping, key: str) -> list:
  """Returns the list that `value` has under `key`, else an empty one."""
  part = value.get(key)
  return part if isinstance(part, list) else []


def numbers(value: Mapping, key: str) -> list[float]:
  """Returns the list of finite numbers under `key`; one that has others is empty."""
  found = [finite(item) for item in items(value, key)]
  known = [item for item in found if item is not None]
  return known if len(known) == len(found) else []
