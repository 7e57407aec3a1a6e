"""The only training loop: steps, evaluation, saving and stopping of one phase."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from time import perf_counter
from typing import Any

import jax
import numpy as np

from sgae.data.dataset import Dataset
from sgae.data.placement import Placement
from sgae.devices import processes
from sgae.devices.compiled_steps import CompiledSteps, all_finite
from sgae.devices.mesh import compute_replicated, fetch_local, replicated_template
from sgae.errors import TrainingDiverged
from sgae.methods.inheritance import describe_transfer
from sgae.observation import Observer
from sgae.phases import Phase
from sgae.reporting.console import Console
from sgae.reporting.journal import Journal
from sgae.reporting.profile import traced
from sgae.runs.checkpoints import Checkpoints
from sgae.training.in_memory import indices_of_call
from sgae.training.signals import stopped


class PhaseRun:
  """One phase under way: what the loop needs, bound once."""

  def __init__(
    self,
    phase: Phase,
    observer: Observer,
    config: Any,
    workdir: Path,
    mesh: Any,
    checkpoints: Checkpoints,
    best: Checkpoints | None,
    journal: Journal | None,
    console: Console,
  ):
    self.phase = phase
    self.observer = observer
    self.config = config
    self.cadence = config[phase.name]
    self.workdir = workdir
    self.mesh = mesh
    self.checkpoints = checkpoints
    self.best = best  # None: the best state is not kept apart
    self.journal = journal  # None: another process writes
    self.console = console
    self.images_per_step = int(np.prod(phase.batch_shape))
    last = (journal and journal.last(phase.name)) or {}
    self.seconds = float(last.get("seconds") or 0.0)
    self.clock = perf_counter()
    # Seconds in which the device waits for the host: pictures, measures, checkpoints.
    self.aside = 0.0
    # When the device last began after that, or had compiled, and steps since then.
    self.begin, self.steps = self.clock, 0
    # The return of the first call, in which the step is compiled.
    self.compiled_at = 0.0

  def train(
    self,
    saved_step: int | None,
    finished: dict[str, Any],
    dataset: Dataset,
    placement: Placement,
    source: Any,
    stop: list[int],
  ) -> Any:
    """Runs the phase from its last checkpoint, or its start, to its last step.

    Args:
      saved_step: of the checkpoint to go on from, or None.
      finished: last states of the phases before this one.
      dataset: the data.
      placement: how its training images come into a step.
      source: what the placement's `gather` reads, on the devices.
      stop: filled by a signal; see sgae/training/signals.py.

    Returns:
      The last state.

    Raises:
      UserError, TrainingDiverged, StoppedBySignal: see sgae/errors.py.
    """
    name, steps, chunk = self.phase.name, self.cadence.steps, self.cadence.log_every
    state = self._start(saved_step, finished)
    step = first_step = saved_step or 0
    if step >= steps:
      self.console.line(f"{name}: all {steps} steps are done")
      return state
    if self.best is not None:
      self.best.forget_after(step)
    if self._exhausted():
      self.console.line(f"{name}: stopped at step {step} by evaluation.patience")
      return state
    compiled = CompiledSteps(
      self.phase.step,
      placement.gather,
      self.mesh,
      self.config.parallel.mode,
      self.phase.batch_shape,
    )
    examples = placement.examples(
      dataset.train,
      indices_of_call(self.config, self.phase, dataset, compiled.rows),
      step // chunk,
      steps // chunk,
    )
    start = self.clock = self.begin = perf_counter()
    pending = (step, {})
    traced_calls = -(-self.config.profile.steps // chunk) if self.journal else 0
    with (
      self.console.phase(name, steps, step) as progress,
      traced(self.workdir / "profile" / name, traced_calls) as note_call,
    ):
      upcoming = compiled.place(next(examples))
      while step < steps:
        # what a checkpoint holds was evaluated before it was saved
        if step != saved_step and step % self.cadence.evaluate_every == 0:
          pending = self._judge(pending, progress, state, step)
          if self._exhausted():
            self.console.line(f"{name}: no longer better, stopped at step {step}")
            break
        if step > first_step and step % self.cadence.save_every == 0:
          pending = self._record(pending, progress)
          self._save(step, state)
        if processes.any_of_us(bool(stop)):
          self._record(pending, progress)
          self._save(step, state)  # whole once the runner has closed the checkpoints
          raise stopped(stop, f"at {name} step {step}", "to go on")
        try:
          state, stacked = compiled(state, source, upcoming)
        except FloatingPointError as error:  # from the checks of config.debug
          self._diverged(step + 1, " ".join(str(error).split()))
        self.compiled_at = self.compiled_at or perf_counter()
        note_call(stacked)
        # While the device computes, the host places what comes next and writes what
        # came before: metrics are fetched one call late, so the device does not wait
        # (but for `any_of_us`, where there are several processes).
        step += chunk
        if step < steps:
          upcoming = compiled.place(next(examples))
        self._record(pending, progress)
        pending = (step, stacked)
      else:
        self._judge(pending, progress, state, step)
      self._save(step, state)
      with self._aside():
        self.checkpoints.close()
    total = perf_counter() - start
    self.console.line(
      f"{name}: {step - first_step} steps in {total:.1f} s, {self.aside / total:.1%} "
      "of it aside (pictures, measures, checkpoints); "
      f"{compiled.traces} compilation(s)"
    )
    return state

  def _start(self, saved_step, finished) -> Any:
    """Returns the saved state, or a fresh one with what finished phases pass on."""
    if saved_step is not None:
      template = replicated_template(self.phase.init, self.mesh, finished)
      return self.checkpoints.restore(saved_step, template)
    state = compute_replicated(self.phase.init, self.mesh, fetch_local(finished))
    if finished:
      trained = finished["sae"].player.params
      self.console.line(describe_transfer(trained, state.generator.params))
    return state

  def _record(
    self,
    pending,
    progress,
    evaluate: Callable[[], dict[str, float]] | None = None,
  ) -> tuple[int, dict]:
    """Fetches, checks and writes the metrics of one call, if there are any.

    Args:
      pending: (step, stacked metrics); empty ones where no call is outstanding.
      progress: the console's.
      evaluate: gives more numbers for the record, from the state after that call; the
        device waits for it.

    Returns:
      What is pending now: nothing.
    """
    step, stacked = pending
    stacked = jax.device_get(stacked)
    self._check(stacked, step - self.cadence.log_every)
    now = perf_counter()
    seconds = self.seconds + now - self.clock
    values = {key: float(np.mean(column)) for key, column in stacked.items()}
    if values:  # the next one's time begins
      self.seconds, self.clock = seconds, now
      self.steps += self.cadence.log_every
    busy = now - self.begin
    with self._aside() if evaluate else nullcontext():
      measures = evaluate() if evaluate else {}
      if self.journal is None:
        return step, {}
      if values or measures:
        # Not of one call: a GPU's call returns when most of it is done, so that what a
        # record is late by comes and goes; over all calls since a pause it is nothing.
        speed = self.steps * self.images_per_step / busy if values else 0.0
        record = {
          "phase": self.phase.name,
          "step": step,
          "images_seen": step * self.images_per_step,
          "seconds": seconds,
          "images_per_second": speed,
        }
        self.journal.write(record | values | measures)
      if measures:
        self.journal.report()
      if values:
        progress.update(step, speed, self.phase.to_show(values))
        if self.begin < self.compiled_at:
          self.begin, self.steps = self.compiled_at, 0
    return step, {}

  def _check(self, stacked, first_step) -> None:
    bad = {
      key: int(np.argmin(np.isfinite(column)))
      for key, column in stacked.items()
      if not np.isfinite(column).all()
    }
    if bad:
      key = min(bad, key=lambda name: bad[name])
      value = stacked[key][bad[key]]
      self._diverged(first_step + bad[key] + 1, f"{key} became {value}")

  def _diverged(self, step, what) -> None:
    last = self.checkpoints.latest_step()
    kept = "no checkpoint was saved yet" if last is None else f"step {last} is kept"
    raise TrainingDiverged(
      f"{self.phase.name} diverged at step {step}: {what}; {kept} in {self.workdir}: "
      "lower a learning rate or raise a penalty's weight, in another --workdir"
    )

  def _save(self, step, state) -> None:
    with self._aside():
      if not all_finite(state):
        self._diverged(step, "a parameter is not finite")
      if self.journal is not None:
        self.journal.settle()
      self.checkpoints.save(step, state)

  def _judge(self, pending, progress, state, step) -> tuple[int, dict]:
    """Records with an evaluation of the state, and keeps it where it is the best."""
    evaluate = functools.partial(self._evaluate, state, step)
    pending = self._record(pending, progress, evaluate)
    if self.best is not None:
      name = self.phase.name
      improved = self.journal is not None and self.journal.improved(name)
      if processes.any_of_us(improved):
        with self._aside():
          self.best.save(step, state)
    return pending

  def _exhausted(self) -> bool:
    """Says whether the last evaluations were in vain, if that matters."""
    patience = self.config.evaluation.patience
    name = self.phase.name
    if not patience or name != "gan":
      return False
    return processes.any_of_us(
      self.journal is not None and self.journal.evaluations_since_best(name) >= patience
    )

  def _evaluate(self, state, step) -> dict[str, float]:
    seen = self.observer.observe(state, False)
    if self.journal is None:
      return {}
    name = self.phase.name
    self.journal.show(name, step, self.observer.draw(seen), self.observer.detail(seen))
    figures = self.observer.measure(seen, False)
    numbers = {key: figure.value for key, figure in figures.items()}
    for key, figure in figures.items():
      if figure.error is not None:
        numbers[f"{key}_error"] = figure.error
    prefix = f"{name}/{self.observer.prefix}"
    return {f"{prefix}{key}": number for key, number in numbers.items()}

  @contextmanager
  def _aside(self) -> Iterator[None]:
    """Counts the time of its block as spent outside steps."""
    stopped_at = perf_counter()
    yield
    self.begin, self.steps = perf_counter(), 0
    self.aside += self.begin - stopped_at
