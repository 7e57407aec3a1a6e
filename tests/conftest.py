"""What every test shares: a cache of its own, so that no earlier run helps it."""

import os

import pytest


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
  """Decoded data and compiled programs go to a folder of this test session."""
  os.environ["SGAE_CACHE_DIR"] = str(tmp_path_factory.mktemp("cache"))
