"""Geometry of small charts: numbers in, positions, path data and labels out.

The report's template draws them as inline SVG. Unlike the pictures of a plotting
library they have the page's font and colours (also in the dark), take milliseconds and
few bytes, and keep the numbers for the readout.

Positions are in SVG user units, y downwards, inside WIDTH x HEIGHT.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

WIDTH, HEIGHT = 360, 176
LEFT, RIGHT, TOP, BOTTOM = 42, 350, 10, 150
MOST_POINTS = 150  # of one line; where there are more, a point stands for several
MOST_DOTS = 30  # up to here each point is marked
LOG_FROM = 50  # largest over smallest value from which an axis is logarithmic


class Series(NamedTuple):
  """One line.

  Attributes:
    label: its name.
    points: (x, y) in the order of x, finite.
    errors: standard error of each y (0 where there is none), or ().
    bands: (lowest, highest) to shade at each point, in place of its error; or ().
  """

  label: str
  points: Sequence[tuple[float, float]]
  errors: Sequence[float] = ()
  bands: Sequence[tuple[float, float]] = ()


class Drawn(NamedTuple):
  """What is drawn of a line: its points, and the edges of its band.

  Attributes:
    points: (x, y).
    errors: standard error of each y (0 where there is none).
    band: (lowest, highest) at each point: y -+ its error, or the extremes of the values
      that the point is the mean of.
  """

  points: list[tuple[float, float]]
  errors: list[float]
  band: list[tuple[float, float]]


class Tick(NamedTuple):
  """A mark on an axis: its position along that axis, and what is written there."""

  position: float
  label: str


class Line(NamedTuple):
  """A drawn line: path data of itself, its dots, its error band; its last value."""

  label: str
  path: str
  dots: str
  band: str
  last: str


class LineChart(NamedTuple):
  """What the template draws, and the numbers behind it for the readout.

  Attributes:
    title: what is shown.
    log: whether the vertical axis is logarithmic.
    x_ticks, y_ticks: marks.
    lines: the lines.
    data: {"x": [lowest, highest], "y": the same, "log": log, "points": a list of
      [x, y, standard error or 0] for each line}.
  """

  title: str
  log: bool
  x_ticks: list[Tick]
  y_ticks: list[Tick]
  lines: list[Line]
  data: dict


class Histogram(NamedTuple):
  """A drawn histogram: path data of its bars, and the marks of its axes."""

  title: str
  x_ticks: list[Tick]
  y_ticks: list[Tick]
  bars: str


def line_chart(
  title: str,
  series: Iterable[Series],
  y_range: tuple[float, float] | None = None,
) -> LineChart | None:
  """Draws lines over one horizontal axis, which begins at 0.

  Args:
    title: what is shown.
    series: the lines; those without a point are left out.
    y_range: lowest and highest value of the vertical axis; None takes them from the
      points, logarithmic where they are positive and span a factor of 50.

  Returns:
    The chart, or None when there is no point at all.
  """
  series = [line for line in series if line.points]
  if not series:
    return None
  drawn = [thinned(line) for line in series]
  values = [y for line in series for _, y in line.points]
  # The axis covers the band as well, but for values that have no logarithm.
  edges = [y for line in drawn for pair in line.band for y in pair]
  values += [y for y in edges if y > 0 or min(values) <= 0]
  last_x = max(x for line in series for x, _ in line.points) or 1
  smallest, largest = min(values), max(values)
  log = y_range is None and smallest > 0 and largest >= LOG_FROM * smallest
  low, high = y_range or (_log_range if log else _range)(smallest, largest)

  def place(x: float, y: float) -> tuple[float, float]:
    return _between(x, 0, last_x, LEFT, RIGHT), _height(y, low, high, log)

  lines = [_line(full, line, place) for full, line in zip(series, drawn, strict=True)]
  y_ticks = (log_ticks if log else ticks)(low, high)
  return LineChart(
    title,
    log,
    [Tick(round(place(x, low)[0], 1), short(x)) for x in ticks(0, last_x)],
    [Tick(round(_height(y, low, high, log), 1), short(y)) for y in y_ticks],
    lines,
    {
      "x": [0, last_x],
      "y": [low, high],
      "log": log,
      "points": [_readout(line) for line in drawn],
    },
  )


def _line(full: Series, drawn: Drawn, place: Callable[..., Any]) -> Line:
  """Returns the path data of a line; `place(x, y)` gives positions."""
  placed = [place(*point) for point in drawn.points]
  band = [
    place(x, low) + place(x, high)
    for (x, _), (low, high) in zip(drawn.points, drawn.band, strict=True)
  ]
  dots = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in placed)
  return Line(
    full.label,
    _path(placed),
    dots if len(placed) <= MOST_DOTS else "",
    _band(band),
    with_error(full.points[-1][1], full.errors[-1] if full.errors else 0),
  )


def _readout(line: Drawn) -> list[list[float]]:
  """Returns [x, y, error] of each point, rounded, for the page's script."""
  return [
    [round(x), float(f"{y:.4g}"), float(f"{error:.2g}")]
    for (x, y), error in zip(line.points, line.errors, strict=True)
  ]


