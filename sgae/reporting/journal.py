"""What a run writes down of itself: metrics, pictures, illnesses, the report."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any, Self

import numpy as np

from sgae.diagnostics.health import Event, Health
from sgae.errors import UserError
from sgae.reporting import pictures
from sgae.reporting.background import Background
from sgae.reporting.console import Console
from sgae.reporting.files import read_json, write_json
from sgae.reporting.metrics import MetricsWriter, read_metrics
from sgae.reporting.report import write_report

DISTANCE = "gan/frechet"  # what early stopping and the best state go by
REPORT_SHARE = 0.02  # of a run's time, at most, that its report may take on the way


class Journal:
  """Writes into a run directory, in the background; one process of a run has one.

  Any method may raise what a disk said to an earlier one.
  """

  def __init__(self, workdir: Path, position: Mapping[str, int], console: Console):
    """Opens the files.

    Args:
      workdir: the run directory.
      position: the last step of each phase that is kept; see `MetricsWriter`.
      console: where illnesses are told.
    """
    self._workdir = Path(workdir)
    self._console = console
    self._metrics = MetricsWriter(workdir, position)
    self._background = Background()
    records = read_metrics(workdir)
    self._health = Health()
    self._events: list[Event] = []
    self._distances: list[float] = []
    for record in records:
      self._follow(record)
    self._next_report = 0.0

  def last(self, phase: str) -> dict | None:
    """Returns the last record of a phase, or None."""
    self._background.settle()
    return self._metrics.last(phase)

  def settle(self) -> None:
    """Waits until all is written, without which no checkpoint may be saved.

    Raises:
      UserError: the disk refused, or the run directory was removed under the run:
        what is written next would make it anew, without what makes it a run.
    """
    self._background.settle()
    self._metrics.require_there()

  def write(self, record: Mapping[str, Any]) -> None:
    """Writes one record of metrics; says so when it tells an illness."""
    self._background.do(self._metrics.write, record)
    for event in self._follow(record):
      self._console.line(
        f"{event.phase} step {event.step}: {event.kind}: {event.saw}; {event.advice}"
      )

  def evaluations_since_best(self, phase) -> int:
    """Returns how many evaluations followed the one of least Frechet distance."""
    if not self._distances:
      return 0
    return len(self._distances) - 1 - int(np.argmin(self._distances))

  def improved(self, phase) -> bool:
    """Says whether the newest evaluation gave the least Frechet distance so far."""
    return bool(self._distances) and self.evaluations_since_best(phase) == 0

  def show(
    self,
    phase: str,
    step: int,
    drawn: Mapping[str, np.ndarray],
    detail: Mapping[str, Any],
  ) -> None:
    """Writes the pictures and lists of one evaluation.

    Args:
      phase: the phase's name.
      step: steps done.
      drawn: pictures by title.
      detail: lists by name; those of the phase's newest evaluation are kept.
    """

    def write():
      self._metrics.require_there()
      for title, picture in drawn.items():
        name = f"{phase}_{title}_{step:06d}.png"
        pictures.write_png(self._workdir / "images" / name, picture)
      if detail:
        path = self._workdir / "details.json"
        write_json(path, read_json(path) | {phase: {"step": step, **detail}})

    self._background.do(write)

  def report(self) -> None:
    """Builds the report, unless that would take too much of the run's time."""
    self._background.do(self._report, list(self._events))

  def _report(self, events) -> None:
    start = perf_counter()
    if start >= self._next_report:
      write_report(self._workdir, events)
      took = perf_counter() - start
      self._next_report = perf_counter() + took / REPORT_SHARE

  def close(self) -> None:
    """Closes the files and builds the report for the last time."""
    try:
      self._background.close()
    finally:
      there = self._metrics.is_there()
      self._metrics.close()
      if there:  # a report alone in a new directory would keep it from starting anew
        write_report(self._workdir, self._events)

  def _follow(self, record: Mapping[str, Any]) -> list[Event]:
    """Takes in one record, old or new; returns the illnesses that begin with it."""
    if record.get(DISTANCE) is not None:
      self._distances.append(record[DISTANCE])
    begun = self._health.add(record)
    self._events += begun
    return begun

  def __enter__(self) -> Self:
    return self

  def __exit__(self, kind, *_) -> None:
    # what ended the run is to be told, not that the report does not fit either
    with contextlib.suppress(*[UserError] if kind else []):
      self.close()
