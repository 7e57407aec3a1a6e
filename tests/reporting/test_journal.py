"""The journal keeps the best evaluation of each phase, and warns by its rules."""

import io

import pytest

from sgae.diagnostics.rules import above
from sgae.reporting.console import Console
from sgae.reporting.contents import MethodReport, Shown
from sgae.reporting.journal import Journal

RULES = (above("hot", "one/heat", 5.0, 1, "cool it"),)


@pytest.fixture
def open_journal(tmp_path):
  """Returns a function that opens the journal of one run again: (journal, output)."""

  def opened():
    output = io.StringIO()
    position = {"one": 100, "two": 100}
    shown = {"one": Shown("One", MethodReport("one"), "one/error")}
    journal = Journal(tmp_path, position, Console(output), rules=RULES, shown=shown)
    return journal, output

  return opened


def test_the_best_evaluation_is_that_of_the_phase(open_journal):
  journal, _ = open_journal()
  with journal:
    assert not journal.improved("one")
    for step, error in enumerate((4.0, 3.0, 5.0, 6.0), start=1):
      journal.write({"phase": "one", "step": step, "one/error": error})
      journal.write({"phase": "two", "step": step, "one/error": 0.0})
      assert journal.improved("one") == (step < 3)
      assert not journal.improved("two")
    assert journal.evaluations_since_best("one") == 2
    assert journal.evaluations_since_best("two") == 0
  with open_journal()[0] as resumed:
    assert resumed.evaluations_since_best("one") == 2


def test_a_member_that_dies_is_no_improvement_of_the_others(open_journal):
  journal, _ = open_journal()
  with journal:
    evaluations = [{0: 100.0, 1: 300.0}, {0: 150.0}, {0: 90.0}]
    for step, values in enumerate(evaluations, start=1):
      for member, error in values.items():
        own = {"phase": "one", "step": step, "member": member, "one/error": error}
        journal.write(own)
      assert journal.improved("one") == (step != 2)


def test_a_warning_is_printed_once_and_stands_in_the_report(open_journal, tmp_path):
  journal, output = open_journal()
  with journal:
    for step in (1, 2):
      journal.write({"phase": "one", "step": step, "one/heat": 7.0})
  line = "one step 1: hot: one/heat is 7; cool it\n"
  assert output.getvalue() == line
  assert "one/heat is 7" in (tmp_path / "report.html").read_text()
