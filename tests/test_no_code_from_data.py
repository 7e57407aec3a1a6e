"""What is read from files is data: nothing in the source could run it."""

import ast
import json
from pathlib import Path

import pytest

from configs import stored
from tests.runs import tiny_config

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*(ROOT / "sgae").rglob("*.py"), *(ROOT / "configs").glob("*.py")])
UNPICKLERS = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"}
RUNNERS = {"eval", "exec", "compile", "__import__"}
UNSAFE = {"extractall", "extract", "unpack_archive", "unsafe_load", "system", "popen"}


def faults(source):
  """Returns the calls in a source text that could run code from data."""
  found = []
  for node in ast.walk(ast.parse(source)):
    if isinstance(node, ast.Import):
      names = {alias.name.split(".")[0] for alias in node.names}
      found += [f"import {name}" for name in sorted(names & UNPICKLERS)]
    elif isinstance(node, ast.ImportFrom) and node.module in UNPICKLERS:
      found.append(f"from {node.module}")
    elif isinstance(node, ast.Call):
      found += _faults_of_call(node)
  return found


def _faults_of_call(call):
  keywords = {word.arg: getattr(word.value, "value", None) for word in call.keywords}
  if keywords.get("shell") or keywords.get("allow_pickle"):
    return ["shell or allow_pickle"]
  if isinstance(call.func, ast.Name) and call.func.id in RUNNERS:
    return [call.func.id]
  if isinstance(call.func, ast.Attribute):
    owner = getattr(call.func.value, "id", "")
    loads = call.func.attr == "load" and owner in ("np", "numpy")
    if loads and keywords.get("allow_pickle") is not False:
      return ["np.load without allow_pickle=False"]
    if call.func.attr in UNSAFE:
      return [call.func.attr]
  return []


def test_no_source_could_run_what_it_reads():
  assert len(SOURCES) > 80
  found = {str(path): faults(path.read_text()) for path in SOURCES}
  assert not {name: what for name, what in found.items() if what}


@pytest.mark.parametrize(
  "source",
  [
    "import pickle",
    "from pickle import loads",
    "np.load(path)",
    "np.load(path, allow_pickle=True)",
    "NpzFile(file, allow_pickle=True)",
    "eval(text)",
    "archive.extractall(place)",
    "subprocess.run(line, shell=True)",
  ],
)
def test_the_test_above_can_fail(source):
  assert faults(source)


def test_a_run_is_described_by_the_json_it_leaves(tmp_path):
  file = tmp_path / "config.json"
  file.write_text(json.dumps({"config": tiny_config().to_dict(), "environments": []}))
  config = stored.get_config(str(file))
  assert config == tiny_config()
  assert config.is_locked


def test_a_stored_config_cannot_choose_where_files_are_written(tmp_path):
  file = tmp_path / "config.json"
  places = {"data": {"directory": "/a", "cache_directory": "/b"}}
  file.write_text(json.dumps(places | {"checkpoint": {"directory": "/c", "keep": 3}}))
  config = stored.get_config(str(file))
  assert config.checkpoint.keep == 3
  assert not any(
    (config.data.directory, config.data.cache_directory, config.checkpoint.directory)
  )


@pytest.mark.parametrize(
  ("text", "words"),
  [
    ("", "cannot be read as JSON"),
    ("{", "cannot be read as JSON"),
    ("[" * 100_000, "cannot be read as JSON"),
    ("[]", "give an object"),
    ('{"code": 5}', "code is 5: give an object"),
    ('{"code": {"kk": 1}}', "'code.kk' is not a field"),
    ('{"__class__": {}}', "'__class__' is not a field"),
    ('{"code": {"k": "64"}}', "code.k='64' is not allowed: give a whole number"),
    ('{"code": {"k": true}}', "code.k=True is not allowed"),
    ('{"debug": 1}', "debug=1 is not allowed: give true or false"),
    ('{"phases": "sae"}', "phases='sae' is not allowed: name methods"),
    ('{"data": {"name": null}}', "data.name=None is not allowed: give a string"),
  ],
)
def test_invalid_json_configs_are_refused_in_one_line(tmp_path, text, words):
  file = tmp_path / "config.json"
  file.write_text(text)
  with pytest.raises(ValueError) as refusal:
    stored.get_config(str(file))
  assert words in str(refusal.value)
  assert len(str(refusal.value)) < 300
