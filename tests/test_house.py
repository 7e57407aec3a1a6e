"""The structure of the code: what may import what, sizes, and where methods are named.

Each rule has a set of today's exceptions, which may only shrink: a new violation fails
the test, and so does an exception that no longer occurs.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.systems import ROOT

# Lowest first. A module may import those of its own floor and of the floors below. The
# longest prefix decides; what has no prefix of its own is at the top.
FLOORS = (
  (
    "sgae.errors",
    "sgae.randomness",
    "sgae.config_checks",
    "sgae.config_history",
    "sgae.lazy",
  ),
  ("sgae.kernels",),
  ("sgae.networks",),
  ("sgae.losses",),
  ("sgae.devices", "sgae.data", "sgae.evaluation.measures"),
  ("sgae.reporting", "sgae.diagnostics"),
  ("sgae.methods", "sgae.base_config"),
  # the compiled calls of runs, and of small trainings of evaluation and benchmarks
  ("sgae.config", "sgae.training.calls"),
  ("sgae.runs",),
  ("sgae.evaluation", "sgae.editing"),
  ("sgae.training",),
  ("sgae.aot", "sgae.benchmark", "sgae.pretrained"),
  ("sgae",),
)
MOST_LINES_OF_A_FILE = 360
MOST_LINES_OF_A_FUNCTION = 65
METHOD_WORD = re.compile(
  r"\b(sae|vae|gan|vae_gan|recognition|classifier|super_resolution|translation)\b"
)

KNOWN_IMPORTS: set[str] = set()
KNOWN_LONG: set[str] = set()
KNOWN_SILENT: set[str] = set()
# Where the word means something else than the method. Examples in docstrings (`>>>`)
# may name methods as well, since users copy them.
OTHER_MEANINGS = {
  "sgae/__init__.py": "an example of the public surface",
  "sgae/evaluation/measures/classes.py": "what any classifier says about samples",
  "sgae/networks/classifier.py": "the network, which the feature extractor uses too",
}
KNOWN_METHOD_WORDS: set[str] = set()

SOURCES = sorted((ROOT / "sgae").rglob("*.py"))


def in_repository(path: Path) -> str:
  return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> str:
  parts = path.relative_to(ROOT).with_suffix("").parts
  return ".".join(parts).removesuffix(".__init__")


MODULES = {module_of(path) for path in SOURCES}


def imported(source: str, package: str) -> Iterator[tuple[int, str]]:
  """Yields line and name of the modules of sgae that a source imports anywhere in it.

  Args:
    source: of a module.
    package: that the module is in, or is.
  """
  parts = package.split(".")
  for node in ast.walk(ast.parse(source)):
    if isinstance(node, ast.Import):
      names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
      above = parts[: len(parts) - node.level + 1] if node.level else []
      start = ".".join([*above, *([node.module] if node.module else [])])
      whole = [f"{start}.{alias.name}" for alias in node.names]
      names = [name if name in MODULES else start for name in whole]
    else:
      continue
    yield from ((node.lineno, name) for name in names if name.split(".")[0] == "sgae")


def floor_of(module: str) -> int:
  prefixes = {prefix: floor for floor, row in enumerate(FLOORS) for prefix in row}
  fitting = [each for each in prefixes if f"{module}.".startswith(f"{each}.")]
  return prefixes[max(fitting, key=len)]


def check(found: dict[str, str], known: set[str]) -> None:
  """Fails with a line for each violation that is new, and each exception that is gone.

  Args:
    found: violations by name, with what to print.
    known: names of today's exceptions.
  """
  lines = [text for name, text in found.items() if name not in known]
  gone = [f"{name} no longer occurs: remove it" for name in sorted(known - set(found))]
  assert not lines + gone, "\n".join(["", *lines, *gone])


def test_imports_point_down():
  found = {}
  for path in SOURCES:
    module = module_of(path)
    package = module_of(path.parent) if path.name != "__init__.py" else module
    for line, name in imported(path.read_text(), package):
      if floor_of(name) > floor_of(module):
        found[f"{module} -> {name}"] = (
          f"{in_repository(path)}:{line}: {module} (floor {floor_of(module)}) imports "
          f"{name} (floor {floor_of(name)}): move what is needed to a floor below"
        )
  check(found, KNOWN_IMPORTS)


def test_imports_are_found_wherever_they_are():
  source = """
import jax
from . import tfds
from sgae.errors import UserError
def f():
  import sgae.cli
  from ..kernels import dense
"""
  assert [name for _, name in imported(source, "sgae.data")] == [
    "sgae.data.tfds",
    "sgae.errors",
    "sgae.cli",
    "sgae.kernels.dense",
  ]


def test_the_longest_prefix_decides_on_the_floor():
  assert floor_of("sgae.evaluation.measures.frechet") < floor_of(
    "sgae.evaluation.sample"
  )
  assert floor_of("sgae.config") != floor_of("sgae.config_checks")
  assert floor_of("sgae.anything") == floor_of("sgae") == len(FLOORS) - 1


def functions(tree: ast.AST, outer: str = "") -> Iterator[tuple[str, int, int]]:
  """Yields name, first line and number of lines of all functions, inner ones too."""
  for node in ast.iter_child_nodes(tree):
    inner = outer
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
      inner = f"{outer}{node.name}."
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
      yield inner[:-1], node.lineno, (node.end_lineno or 0) - node.lineno + 1
    yield from functions(node, inner)


def test_files_and_functions_are_short():
  found = {}
  for path in SOURCES:
    text, name = path.read_text(), in_repository(path)
    lines = text.count("\n")
    if lines > MOST_LINES_OF_A_FILE:
      found[name] = f"{name} has {lines} lines, at most {MOST_LINES_OF_A_FILE}"
    for function, line, length in functions(ast.parse(text)):
      if length > MOST_LINES_OF_A_FUNCTION:
        found[f"{name}:{function}"] = (
          f"{name}:{line}: {function} has {length} lines, at most "
          f"{MOST_LINES_OF_A_FUNCTION}"
        )
  check(found, KNOWN_LONG)


def test_each_folder_says_what_lives_there():
  folders = {path.parent for path in SOURCES}
  silent = {
    in_repository(folder): f"{in_repository(folder)}/__init__.py has no docstring"
    for folder in folders
    if not (folder / "__init__.py").exists()
    or not ast.get_docstring(ast.parse((folder / "__init__.py").read_text()))
  }
  check(silent, KNOWN_SILENT)


def test_methods_are_named_in_their_own_folders_alone():
  found = {}
  files = [ROOT / "launch.py"] + [
    path
    for path in sorted((ROOT / "sgae").rglob("*"))
    if path.suffix in (".py", ".jinja", ".js", ".css")
    and (ROOT / "sgae" / "methods") not in path.parents
  ]
  for path in files:
    for number, line in enumerate(path.read_text().splitlines(), 1):
      example = line.lstrip().startswith((">>> ", "... "))
      if not example and (word := METHOD_WORD.search(line)):
        name = in_repository(path)
        found.setdefault(
          name, f"{name}:{number} names the method {word[0]}: {line.strip()}"
        )
  check(found, KNOWN_METHOD_WORDS | OTHER_MEANINGS.keys())
