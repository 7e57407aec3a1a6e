"""What every test shares: a cache of its own, so that no earlier run helps it."""

import os

import pytest


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
  """Decoded data and compiled programs go to a folder of this test session."""
  os.environ["SGAE_CACHE_DIR"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory):
  """A run of `tests.runs.tiny_config` that was never stopped; tests change copies."""
  from tests import runs

  workdir = tmp_path_factory.mktemp("whole") / "run"
  runs.train(workdir)
  return workdir
