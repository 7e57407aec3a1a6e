"""Fields that configs of older versions have and those of today have not.

A run directory outlives versions. Who removes or renames a field adds a line to
`REPLACED`, and keeps a tiny run that has the field in tests/old_run.
"""

import difflib
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from sgae.errors import UserError


class Successor(NamedTuple):
  """What took the place of a field: another field, or why there is none."""

  field: str = ""
  reason: str = ""

  def describe(self, old: str) -> str:
    """Returns it in words: `code.size is now code.num_latents`."""
    return f"{old} is now {self.field}" if self.field else f"{old}: {self.reason}"


# Old field with dots -> `Successor(field)` of the same values and meaning, or
# `Successor(reason=...)`, such as 'it had no effect'.
REPLACED: dict[str, Successor] = {}


def modernised(
  stored: Mapping[str, Any], known: Collection[str]
) -> tuple[dict[str, Any], list[str]]:
  """Returns stored fields by their names of today, and a line for each that changed.

  Args:
    stored: value by field, with dots.
    known: fields of today.

  Raises:
    UserError: a field is neither known nor in `REPLACED`.
  """
  fields, lines = {}, []
  for field, value in stored.items():
    if field in known:
      fields[field] = value
      continue
    if field not in REPLACED:
      near = difflib.get_close_matches(field, known, 1)
      hint = f" (the nearest is {near[0]})" if near else ""
      raise UserError(
        f"the stored config has {field}={value!r}, which this version does not "
        f"know{hint}: use the version that wrote it, which config.json names under "
        "environments"
      )
    successor = REPLACED[field]
    lines.append(f"config.json: {successor.describe(field)}")
    if successor.field and successor.field not in stored:
      fields[successor.field] = value
  return fields, lines
