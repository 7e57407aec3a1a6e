"""Plain lines in a log, a bar of two lines that fits on a terminal."""

import errno
import io
import os
import re

import pytest
from rich.cells import cell_len

from sgae.reporting import console as console_file
from sgae.reporting.console import Console


class Terminal(io.StringIO):
  def isatty(self):
    return True


@pytest.fixture
def clock(monkeypatch):
  """A clock that stands still until a test moves it."""
  now = [1000.0]
  monkeypatch.setattr(console_file, "monotonic", lambda: now[0])
  return now


def plain(text):
  """The text of a terminal's output, without control sequences, line by line."""
  return re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text))


def test_a_plain_line_has_all_the_numbers(clock):
  stream = io.StringIO()
  with Console(stream).phase("gan", 4000, 0) as phase:
    clock[0] += 35
    phase.update(1200, 35210.4, {"d_loss": 0.43, "g_loss": 1.2})
  assert stream.getvalue() == (
    "gan   1200/4000 (30 %)  35,210 images/s  1 min 22 s left"
    "  d_loss 0.43  g_loss 1.2\n"
  )


def test_plain_lines_come_first_last_and_once_per_interval(clock):
  stream = io.StringIO()
  with Console(stream, interval=5.0).phase("sae", 100, 0) as phase:
    for step in range(1, 13):  # one second each
      clock[0] += 1
      phase.update(step, 1.0, {})
  shown = [int(step) for step in re.findall(r"(\d+)/100", stream.getvalue())]
  assert shown == [1, 6, 11, 12]


def test_the_last_plain_line_is_neither_lost_nor_doubled(clock):
  stream = io.StringIO()
  with (
    pytest.raises(KeyboardInterrupt),
    Console(stream).phase("sae", 100, 0) as phase,
  ):
    phase.update(1, 1.0, {})
    phase.update(2, 1.0, {})
    raise KeyboardInterrupt
  with Console(stream).phase("sae", 100, 0) as phase:
    phase.update(100, 1.0, {})
  shown = re.findall(r"(\d+)/100", stream.getvalue())
  assert shown == ["1", "2", "100"]


def test_time_left_counts_only_the_steps_of_this_process(clock):
  stream = io.StringIO()
  with Console(stream, interval=0.0).phase("gan", 4000, 3000) as phase:
    clock[0] += 10
    phase.update(3100, 1.0, {})  # 100 steps in 10 s, 900 to go
    clock[0] += 1
    phase.update(3200, 1.0, {})  # without compilation 100 steps/s, 800 to go
    phase.update(4000, 1.0, {})
  assert re.findall(r"(\S+ s) left", stream.getvalue()) == ["30 s", "8 s", "0 s"]
  assert "1 min 30 s left" in stream.getvalue()


def test_time_left_is_unknown_before_the_first_step(clock):
  stream = io.StringIO()
  with Console(stream).phase("gan", 4000, 3000) as phase:
    phase.update(3000, 0.0, {})
  assert "time left unknown" in stream.getvalue()


def test_hours_are_shown(clock):
  stream = io.StringIO()
  with Console(stream).phase("gan", 100, 0) as phase:
    clock[0] += 75.2
    phase.update(1, 0.0, {})
  assert "2 h 4 min left" in stream.getvalue()


def test_a_log_has_no_control_sequences(monkeypatch):
  monkeypatch.setenv("FORCE_COLOR", "1")
  stream = io.StringIO()
  console = Console(stream)
  text = "made [bold]/runs/a:smile:b" + "x" * 200
  console.line(text)
  with console.phase("sae", 10, 0) as phase:
    phase.update(10, 1.0, {})
  assert stream.getvalue().splitlines()[0] == text
  assert "\x1b" not in stream.getvalue()


@pytest.mark.parametrize("width", [60, 100])
def test_the_bar_fits_the_terminal_and_lines_come_above_it(monkeypatch, width, clock):
  monkeypatch.setenv("COLUMNS", str(width))
  monkeypatch.setenv("TERM", "xterm-256color")
  stream = Terminal()
  console = Console(stream)
  with console.phase("gan", 400000, 0) as phase:
    clock[0] += 35
    numbers = {"d_loss": 0.43, "g_loss": 1.2, "code_l0": 12.0}
    phase.update(120000, 35210.4, numbers)
    console.line("saved /runs/a")
    phase.update(130000, 35210.4, numbers)
  lines = plain(stream.getvalue())
  assert max(map(cell_len, lines)) <= width
  *_, bar, below, _ = lines
  assert re.fullmatch(r"gan +━+.* 130000/400000 \(32 %\)  \S.* left *", bar)
  assert below == "35,210 images/s  d_loss 0.43  g_loss 1.2  code_l0 12".ljust(
    len(below)
  )
  assert any(line.startswith("saved /runs/a") for line in lines)
  assert "\x1b[?25h" in stream.getvalue()  # the cursor is back


def test_numbers_that_do_not_fit_are_cut_and_do_not_wrap(monkeypatch):
  monkeypatch.setenv("COLUMNS", "60")
  monkeypatch.setenv("TERM", "xterm-256color")
  stream = Terminal()
  with Console(stream).phase("gan", 10, 0) as phase:
    phase.update(10, 1.0, {f"a_long_name_{i}": 0.123 for i in range(5)})
  *_, bar, below, _ = plain(stream.getvalue())
  assert bar.startswith("gan")
  assert below.rstrip().endswith("…")


def test_a_dumb_terminal_gets_plain_lines(monkeypatch):
  monkeypatch.setenv("TERM", "dumb")
  stream = Terminal()
  with Console(stream).phase("sae", 10, 0) as phase:
    phase.update(10, 1.0, {})
  assert "\x1b" not in stream.getvalue()
  assert stream.getvalue().startswith("sae   10/10 (100 %)")


def test_an_error_is_one_line_on_stderr(capsys):
  Console().error("field x\nis wrong")
  captured = capsys.readouterr()
  assert captured.err == "error: field x is wrong\n"
  assert captured.out == ""


def test_a_reader_that_goes_away_costs_the_text_and_no_more(capfd):
  reader, writer = os.pipe()
  stream = os.fdopen(writer, "w")
  console = Console(stream)
  console.line("first")
  assert os.read(reader, 100) == b"first\n"
  os.close(reader)
  with console.phase("sae", 100, 0) as phase:
    phase.update(1, 1.0, {})
  console.line("last")
  stream.write("what Python writes at its end")
  stream.close()
  warning = "Warning: the output is closed (Broken pipe): the command goes on"
  assert capfd.readouterr().err.count(warning) == 1


def test_a_terminal_that_is_closed_ends_nothing(monkeypatch, capfd):
  class Closed(Terminal):
    def write(self, text):
      raise OSError(errno.EIO, "Input/output error")

  with Console(Closed()).phase("sae", 100, 0) as phase:
    phase.update(1, 1.0, {})
  assert "Input/output error" in capfd.readouterr().err
  monkeypatch.setattr("sys.stdout", None)  # as Python has it after `>&-`
  monkeypatch.setattr("sys.stderr", Closed())
  Console().line("said to nobody")
  Console().error("said to nobody")
