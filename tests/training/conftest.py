"""What the tests of steps share."""

import jax
import pytest


@pytest.fixture(scope="module")
def quick_to_compile():
  """Leaves out most of XLA's optimizations: for what a step does, not how fast."""
  jax.config.update("jax_disable_most_optimizations", True)
  yield
  jax.config.update("jax_disable_most_optimizations", False)
  jax.clear_caches()  # of what was compiled so, which later tests would use
