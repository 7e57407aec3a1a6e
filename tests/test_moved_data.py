"""A run knows its data by what they are, not by where they lie."""

import io
import json

import numpy as np
import pytest

from sgae.errors import UserError
from sgae.evaluation.evaluate import evaluate_run
from sgae.reporting.console import Console
from tests.runs import copy_of, tiny_config, train


def write(path, seed=0):
  images = np.random.default_rng(seed).integers(0, 256, (60, 8, 8, 1), dtype=np.uint8)
  path.parent.mkdir(exist_ok=True)
  np.savez(path, images=images, labels=np.arange(60) % 3)


def config_on(path, **fields):
  config = tiny_config(**({"sae__steps": 10, "sae__log_every": 10} | fields))
  config.phases = ("sae",)
  config.data.update(source="npz", path=str(path))
  return config


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
  folder = tmp_path_factory.mktemp("moved")
  write(folder / "data.npz")
  with pytest.MonkeyPatch.context() as patch:
    patch.chdir(folder)
    train(folder / "run", config_on("data.npz"))
  return folder


@pytest.fixture
def place(trained, tmp_path):
  """A copy of the run; its data are still where it was trained."""
  copy_of(trained / "run", tmp_path / "run")
  return tmp_path


def stored(run):
  return json.loads((run / "config.json").read_text())


def said(function, *arguments, **fields):
  stream = io.StringIO()
  function(*arguments, Console(stream), **fields)
  return stream.getvalue()


def test_a_relative_path_is_stored_absolute_and_holds_from_anywhere(trained, place):
  assert stored(place / "run")["config"]["data"]["path"] == str(trained / "data.npz")
  assert "Stored in" in said(evaluate_run, place / "run", {})
  assert "all 10 steps are done" in said(
    train, place / "run", config_on(trained / "data.npz")
  )


def test_moved_data_are_named_and_found_there_on_evaluation_and_resume(place):
  moved = place / "elsewhere" / "renamed.npz"
  write(moved)
  evaluate_run(place / "run", {"data.path": str(moved)}, Console(io.StringIO()))
  train(place / "run", config_on(moved, sae__steps=20))
  assert stored(place / "run")["config"]["data"]["path"] == str(moved)


def test_replaced_data_are_refused_unless_they_are_allowed(place):
  other = place / "data.npz"
  write(other, seed=1)
  before = stored(place / "run")
  with pytest.raises(UserError, match="not those .* other pixels .*allow_changed"):
    train(place / "run", config_on(other, sae__steps=20))
  with pytest.raises(UserError, match="not those .* other pixels"):
    evaluate_run(place / "run", {"data.path": str(other)}, Console(io.StringIO()))
  assert stored(place / "run") == before
  config = config_on(other, sae__steps=20, data__allow_changed=True)
  assert "Warning: the data are not those" in said(train, place / "run", config)
  assert stored(place / "run")["data"]["sha256"] != before["data"]["sha256"]


def test_a_run_without_a_fingerprint_goes_on_and_gets_one(trained, place):
  record = stored(place / "run")
  known = record.pop("data")
  (place / "run" / "config.json").write_text(json.dumps(record))
  evaluate_run(place / "run", {}, Console(io.StringIO()))
  train(place / "run", config_on(trained / "data.npz"))
  assert stored(place / "run")["data"] == known
