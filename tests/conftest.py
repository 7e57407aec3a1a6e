"""What every test shares: a cache of its own, so that no earlier run helps it."""

import os

import pytest


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
  """Decoded data and compiled programs go to a folder of this test session."""
  folder = tmp_path_factory.getbasetemp()
  if "PYTEST_XDIST_WORKER" in os.environ:
    folder = folder.parent  # which all workers share
  os.environ["SGAE_CACHE_DIR"] = str(folder / "cache")


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory):
  """A run of `tests.runs.tiny_config` that was never stopped; tests change copies."""
  from tests import runs

  workdir = tmp_path_factory.mktemp("whole") / "run"
  runs.train(workdir)
  return workdir


@pytest.fixture(scope="module")
def quick_to_compile():
  """Leaves out most of XLA's optimizations: for what is computed, not how fast."""
  import jax

  jax.config.update("jax_disable_most_optimizations", True)
  yield
  jax.config.update("jax_disable_most_optimizations", False)
  jax.clear_caches()  # of what was compiled so, which later tests would use
