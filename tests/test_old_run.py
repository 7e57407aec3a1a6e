"""A run of an older version can be sampled, evaluated and resumed.

`tests/old_run/run` is a run directory of commit b8388d9, before methods had folders
(digits in 8x8, without pictures and report), `samples.npz` are samples that this
version drew, `resumed.json` is the last record of its next ten rounds.
"""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from sgae.data import digits, holdout
from sgae.evaluation.evaluate import evaluate_run
from sgae.evaluation.sample import sample_run
from sgae.reporting.console import Console
from tests.runs import timeless, tiny_config, train

OLD = Path(__file__).parent / "old_run"
TOLERANCE = 2e-3  # machines with other instructions round differently


@pytest.fixture(autouse=True)
def _old_split(monkeypatch):
  """The test split that it had: the last of every six digits."""

  def hold_out(what, labels, every):
    is_test = np.arange(len(labels)) % every == every - 1
    return holdout.hold_out(what, labels, every)._replace(is_test=is_test)

  monkeypatch.setattr(digits, "hold_out", hold_out)


@pytest.fixture
def old_run(tmp_path):
  return shutil.copytree(OLD / "run", tmp_path / "run")


def test_it_is_small():
  files = [path for path in OLD.rglob("*") if path.is_file()]
  assert sum(path.stat().st_size for path in files) < 200_000


def test_it_is_sampled_as_it_was(old_run):
  sample_run(old_run, {}, 8, "npz", Console(io.StringIO()))
  with (
    np.load(old_run / "samples" / "samples.npz") as ours,
    np.load(OLD / "samples.npz") as expected,
  ):
    difference = ours["arr_0"].astype(int) - expected["arr_0"].astype(int)
  assert difference.shape == (8, 8, 8, 3)
  assert abs(difference).max() <= 1


def test_it_is_evaluated_with_the_figures_that_it_had(old_run):
  before = json.loads((old_run / "evaluation.json").read_text())
  stream = io.StringIO()
  evaluate_run(old_run, {}, Console(stream))
  assert "trained on some of today's test images" in stream.getvalue()
  after = json.loads((old_run / "evaluation.json").read_text())
  for name, figure in before["sae"]["figures"].items():
    value = after["sae"]["figures"][name]["value"]
    assert value == pytest.approx(figure["value"], rel=TOLERANCE), name
  assert after["gan"]["figures"].keys() == before["gan"]["figures"].keys()


def test_it_is_resumed_to_the_numbers_that_it_had(old_run):
  config = tiny_config(
    checkpoint__keep=1,
    gan__steps=30,
    code__num_latents=16,
    gan__latent_dim=16,
    gan__generator_hidden=(8,),
    gan__discriminator_hidden=(8,),
  )
  train(old_run, config)
  expected = json.loads((OLD / "resumed.json").read_text())
  (record,) = [r for r in timeless(old_run) if r["step"] == 30]
  for name in ("gan/d_loss", "gan/g_loss", "gan/code_l0", "generator/grad_norm"):
    assert record[name] == pytest.approx(expected[name], rel=TOLERANCE), name
