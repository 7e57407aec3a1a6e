"""Records the results of a phase: metrics, evaluations and checkpoints."""

import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import jax
import numpy as np

from sgae.devices import processes
from sgae.devices.compiled_steps import all_finite
from sgae.devices.mesh import fetch_local, take_member
from sgae.errors import TrainingDiverged
from sgae.methods.method import Evaluator, Program
from sgae.methods.population import Member
from sgae.reporting.console import Console, PhaseProgress
from sgae.reporting.journal import Journal
from sgae.runs.checkpoints import Checkpoints
from sgae.training.calls import shown_metrics
from sgae.training.clock import Clock


class Sinks(NamedTuple):
  """Where the results of a phase go.

  Attributes:
    workdir: the run directory.
    checkpoints: of the phase.
    best: the checkpoint of the best state; None: it is not kept.
    journal: writes metrics and pictures; None if another process does.
    console: where lines go.
  """

  workdir: Path
  checkpoints: Checkpoints
  best: Checkpoints | None
  journal: Journal | None
  console: Console


class Preparation(NamedTuple):
  """What a phase took before its first step: images read, and seconds."""

  images: int = 0
  seconds: float = 0.0


class Recorder:
  """Records metrics one call late: fetching them at once would stall the device.

  A population has one record for each of its members. One whose metrics are no longer
  finite is named and left out from then on; the phase ends when none is left.
  """

  def __init__(
    self,
    name: str,
    program: Program,
    evaluator: Evaluator,
    chunk: int,
    patience: int,
    sinks: Sinks,
    members: Sequence[Member] = (),
    mesh: Any = None,
  ):
    """Binds a phase.

    Args:
      name: of the method.
      program: of the method.
      evaluator: of the method.
      chunk: steps per call.
      patience: evaluations without improvement that end the phase; 0: never.
      sinks: where the results go.
      members: of a population; () for a single run.
      mesh: the devices, for a population.
    """
    self.name, self.sinks, self.clock = name, sinks, Clock(0.0)
    self.progress: PhaseProgress | None = None
    self._program, self._evaluator = program, evaluator
    self._chunk, self._patience = chunk, patience
    self._images = int(np.prod(program.batch_shape))  # per step
    self._prepared = 0  # images read before the first step
    self._members, self._mesh = members, mesh
    # numbers of the members that go on; None stands for a single run
    self._alive: list[int | None] = [member.number for member in members] or [None]
    self._pending: tuple[int, Mapping[str, Any]] = (0, {})

  def start(
    self, step: int, state: Any, progress: PhaseProgress, preparation: Preparation
  ) -> None:
    """Starts the clock at a step; before the first record it has the preparation."""
    if self._members:
      failed_m = np.asarray(fetch_local(state.failed_at))
      self._alive = [number for number in self._alive if not failed_m[number or 0]]
    journal = self.sinks.journal
    last = (journal and journal.last(self.name)) or {}
    self.clock = Clock(float(last.get("seconds") or preparation.seconds))
    seen = int(last.get("images_seen") or preparation.images)
    self._prepared = max(seen - self._images * int(last.get("step") or 0), 0)
    self.progress, self._pending = progress, (step, {})

  def push(self, step: int, metrics: Mapping[str, Any]) -> None:
    """Takes the metrics of a call just dispatched; writes those of the one before."""
    if metrics:
      self.clock.note_call()
      self.flush()
    self._pending = (step, metrics)

  def flush(
    self, evaluate: Callable[[], dict[int | None, dict[str, float]]] | None = None
  ) -> None:
    """Waits for the pending metrics, if any; checks and writes them.

    Args:
      evaluate: returns more numbers for the record of each member, measured on the
        state after that call; the device waits for it.
    """
    step, stacked = self._pending
    self._pending = (step, {})
    columns = jax.device_get(dict(stacked))
    self._check_finite(columns, step - self._chunk)
    values = {
      member: {
        key: float(np.mean(_of_member(column, member)))
        for key, column in columns.items()
      }
      for member in self._alive
    }
    seconds, steps_per_second = self.clock.record(self._chunk if columns else 0)
    speed = steps_per_second * self._images * len(self._alive)
    with self.clock.interruption() if evaluate else nullcontext():
      measures = evaluate() if evaluate else dict.fromkeys(values, {})
      if self.sinks.journal is None:
        return
      for member, numbers in values.items():
        if numbers or measures[member]:
          header = {
            "phase": self.name,
            "step": step,
            "images_seen": self._prepared + step * self._images,
            "seconds": seconds,
            "images_per_second": speed,
          }
          named = {} if member is None else self._members[member].fields()
          self.sinks.journal.write(header | named | numbers | measures[member])
      if evaluate:
        self.sinks.journal.report()
      if columns and self.progress is not None:
        self.progress.update(step, speed, self._shown(values))

  def evaluate(self, step: int, state: Any) -> None:
    """Records an evaluation of the state, and saves the state if it is the best."""
    self.flush(functools.partial(self._measure, step, state))
    best, journal = self.sinks.best, self.sinks.journal
    if best is not None:
      improved = journal is not None and journal.improved(self.name)
      if processes.any_of_us(improved):
        with self.clock.interruption():
          best.save(step, state)

  def save(self, step: int, state: Any) -> None:
    """Writes the pending metrics, then a checkpoint.

    Raises:
      TrainingDiverged: a parameter is not finite; the state is not saved.
    """
    self.flush()
    with self.clock.interruption():
      # a frozen member is as it was before the step that failed
      if not self._members and not all_finite(state):
        self.diverged(step, "a parameter is not finite")
      if self.sinks.journal is not None:
        self.sinks.journal.settle()
      self.sinks.checkpoints.save(step, state)

  def exhausted(self) -> bool:
    """Returns whether the last `patience` evaluations brought no improvement."""
    if not self._patience:
      return False
    journal = self.sinks.journal
    return processes.any_of_us(
      journal is not None
      and journal.evaluations_since_best(self.name) >= self._patience
    )

  def diverged(self, step: int, what: str) -> NoReturn:
    """Raises TrainingDiverged with what became infinite and the checkpoint kept."""
    last = self.sinks.checkpoints.latest_step()
    kept = "no checkpoint was saved yet" if last is None else f"step {last} is kept"
    raise TrainingDiverged(
      f"{self.name} diverged at step {step}: {what}; {kept} in {self.sinks.workdir}: "
      "lower a learning rate or raise a penalty's weight, in another --workdir"
    )

  def _check_finite(self, columns: Mapping[str, np.ndarray], first_step: int):
    for member in tuple(self._alive):
      own = {key: _of_member(column, member) for key, column in columns.items()}
      bad = {
        key: int(np.argmin(np.isfinite(column)))
        for key, column in own.items()
        if not np.isfinite(column).all()
      }
      if not bad:
        continue
      key = min(bad, key=lambda name: bad[name])
      step, what = first_step + bad[key] + 1, f"{key} became {own[key][bad[key]]}"
      if member is None:
        self.diverged(step, what)
      self._alive.remove(member)
      self.sinks.console.line(
        f"{self.name}: {self._members[member].describe()} diverged at step {step}: "
        f"{what}; it is frozen, {len(self._alive)} of {len(self._members)} go on"
      )
      if not self._alive:
        self.diverged(step, f"the last of {len(self._members)} members failed: {what}")

  def _shown(self, values: Mapping[Any, Mapping[str, float]]) -> dict[str, float]:
    """Returns what the bar shows; of a population the median and the largest."""
    shown = [shown_metrics(self._program, numbers) for numbers in values.values()]
    if not self._members:
      return shown[0]
    summary: dict[str, float] = {"members": len(shown)}
    for name in shown[0]:
      of_all = [numbers[name] for numbers in shown]
      summary |= {name: float(np.median(of_all)), f"{name} at most": max(of_all)}
    return summary

  def _measure(self, step: int, state: Any) -> dict[int | None, dict[str, float]]:
    """Observes all members; draws and measures them if this process writes."""
    return {member: self._measure_one(step, state, member) for member in self._alive}

  def _measure_one(self, step: int, state: Any, member: int | None) -> dict[str, float]:
    evaluator, journal = self._evaluator, self.sinks.journal
    own = state if member is None else take_member(state.members, member, self._mesh)
    observed = evaluator.observe(own, False)
    if journal is None:
      return {}
    pictures, detail = evaluator.draw(observed), evaluator.detail(observed)
    journal.show(self.name, step, pictures, detail, member)
    estimates = evaluator.measure(observed, False)
    numbers = {key: estimate.value for key, estimate in estimates.items()}
    for key, estimate in estimates.items():
      if estimate.error is not None:
        numbers[f"{key}_error"] = estimate.error
    prefix = f"{self.name}/{evaluator.prefix}"
    return {f"{prefix}{key}": number for key, number in numbers.items()}


def _of_member(column: np.ndarray, member: int | None) -> np.ndarray:
  """Returns the values [K] of a member, of [K, M]; of a single run they are [K]."""
  return column if member is None else column[:, member]
