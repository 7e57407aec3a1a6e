"""Names of a package that are imported when they are first used."""

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def attach(package: str, names: Mapping[str, str]) -> Callable[[str], Any]:
  """Returns a `__getattr__` for a package, so that importing it stays quick.

  Args:
    package: `__name__` of the package.
    names: public name -> the module that defines it; a name that ends the module's own
      path is the module itself.

  Raises:
    AttributeError: from the function, for a name that is not in `names`.
  """

  def get(name: str) -> Any:
    if name not in names:
      raise AttributeError(
        f"module {package!r} has no attribute {name!r}: choose one of "
        f"{', '.join(sorted(names))}"
      )
    module = importlib.import_module(names[name])
    value = module if names[name].endswith(f".{name}") else getattr(module, name)
    setattr(sys.modules[package], name, value)
    return value

  return get
