"""Figures stand beside their floor and controls, and words say who is ahead."""

import pytest

from sgae.methods.gan.report import REPORT
from sgae.reporting.report_figures import (
  FLOOR,
  compare,
  figures_of_records,
  protocol_line,
  rows,
)


@pytest.mark.parametrize(
  "own, controls, better, mark, verdict",
  [
    ((8, 0), {"A": (19, 0), "B": (44, 0)}, "lower", "better", "better than every"),
    ((8, 0), {"A": (19, 0)}, "lower", "better", "better than A"),
    ((30, 0), {"A": (19, 0), "B": (44, 0)}, "lower", "worse", "worse than A"),
    ((0.6, 0), {"A": (0.5, 0), "B": (0.7, 0)}, "higher", "worse", "worse than B"),
    ((0.9, 0), {"A": (0.5, 0), "B": (0.7, 0)}, "higher", "better", "better than every"),
    # |8 - 19| = 11 against 2 * sqrt(3^2 + 4^2) = 10 and 2 * sqrt(3^2 + 5^2) = 11.7
    ((8, 3), {"A": (19, 4)}, "lower", "better", "better than A"),
    ((8, 3), {"A": (19, 5)}, "lower", "level", "level with A"),
    ((3, 0), {"A": (3, 0), "B": (2, 0)}, "higher", "level", "level with A"),
    ((3, 0), {"A": None, "B": (2, 0)}, "higher", "better", "better than B"),
    ((3, 0), {"A": None}, "higher", "", ""),
    ((3, 0), {}, "higher", "", ""),
    ((3, 0), {"A": (2, 0)}, "", "", ""),
  ],
)
def test_a_figure_is_compared_with_the_controls(own, controls, better, mark, verdict):
  result = compare(own, controls, better)
  assert result[0] == mark
  assert result[1].startswith(verdict)


def test_rows_hold_run_floor_and_controls_in_the_order_of_the_page():
  figures = {
    "odd": {"value": 1.5, "error": None},
    "precision": {"value": 0.9, "error": 0.004},
    "frechet": {"value": 8.41, "error": 0.17},
    "classes_covered": {"value": 10, "error": None},
    "broken": {"value": None},
    "recall": "?",
  }
  part = {
    "figures": figures,
    "floor": {"frechet": {"value": 3.5, "error": None}},
    "controls": {"AE": {"frechet": {"value": 19.5, "error": 0.2}}, "odd": None},
  }
  table = rows(part, REPORT.meanings, classes=10)
  assert [row.meaning.label for row in table] == [
    "Fréchet distance",
    "Precision",
    "Classes",
    "odd",
  ]
  assert table[0].value == "8.41 ± 0.17"
  assert table[0].others == {FLOOR: "3.50", "AE": "19.5 ± 0.2", "odd": ""}
  assert (table[0].mark, table[0].verdict) == ("better", "better than AE")
  assert table[2].value == "10 of 10"
  assert table[1].others["AE"] == ""


def test_the_newest_evaluation_while_training_stands_in():
  records = [
    {"phase": "gan", "step": 100, "gan/frechet": 30.0, "gan/frechet_error": 0.5},
    {"phase": "gan", "step": 200, "images_seen": 9, "gan/frechet": 20.0},
    {"phase": "gan", "step": 300, "gan/d_loss": 0.7, "gan/frechet": None},
    {"phase": "sae", "step": 400, "sae/test_fvu": 0.1},
  ]
  part = figures_of_records("gan", records, REPORT.while_training)
  assert part == {
    "step": 200,
    "images_seen": 9,
    "seconds": None,
    "figures": {"frechet": {"value": 20.0, "error": None}},
  }
  assert figures_of_records("gan", records[2:], REPORT.while_training) is None


def test_medians_of_members_stand_in_while_a_population_trains():
  records = [
    {"phase": "gan", "step": 5, "member": member, "gan/frechet": distance}
    for member, distance in enumerate((10.0, 40.0, 20.0))
  ]
  records += [{"phase": "gan", "step": 6, "member": 0, "gan/d_loss": 0.1}]
  part = figures_of_records("gan", records, REPORT.while_training)
  assert part is not None
  assert part["figures"] == {"frechet": {"value": 20.0, "error": None}}


def test_a_mean_over_members_is_compared_by_its_own_error():
  # 13 - 10 = 3 against twice 2 for one run, and twice 2 / sqrt(10) for ten
  marks = []
  for members in ({}, {"members": 10}):
    figures = {"frechet": {"value": 10.0, "error": 2.0} | members}
    controls = {"AE": {"frechet": {"value": 13.0, "error": 0.0}}}
    part = {"figures": figures, "controls": controls}
    (row,) = rows(part, REPORT.meanings, None)
    assert row.value == "10.0 ± 2.0"
    marks.append(row.mark)
  assert marks == ["level", "better"]


def test_the_protocol_is_one_line():
  protocol = {
    "samples": 10000,
    "reference": "test split of mnist",
    "reference_samples": 9000,
    "features": "mnist",
    "features_sha256": "0123456789abcdef",
    "features_accuracy": 0.9932,
  }
  assert protocol_line(protocol) == (
    "10,000 samples against 9,000 images of the test split of mnist; features of the"
    " network mnist (0123456789ab), accuracy 99.32 %"
  )
  of_second = {"second_features": "usps", "second_features_task": "rotation"}
  assert protocol_line({"features": "mnist"} | of_second) == (
    "features of the network mnist; rotation features of the network usps"
  )
  del protocol["samples"], protocol["features"]
  assert protocol_line(protocol) == "on 9,000 images of the test split of mnist"
  assert protocol_line({"features": "mnist"}) == "features of the network mnist"
  assert protocol_line({}) == ""
