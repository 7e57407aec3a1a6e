"""What all tests share: a cache for the session, and programs that compile fast."""

import fcntl
import os
import shutil
from pathlib import Path

import pytest

from tests.skips import (  # noqa: F401 (pytest finds hooks here by their names)
  pytest_configure,
  pytest_sessionfinish,
  pytest_terminal_summary,
)

# Where libtpu is installed JAX would look for a TPU, and complain where there is none.
# JAX_PLATFORMS=cuda runs the tests on a GPU.
os.environ.setdefault("JAX_PLATFORMS", "cpu")

# Compiling takes most of the time here, and what a program does holds before a compiler
# has optimised it. Tests of numbers and of learning ask for `optimised`; processes that
# tests start never have it, so that their bits compare.
os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
# XLA's newer code for fusions, and its threads for small programs, take three times as
# long to compile on a CPU (JAX 0.10.2). The flags are read once in a process, so
# `optimised` cannot take them back; they change results by rounding alone.
QUICK_TO_COMPILE = (
  "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
)
if QUICK_TO_COMPILE not in os.environ.get("XLA_FLAGS", ""):  # a worker has them already
  os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {QUICK_TO_COMPILE}"


# What `pytest -m quick` runs: pure functions and text, no training and no processes.
QUICK = (
  "tests/benchmark/test_table.py",
  "tests/data/test_data_mixture.py",
  "tests/data/test_data_order.py",
  "tests/evaluation/",
  "tests/losses/",
  "tests/networks/",
  "tests/reporting/test_report_charts.py",
  "tests/reporting/test_reporting_console.py",
  "tests/test_comparison.py",
  "tests/test_config_refusals.py",
  "tests/test_configs.py",
  "tests/test_fronts.py",
  "tests/test_health.py",
  "tests/test_house.py",
  "tests/test_randomness.py",
  "tests/tpu/",
)
# Not these of them, which compile for seconds.
NOT_QUICK = (
  "tests/data/test_data_mixture.py::test_a_run_on_points",
  "tests/losses/test_one_pass_penalty.py",
  "tests/networks/test_convolution",
  "tests/networks/test_sparse_product.py",
)

# Files of a few tests that take long: at the end, one worker would be alone with them.
FIRST = ("tests/test_parallel.py", "tests/test_processes.py", "tests/test_launch.py")


@pytest.hookimpl(tryfirst=True)  # before marks are selected
def pytest_collection_modifyitems(items):
  items.sort(key=lambda item: not item.nodeid.startswith(FIRST))
  for item in items:
    quick = item.nodeid.startswith(QUICK) and not item.nodeid.startswith(NOT_QUICK)
    if quick and not item.get_closest_marker("soak"):
      item.add_marker("quick")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
  """Decoded data and compiled programs go to a folder of this test session."""
  folder = tmp_path_factory.getbasetemp()
  if "PYTEST_XDIST_WORKER" in os.environ:
    folder = folder.parent  # which all workers share
  os.environ["SGAE_CACHE_DIR"] = str(folder / "cache")


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory):
  """A run of `tests.runs.tiny_config` without a stop; tests change copies of it.

  The first worker that asks for it trains it, and each has a copy.
  """
  from tests import runs

  trained = Path(os.environ["SGAE_CACHE_DIR"]).with_name("whole")
  workdir = tmp_path_factory.mktemp("whole") / "run"
  with open(trained.with_name("whole.lock"), "w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    if not trained.exists():
      shutil.rmtree(trained.with_name("part"), ignore_errors=True)
      runs.train(trained.with_name("part"))
      trained.with_name("part").rename(trained)
  shutil.copytree(trained, workdir)
  return workdir


@pytest.fixture(scope="module")
def optimised():
  """Compiles a module's programs with the optimizations that users have."""
  import jax

  def switch(quick):
    jax.config.update("jax_disable_most_optimizations", quick)
    jax.clear_caches()  # else what was compiled the other way is used on

  switch(False)
  yield
  switch(True)
