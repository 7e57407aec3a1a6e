"""Charts put numbers where they belong."""

import re

import numpy as np
import pytest

from sgae.reporting import charts
from sgae.reporting.charts import Series, histogram, line_chart


def positions(path):
  """Returns the points of path data such as M1 2L3 4."""
  return [
    tuple(map(float, pair)) for pair in re.findall(r"(-?[\d.]+) (-?[\d.]+)", path)
  ]


@pytest.mark.parametrize(
  "low, high, expected",
  [
    (0, 1, [0, 0.25, 0.5, 0.75, 1]),
    (0, 256000, [0, 100000, 200000]),
    (-2.2, 3.1, [-2, 0, 2]),
    (0.61, 0.84, [0.7, 0.8]),
  ],
)
def test_ticks_are_round_and_inside(low, high, expected):
  assert charts.ticks(low, high) == pytest.approx(expected)


@pytest.mark.parametrize(
  "low, high, expected",
  [
    (0.5, 2000, [1, 10, 100, 1000]),
    (3, 150, [5, 10, 20, 50, 100]),
    (1e-12, 1, [1e-12, 1e-9, 1e-6, 1e-3, 1]),
  ],
)
def test_ticks_of_a_logarithm_are_powers_of_ten_unless_these_are_few(
  low, high, expected
):
  assert charts.log_ticks(low, high) == pytest.approx(expected)


def test_numbers_are_written_as_people_write_them():
  assert charts.number(8.4149) == "8.41"
  assert charts.number(44.06) == "44.1"
  assert charts.number(12345.6) == "12,346"
  assert charts.number(-0.0123) == "\N{MINUS SIGN}0.0123"
  assert charts.number(0) == "0"
  assert charts.with_error(8.4149, 0.171) == "8.41 ± 0.17"
  assert charts.with_error(300.04, 0.52) == "300.0 ± 0.5"
  assert charts.with_error(0.0001, 0.0002) == "0.00010 ± 0.00020"
  assert charts.with_error(5123.4, 12.3) == "5,123 ± 12"
  assert [charts.short(x) for x in (0.05, 12, 256000, 2e6, 1e-5)] == [
    "0.05",
    "12",
    "256k",
    "2M",
    "1e\N{MINUS SIGN}5",
  ]


def test_a_line_goes_through_its_points():
  chart = line_chart("share", [Series("a", [(0, 0.0), (50, 1.0), (100, 0.25)])], (0, 1))
  assert chart is not None and not chart.log
  # x: 0..100 on 42..350; y: 0..1 on 150..10
  assert positions(chart.lines[0].path) == [(42, 150), (196, 10), (350, 115)]
  assert positions(chart.lines[0].dots) == [(42, 150), (196, 10), (350, 115)]
  assert chart.lines[0].last == "0.250"
  assert [tick.label for tick in chart.y_ticks] == ["0", "0.25", "0.5", "0.75", "1"]
  assert chart.y_ticks[1].position == 115


def test_a_wide_range_of_positive_values_is_logarithmic():
  chart = line_chart("distance", [Series("a", [(0, 1000.0), (1, 100.0), (2, 10.0)])])
  assert chart is not None and chart.log
  heights = [y for _, y in positions(chart.lines[0].path)]
  assert heights[1] - heights[0] == pytest.approx(heights[2] - heights[1], abs=0.2)
  # and one that contains 0 is not
  chart = line_chart("loss", [Series("a", [(0, 1000.0), (2, 0.0)])])
  assert chart is not None and not chart.log


def test_a_band_is_one_standard_error_to_each_side():
  chart = line_chart("x", [Series("a", [(0, 0.5), (1, 0.5)], [0.25, 0.1])], (0, 1))
  assert chart is not None
  assert positions(chart.lines[0].band) == [(42, 45), (350, 66), (350, 94), (42, 115)]
  assert chart.lines[0].last == "0.50 ± 0.10"
  assert chart.data["points"] == [[[0, 0.5, 0.25], [1, 0.5, 0.1]]]


def test_values_that_differ_by_rounding_are_level():
  chart = line_chart("l0", [Series("a", [(0, 32.0), (1, 31.9999)])])
  assert chart is not None
  (_, first), (_, second) = positions(chart.lines[0].path)
  assert first == pytest.approx(second, abs=0.2)


def test_no_chart_without_a_point_and_one_for_a_single_point():
  assert line_chart("nothing", [Series("a", [])]) is None
  for point in ((0, 0.0), (0, 5.0), (7, -1.0)):
    chart = line_chart("one", [Series("a", []), Series("b", [point])])
    assert chart is not None
    assert len(chart.lines) == 1 and len(positions(chart.lines[0].dots)) == 1


def test_a_long_line_becomes_means_and_keeps_its_extremes():
  values = np.random.default_rng(0).normal(size=1000)
  values[777] = 100.0
  points = list(zip(range(1000), values.tolist(), strict=True))
  drawn = charts.thinned(Series("a", points), most=100)
  stretches = values.reshape(100, 10)
  np.testing.assert_allclose([y for _, y in drawn.points], stretches.mean(axis=1))
  np.testing.assert_allclose(
    drawn.band, np.stack([stretches.min(axis=1), stretches.max(axis=1)], axis=1)
  )
  chart = line_chart("spike", [Series("a", points)])
  assert chart is not None and chart.data["y"][1] >= 100
  assert chart.lines[0].last == charts.number(values[-1])


def test_bars_stand_on_their_edges_and_reach_their_counts():
  chart = histogram("counts", [0, 1, 3, 4], [10, 0, 5])
  assert chart is not None
  bars = re.findall(r"M([\d.]+) 150V([\d.]+)h([\d.]+)V150z", chart.bars)
  (x1, top1, width1), (x2, top2, _) = [tuple(map(float, bar)) for bar in bars]
  assert (x1, x2) == (42, 273)  # 0 and 3 of 0..4 on 42..350
  assert width1 == pytest.approx(77, abs=1)
  assert (150 - top1) / (150 - top2) == pytest.approx(2, rel=0.01)


@pytest.mark.parametrize(
  "edges, counts",
  [([], []), ([0, 1], []), ([0, 0], [1]), ([0, 1], [0]), ([0, 1], [-1]), ([0], [])],
)
def test_what_is_no_histogram_is_not_drawn(edges, counts):
  assert histogram("none", edges, counts) is None
