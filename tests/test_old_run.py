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

from sgae.config_history import REPLACED, Successor
from sgae.data import digits, holdout
from sgae.errors import UserError
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


def test_a_field_that_is_gone_is_named_with_what_took_its_place(old_run, monkeypatch):
  record = json.loads((old_run / "config.json").read_text())
  stored = record["config"]
  stored["gan"]["noise_size"] = stored["gan"].pop("latent_dim")
  stored["sae"]["cheer"] = True
  (old_run / "config.json").write_text(json.dumps(record))
  with pytest.raises(UserError, match="gan.noise_size=16, which .* does not know"):
    sample_run(old_run, {}, 1, "npz", Console(io.StringIO()))
  monkeypatch.setitem(REPLACED, "gan.noise_size", Successor("gan.latent_dim"))
  monkeypatch.setitem(REPLACED, "sae.cheer", Successor(reason="it had no effect"))
  stream = io.StringIO()
  sample_run(old_run, {}, 1, "npz", Console(stream))
  assert "gan.noise_size is now gan.latent_dim" in stream.getvalue()
  assert "sae.cheer: it had no effect" in stream.getvalue()
  resumed = io.StringIO()
  train(old_run, _config(), Console(resumed))
  assert "gan.noise_size is now gan.latent_dim" in resumed.getvalue()
  written = json.loads((old_run / "config.json").read_text())["config"]
  assert written["gan"]["latent_dim"] == 16
  assert "noise_size" not in written["gan"]


def _config(**fields):
  return tiny_config(
    checkpoint__keep=1,
    code__num_latents=16,
    gan__latent_dim=16,
    gan__generator_hidden=(8,),
    gan__discriminator_hidden=(8,),
    **fields,
  )


def test_it_is_resumed_to_the_numbers_that_it_had(old_run):
  train(old_run, _config(gan__steps=30))
  expected = json.loads((OLD / "resumed.json").read_text())
  (record,) = [r for r in timeless(old_run) if r["step"] == 30]
  for name in ("gan/d_loss", "gan/g_loss", "gan/code_l0", "generator/grad_norm"):
    assert record[name] == pytest.approx(expected[name], rel=TOLERANCE), name
