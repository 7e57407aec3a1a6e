"""A pytest plugin that fails the session if a test is skipped, for CI.

It does so if CI is true or SGAE_NO_SKIPS is 1, as `.ci/run` sets it. Elsewhere a test
that lacks data, a browser or root is skipped as usual.
"""

import os

import pytest

# Beginnings of the names of tests that may be skipped everywhere, and why.
ALLOWED_SKIPS = {
  "tests/test_disk.py": "a small disk and immutable directories take root",
}

_SKIPPED_FILES = "skipped_files"  # of a worker of pytest-xdist, on its way to us


def forbidden() -> bool:
  """Returns whether a skip fails the session."""
  return os.environ.get("CI") == "true" or os.environ.get("SGAE_NO_SKIPS") == "1"


class Skips:
  """Collects skipped tests and files of this process and its workers."""

  def __init__(self):
    self.files: set[str] = set()

  def pytest_collectreport(self, report):
    if report.skipped:
      self.files.add(report.nodeid)

  @pytest.hookimpl(optionalhook=True)
  def pytest_testnodedown(self, node):
    self.files.update(getattr(node, "workeroutput", {}).get(_SKIPPED_FILES, ()))

  def hidden(self, config) -> list[str]:
    """Returns the skipped tests and files that no entry of the list allows."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    skipped = terminal.stats.get("skipped", []) if terminal else []
    names = self.files | {report.nodeid for report in skipped}
    return sorted(name for name in names if not name.startswith(tuple(ALLOWED_SKIPS)))


def pytest_configure(config):
  config.pluginmanager.register(Skips(), "skips")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
  skips = session.config.pluginmanager.get_plugin("skips")
  if hasattr(session.config, "workeroutput"):
    session.config.workeroutput[_SKIPPED_FILES] = sorted(skips.files)
  elif forbidden() and exitstatus == 0 and skips.hidden(session.config):
    session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
  hidden = config.pluginmanager.get_plugin("skips").hidden(config)
  if forbidden() and hidden:
    terminalreporter.section("skipped, and not allowed to be")
    for name in hidden:
      terminalreporter.line(f"{name} is not in ALLOWED_SKIPS of tests/skips.py")