def histogram(
  title: str, edges: Sequence[float], counts: Sequence[float], log: bool = False
) -> Histogram | None:
  """Draws counts as bars between edges.

  Args:
    title: what is counted.
    edges: N + 1 increasing numbers; positive if `log`.
    counts: N numbers, not negative.
    log: whether the horizontal axis is logarithmic, and its labels percentages.

  Returns:
    The histogram, or None when the numbers are no such thing or all counts are 0.
  """
  pairs = list(zip(edges, edges[1:], strict=False))
  if (
    len(edges) != len(counts) + 1
    or any(left >= right for left, right in pairs)
    or min(counts, default=0) < 0
    or max(counts, default=0) == 0
    or (log and edges[0] <= 0)
  ):
    return None
  transform = math.log10 if log else float
  first, last = transform(edges[0]), transform(edges[-1])
  high = max(counts) * 1.05
  bars = []
  for (left, right), count in zip(pairs, counts, strict=True):
    if count:
      x = _between(transform(left), first, last, LEFT, RIGHT)
      end = _between(transform(right), first, last, LEFT, RIGHT)
      top = _height(count, 0, high, False)
      # a hairline between bars, unless they are hairlines themselves
      width = max(end - x - 0.7, (end - x) * 0.7)
      bars.append(f"M{x:.1f} {BOTTOM}V{top:.1f}h{width:.1f}V{BOTTOM}z")
  marks = log_ticks(edges[0], edges[-1]) if log else ticks(edges[0], edges[-1])
  return Histogram(
    title,
    [
      Tick(
        round(_between(transform(x), first, last, LEFT, RIGHT), 1),
        f"{100 * x:.3g} %" if log else short(x),
      )
      for x in marks
    ],
    [Tick(round(_height(y, 0, high, False), 1), short(y)) for y in ticks(0, high)],
    "".join(bars),
  )


