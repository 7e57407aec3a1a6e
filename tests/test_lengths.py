"""A run that is resumed with another length of its phases."""

import io
import json
import shutil

import pytest

from sgae.errors import UserError
from sgae.reporting.console import Console
from tests.runs import copy_of, tiny_config, train


def test_a_first_phase_cannot_become_longer_after_the_second_has_started(whole_run):
  with pytest.raises(UserError, match="sae.steps=40, but gan started from sae step 20"):
    train(whole_run, tiny_config(sae__steps=40))


def test_a_phase_cannot_become_shorter_than_its_saved_steps(whole_run):
  with pytest.raises(UserError, match="gan.steps=10 is less than the 20 steps"):
    train(whole_run, tiny_config(gan__steps=10))
  config = json.loads((whole_run / "config.json").read_text())["config"]
  assert config["gan"]["steps"] == 20


def test_a_longer_run_says_that_its_schedule_changes(tmp_path, whole_run):
  workdir, stream = copy_of(whole_run, tmp_path / "run"), io.StringIO()
  train(workdir, tiny_config(gan__steps=25), Console(stream))
  assert "gan.steps: 20 -> 25; what falls until then" in stream.getvalue()


def test_a_phase_that_has_not_begun_may_have_another_length(tmp_path, whole_run):
  workdir, stream = copy_of(whole_run, tmp_path / "run"), io.StringIO()
  shutil.rmtree(workdir / "gan")
  train(workdir, tiny_config(gan__steps=25), Console(stream))
  assert "Resuming sae -> gan" in stream.getvalue()
  assert "what falls until then" not in stream.getvalue()
