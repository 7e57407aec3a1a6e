"""The benchmark's figures and text."""

import pytest

from sgae.benchmark import table

ROW = table.Measured(
  "mlp 64",
  3.0,
  ours=[200.0, 100.0, 400.0],
  theirs=[100.0, 100.0, 100.0],
  variant="eager",
  product=[1000.0, 2000.0, 1000.0],
  flops_per_image=2.0,
  our_peak_bytes=3 * 2**20,
  their_peak_bytes=2 * 2**20,
  device="cpu",
)


def test_a_ratio_is_the_median_over_pairs_not_a_ratio_of_medians():
  row = ROW._replace(theirs=[100.0, 25.0, 400.0])
  found = table.figures(row)
  assert found["ratio"] == 2.0  # of 2, 4, 1
  assert (found["least_ratio"], found["largest_ratio"]) == (1.0, 4.0)


def test_the_share_of_the_product_is_computed_in_each_pair():
  # 2 FLOP x 200 / 1000, 2 x 100 / 2000, 2 x 400 / 1000
  assert table.figures(ROW)["share_of_product"] == pytest.approx(0.4)


def test_a_row_as_text():
  text = table.cells(table.figures(ROW))
  assert text == (
    "mlp 64",
    "200",
    "100 eager",
    "2.00 (1.00 to 4.00)",
    "3.0",
    "40%",
    "3 / 2",
  )
  assert len(table.line(text)) == len(table.line(table.HEAD))


def test_without_pytorch_only_our_column_has_values():
  row = ROW._replace(theirs=[], variant="", their_peak_bytes=0, flops_per_image=0)
  assert table.cells(table.figures(row))[1:] == ("200", "-", "-", "3.0", "-", "3")


def test_sides_of_different_length_are_refused():
  with pytest.raises(ValueError):
    table.figures(ROW._replace(theirs=[100.0]))
