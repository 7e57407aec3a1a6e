"""What a run writes while it trains: metrics, pictures, warnings, the report."""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, Self

import numpy as np

from sgae.diagnostics.health import Event, Health
from sgae.diagnostics.rules import Rule
from sgae.errors import UserError
from sgae.reporting import pictures
from sgae.reporting.background import Background
from sgae.reporting.best import Evaluations
from sgae.reporting.console import Console
from sgae.reporting.contents import Shown
from sgae.reporting.files import member_folder, read_json, write_json
from sgae.reporting.metrics import MetricsWriter, read_metrics
from sgae.reporting.report import write_report
from sgae.reporting.trackers import Guarded

REPORT_SHARE = 0.02  # of a run's time, at most, that its reports may take


class Journal:
  """Writes into a run directory, in the background; one process of a run has one.

  Any call may raise the error of an earlier write.
  """

  def __init__(
    self,
    workdir: Path,
    position: Mapping[str, int],
    console: Console,
    *,
    rules: Sequence[Rule],
    shown: Mapping[str, Shown],
    trackers: Sequence[Guarded] = (),
  ):
    """Opens the files.

    Args:
      workdir: the run directory.
      position: the last step of each phase that is kept; see `MetricsWriter`.
      console: where warnings go.
      rules: of the warnings.
      shown: phase -> what the report shows of its method.
      trackers: take the metrics too.
    """
    self._workdir = Path(workdir)
    self._console = console
    self._metrics = MetricsWriter(workdir, position, trackers)
    self._background = Background()
    records = read_metrics(workdir)
    self._health = Health(rules)
    self._events: list[Event] = []
    self._shown = shown
    self._evaluations = {
      phase: Evaluations(own.selects_by) for phase, own in shown.items()
    }
    for record in records:
      self._follow(record)
    self._next_report = 0.0

  def last(self, phase: str) -> dict | None:
    """Returns the last record of a phase, or None."""
    self._background.settle()
    return self._metrics.last(phase)

  def settle(self) -> None:
    """Waits until all is written; a checkpoint is saved only after that.

    Raises:
      UserError: the disk refused, or the run directory was removed during the run:
        the next write would create it again without its config.
    """
    self._background.settle()
    self._metrics.require_there()

  def write(self, record: Mapping[str, Any]) -> None:
    """Writes one record of metrics, and prints the warnings that begin with it."""
    self._background.do(self._metrics.write, record)
    for event in self._follow(record):
      self._console.line(
        f"{event.where()} step {event.step}: {event.kind}: {event.saw}; {event.advice}"
      )

  def evaluations_since_best(self, phase: str) -> int:
    """Returns how many evaluations of a phase followed its best one."""
    return self._since_best(phase) or 0

  def improved(self, phase: str) -> bool:
    """Returns whether the newest evaluation of a phase is its best so far."""
    return self._since_best(phase) == 0

  def _since_best(self, phase: str) -> int | None:
    evaluations = self._evaluations.get(phase)
    return None if evaluations is None else evaluations.since_best()

  def show(
    self,
    phase: str,
    step: int,
    drawn: Mapping[str, np.ndarray],
    detail: Mapping[str, Any],
    member: int | None = None,
  ) -> None:
    """Writes the pictures and lists of one evaluation.

    Args:
      phase: the phase's name.
      step: steps done.
      drawn: pictures by title.
      detail: lists by name; those of the phase's newest evaluation are kept.
      member: of a population, whose newest pictures are kept in a folder of its own.
        Those of the first member stand for all in the report.
    """

    def write():
      self._metrics.require_there()
      for title, picture in drawn.items():
        if member is not None:
          folder = member_folder(self._workdir, member)
          pictures.write_png(folder / f"{phase}_{title}.png", picture)
        if not member:
          name = f"{phase}_{title}_{step:06d}.png"
          pictures.write_png(self._workdir / "images" / name, picture)
      if detail and not member:
        path = self._workdir / "details.json"
        write_json(path, read_json(path) | {phase: {"step": step, **detail}})

    self._background.do(write)

  def report(self) -> None:
    """Writes the report, unless that would take too much of the run's time."""
    self._background.do(self._report, list(self._events))

  def _report(self, events) -> None:
    start = perf_counter()
    if start >= self._next_report:
      write_report(self._workdir, events, self._shown)
      took = perf_counter() - start
      self._next_report = perf_counter() + took / REPORT_SHARE

  def close(self) -> None:
    """Closes the files and writes the report for the last time."""
    try:
      self._background.close()
    finally:
      there = self._metrics.is_there()
      self._metrics.close()
      if there:  # a directory with a report alone is refused by the next start
        write_report(self._workdir, self._events, self._shown)

  def _follow(self, record: Mapping[str, Any]) -> list[Event]:
    """Takes in one record, old or new; returns the warnings that begin with it."""
    phase = record["phase"]
    if phase in self._evaluations:
      self._evaluations[phase].add(record)
    begun = self._health.add(record)
    self._events += begun
    return begun

  def __enter__(self) -> Self:
    return self

  def __exit__(self, kind, *_) -> None:
    # the user needs the error that ended the run, not that of the report
    with contextlib.suppress(*[UserError] if kind else []):
      self.close()
