"""A side of the benchmark in its own process, which measures on request.

Both sides stay warm and measure in turn, so that other load on the machine affects both
equally. One line of JSON answers each line of the parent.
"""

import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from time import perf_counter
from typing import Any

# Does some work, waits for its end and returns its amount.
Work = Callable[[], float]


class Failed(Exception):
  """A side cannot measure a row; the text says why in one line."""


class Worker:
  """The parent's handle of the process of one side."""

  def __init__(self, side: str, *args: str):
    """Starts `python -m sgae.benchmark.<side> args`; `await_start` waits for it."""
    self._facts: dict[str, Any] | None = None
    # Otherwise JAX takes most of a GPU's memory, and the other side cannot start.
    environment = os.environ | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    with contextlib.ExitStack() as files:
      self._errors = files.enter_context(tempfile.TemporaryFile("w+"))
      self._process = subprocess.Popen(
        [sys.executable, "-m", f"sgae.benchmark.{side}", *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=self._errors,
        env=environment,
        text=True,
      )
      files.callback(self._process.communicate)
      files.callback(self._process.kill)
      self._ends = files.pop_all()

  def await_start(self) -> dict[str, Any]:
    """Waits until the side is compiled and warm; returns its facts, see `serve`.

    Raises:
      Failed: the process ends instead.
    """
    if self._facts is None:
      self._facts = self._answer()
    return self._facts

  def ask(self, question: str, seconds: float) -> float:
    """Returns the rate that the side answers, see `serve`.

    Raises:
      Failed: the process ends instead.
    """
    return self.request(f"{question} {seconds}")["rate"]

  def request(self, line: str) -> dict[str, Any]:
    """Returns what the side answers to a line, see `answer`.

    Raises:
      Failed: the process ends instead.
    """
    pipe: Any = self._process.stdin
    with contextlib.suppress(BrokenPipeError):  # it has ended: `_answer` says why
      pipe.write(f"{line}\n")
      pipe.flush()
    return self._answer()

  def close(self) -> None:
    """Ends the process."""
    self._ends.close()

  def _answer(self) -> dict[str, Any]:
    output: Any = self._process.stdout
    for line in output:
      if line.startswith("{"):
        return json.loads(line)
    self._errors.seek(0)
    lines = [line.strip() for line in self._errors if line.strip()]
    raise Failed(lines[-1][:200] if lines else "it ended without a message")


def serve(
  questions: dict[str, Callable[[], Work]], peak: Callable[[], int], **facts: Any
) -> None:
  """Answers the parent's questions until it closes the pipe.

  Args:
    questions: name -> function that makes the work, which is then warmed up. An answer
      is the rate per second of that work, over the requested seconds.
    peak: returns the peak memory so far [bytes]: the device's, or `peak_bytes`. The
      parent receives the value after the first work.
    facts: what else the parent receives at the start.
  """
  works: dict[str, Work] = {}
  for name, make in questions.items():
    works[name] = make()
    works[name]()
    works[name]()
    facts.setdefault("peak_bytes", peak())

  def respond(line):
    question, seconds = line.split()
    return {"rate": rate(works[question], float(seconds))}

  answer(respond, facts)


def answer(
  respond: Callable[[str], dict[str, Any]], facts: dict[str, Any] | None = None
) -> None:
  """Answers each line of the parent by `respond`, until it closes the pipe.

  Args:
    respond: line -> what JSON can hold.
    facts: what the parent receives at the start.
  """
  _write(facts or {})
  for line in sys.stdin:
    _write(respond(line.strip()))


def rate(work: Work, seconds: float) -> float:
  """Returns the amount of work per second, over at least the given seconds."""
  done, start = 0.0, perf_counter()
  while perf_counter() - start < seconds:
    done += work()
  return done / (perf_counter() - start)


def peak_bytes() -> int:
  """Returns the peak memory of this process [bytes]."""
  unit = 1 if sys.platform == "darwin" else 1024
  return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _write(answer: dict[str, Any]) -> None:
  sys.stdout.write(json.dumps(answer) + "\n")
  sys.stdout.flush()