def thinned(series: Series, most: int = MOST_POINTS) -> Drawn:
  """Takes means of stretches where a line has too many points, extremes as the band.

  Args:
    series: a line with at least one point.
    most: points that may remain.
  """
  points = list(series.points)
  if len(points) <= most:
    errors = list(series.errors) or [0.0] * len(points)
    around = [(y - e, y + e) for (_, y), e in zip(points, errors, strict=True)]
    return Drawn(points, errors, list(series.bands) or around)
  means, band = [], []
  for i in range(most):
    stretch = slice(i * len(points) // most, (i + 1) * len(points) // most)
    part = points[stretch]
    values = [y for _, y in part]
    means.append((sum(x for x, _ in part) / len(part), sum(values) / len(part)))
    edges = [edge for pair in series.bands[stretch] for edge in pair] or values
    band.append((min(edges), max(edges)))
  return Drawn(means, [0.0] * most, band)


def ticks(low: float, high: float, count: int = 4) -> list[float]:
  """Returns about `count` round numbers in [low, high], low < high."""
  rough = (high - low) / count
  power = 10.0 ** math.floor(math.log10(rough))
  step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
  first = math.ceil(low / step - 1e-9)
  last = math.floor(high / step + 1e-9)
  return [i * step for i in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
  """Returns powers of ten in [low, high], or also 2 and 5 times them if those are few.

  More than 6 decades are marked at every second, third, ... power.
  """
  first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
  every = 1 + (last - first) // 6
  powers = [10.0**n for n in range(first, last + 1) if n % every == 0]
  inside = [x for x in powers if low * 0.999 <= x <= high * 1.001]
  if len(inside) >= 3:
    return inside
  finer = [m * 10.0**n for n in range(first, last + 1) for m in (1, 2, 5)]
  return [x for x in finer if low * 0.999 <= x <= high * 1.001]


def short(value: float) -> str:
  """Returns a number as an axis shows it: 0.05, 12, 256k, 2M, 1e-5."""
  for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
    if abs(value) >= size:
      return f"{value / (1e3 if unit == 'k' else size):.4g}{unit}"
  text = f"{value:.4g}"
  return text.replace("e-0", "e-").replace("-", "\N{MINUS SIGN}")


def number(value: float) -> str:
  """Returns a number with 3 significant digits, and all digits before the point."""
  if value == 0:
    return "0"
  if not 1e-4 <= abs(value) < 1e15:
    return f"{value:.2e}".replace("-", "\N{MINUS SIGN}")
  decimals = max(0, 2 - math.floor(math.log10(abs(value))))
  return f"{value:,.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def with_error(value: float, error: float) -> str:
  """Returns `8.41 ± 0.17`: both with decimals for 3 digits of the value, and for 1 or 2
  of the error; the value alone where there is no error.
  """
  text = number(value)
  if error <= 0:
    return text
  first = -math.floor(math.log10(error))
  decimals = max(first, 0, min(first + 1, len(text.partition(".")[2])))
  if "e" in text or decimals > 6:
    return f"{text} ± {number(error)}"
  both = f"{value:,.{decimals}f} ± {error:,.{decimals}f}"
  return both.replace("-", "\N{MINUS SIGN}")


def _between(value, low, high, start, end) -> float:
  return start + (value - low) / (high - low) * (end - start)


def _height(value: float, low: float, high: float, log: bool) -> float:
  value = min(max(value, low), high)
  if log:
    value, low, high = math.log10(value), math.log10(low), math.log10(high)
  return _between(value, low, high, BOTTOM, TOP)


def _range(smallest: float, largest: float) -> tuple[float, float]:
  # An axis of positive numbers begins at 0 unless that hides what they do.
  if 0 <= smallest <= 0.4 * largest or smallest == largest == 0:
    return 0.0, largest * 1.05 or 1.0
  # What differs by rounding alone is drawn as level.
  size = max(abs(smallest), abs(largest))
  space = max(0.08 * (largest - smallest), 0.02 * size)
  return smallest - space, largest + space


def _log_range(smallest: float, largest: float) -> tuple[float, float]:
  space = (largest / smallest) ** 0.05
  return smallest / space, largest * space


def _path(placed: Sequence[tuple[float, float]]) -> str:
  return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in placed)


def _band(edges: Sequence[tuple[float, float, float, float]]) -> str:
  """Returns the outline of a band from its (x, lower, x, upper) at each point."""
  if all(lower == upper for _, lower, _, upper in edges):
    return ""
  above = [(x, upper) for x, _, _, upper in edges]
  below = [(x, lower) for x, lower, _, _ in reversed(edges)]
  return _path(above + below) + "z"
