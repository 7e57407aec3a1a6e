"""What the user sees while a run is under way: a live bar, or plain lines in a log."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import monotonic
from typing import Any, NamedTuple, TextIO

import rich.console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from sgae.reporting.stream import LastingStream


class Report(NamedTuple):
  """Where a phase stands: steps, speed, seconds left (None: unknown), metrics."""

  name: str
  step: int
  total_steps: int
  images_per_second: float
  noun: str
  seconds_left: float | None
  numbers: Mapping[str, float]


class PhaseProgress:
  """Takes the numbers of a running phase and hands them to a display."""

  def __init__(self, start: Report, show: Callable[[Report], None]):
    self._start = start
    self._show = show
    self._clock = (start.step, monotonic())
    self._updated = False

  def update(
    self, step: int, images_per_second: float, numbers: Mapping[str, float]
  ) -> None:
    """Shows a new state of the phase; cheap enough for every compiled call.

    Args:
      step: steps done, from the very start of the phase.
      images_per_second: current speed [images/s].
      numbers: the two or three metrics that matter, by the names to show.
    """
    first_step, since = self._clock
    done, now = step - first_step, monotonic()
    left = None
    if done > 0:
      left = (self._start.total_steps - step) * (now - since) / done
    if not self._updated:
      # The first steps include the compilation, which the other steps do not.
      self._clock = (step, now)
      self._updated = True
    self._show(
      self._start._replace(
        step=step,
        images_per_second=images_per_second,
        seconds_left=left,
        numbers=numbers,
      )
    )


class Console:
  """Writes to the terminal, or as plain text when the output is none.

  Where the output is closed, as by `| head -1`, it goes on without one.
  """

  def __init__(
    self, stream: TextIO | None = None, interval: float = 5.0, quiet: bool = False
  ):
    """Looks at what kind of output it has.

    Args:
      stream: where to write; None is the standard output.
      interval: least time [s] between two plain lines of progress.
      quiet: write nothing but errors, as all but one of several processes do.
    """
    output: Any = LastingStream(sys.stdout if stream is None else stream)
    self._rich = rich.console.Console(
      file=output,
      quiet=quiet,
      # Otherwise FORCE_COLOR, set in many CI systems, makes a log file a terminal.
      force_terminal=output.isatty(),
      # Text is shown as it is, whatever brackets and colons a path contains.
      markup=False,
      emoji=False,
      highlight=False,
    )
    self._interval = interval

  def line(self, text: str) -> None:
    """Writes one line, above the bar if one is shown; never wraps it.

    Args:
      text: the line, without its end.
    """
    self._rich.print(text, soft_wrap=True)

  def error(self, text: str) -> None:
    """Writes one line, beginning with `error: `, to the standard error.

    Args:
      text: what is wrong, what is allowed, what to do.
    """
    LastingStream(sys.stderr).write(f"error: {' '.join(text.splitlines())}\n")

  @contextmanager
  def phase(
    self, name: str, total_steps: int, first_step: int, noun: str = "images"
  ) -> Iterator[PhaseProgress]:
    """Shows the progress of one phase inside the block.

    Args:
      name: the phase's name.
      total_steps: steps of the whole phase, at least 1.
      first_step: steps that were done before this process began.
      noun: what examples are called.

    Returns:
      A context manager giving the object to `update`.
    """
    start = Report(name, first_step, total_steps, 0.0, noun, None, {})
    if self._rich.is_terminal and not self._rich.is_dumb_terminal:
      with Live(_as_bar(start), console=self._rich) as live:
        yield PhaseProgress(start, lambda report: live.update(_as_bar(report)))
    else:
      lines = _PlainLines(self.line, self._interval)
      try:
        yield PhaseProgress(start, lines.show)
      finally:
        lines.flush()


class _PlainLines:
  """Shows the first and the last report, and between them one per interval."""

  def __init__(self, write: Callable[[str], None], interval: float):
    self._write = write
    self._interval = interval
    self._due = monotonic()
    self._waiting: Report | None = None

  def show(self, report: Report) -> None:
    self._waiting = report
    if monotonic() >= self._due:
      self.flush()

  def flush(self) -> None:
    if self._waiting is not None:
      self._write(_as_line(self._waiting))
      self._waiting = None
      self._due = monotonic() + self._interval


def _as_line(report: Report) -> str:
  columns = [f"{report.name:<4}", _steps(report), _speed(report), _time_left(report)]
  return "  ".join(columns + _numbers(report))


def _as_bar(report: Report) -> rich.console.Group:
  # Two lines, so that all of it fits into 60 columns. Brightness, not colour, tells
  # what is done: it reads the same for every eye and on every background.
  bar = ProgressBar(
    total=report.total_steps,
    completed=report.step,
    style="dim",
    complete_style="bold",
    finished_style="bold",
  )
  row = Table.grid(padding=(0, 2, 0, 0), expand=True)
  row.add_column(no_wrap=True)
  row.add_column(ratio=1)
  row.add_column(no_wrap=True)
  row.add_column(no_wrap=True)
  row.add_row(report.name, bar, _steps(report), _time_left(report))
  numbers = "  ".join([_speed(report), *_numbers(report)])
  return rich.console.Group(row, Text(numbers, no_wrap=True, overflow="ellipsis"))


def _steps(report: Report) -> str:
  total = str(report.total_steps)
  percent = 100 * report.step // report.total_steps
  return f"{report.step:>{len(total)}}/{total} ({percent} %)"


def _speed(report: Report) -> str:
  return f"{report.images_per_second:,.0f} {report.noun}/s"


def _time_left(report: Report) -> str:
  if report.seconds_left is None:
    return "time left unknown"
  minutes, seconds = divmod(round(report.seconds_left), 60)
  hours, minutes = divmod(minutes, 60)
  if hours:
    return f"{hours} h {minutes} min left"
  return f"{minutes} min {seconds} s left" if minutes else f"{seconds} s left"


def _numbers(report: Report) -> list[str]:
  return [f"{name} {float(value):.3g}" for name, value in report.numbers.items()]
