"""The training loop of one phase: steps, evaluation, saving and stopping."""

from collections.abc import Iterator
from time import perf_counter
from typing import Any, NamedTuple

from sgae import randomness
from sgae.data.dataset import Dataset, noun_of
from sgae.data.placement import Placement
from sgae.devices import processes
from sgae.devices.compiled_steps import CompiledSteps
from sgae.devices.mesh import compute_on, fetch_local, replicate, template_on
from sgae.methods import population
from sgae.methods.inheritance import describe, inherit
from sgae.methods.method import Evaluator, Program
from sgae.methods.warm_start import describe as describe_weights
from sgae.methods.warm_start import with_weights
from sgae.reporting.profile import traced
from sgae.training.calls import compile_steps, examples_of_calls, iterate
from sgae.training.clock import Clock
from sgae.training.recorder import Preparation, Recorder, Sinks
from sgae.training.signals import stopped
from sgae.training.start_from import Start


class Phase(NamedTuple):
  """One phase of a run, bound to its data and devices.

  Attributes:
    name: of the method.
    program, evaluator: of the method, for this config.
    config: validated.
    mesh: the devices.
    dataset: the data.
    placement: how its training examples come into a step.
    source: what the placement's `gather` reads, on the devices.
    start: weights of another run that it begins with; None: none.
    patience: the phase ends after so many evaluations in a row without a better one;
      0: never.
    sinks: where its results go.
  """

  name: str
  program: Program
  evaluator: Evaluator
  config: Any
  mesh: Any
  dataset: Dataset
  placement: Placement
  source: Any
  start: Start | None
  patience: int
  sinks: Sinks


def train_phase(
  phase: Phase, saved_step: int | None, finished: dict[str, Any], stop: list[int]
) -> Any:
  """Runs a phase from its last checkpoint, or its start, to its end.

  Args:
    phase: what to train, on what.
    saved_step: of the checkpoint to go on from, or None.
    finished: last states of the phases before this one.
    stop: filled by a signal; see signals.py.

  Returns:
    The last state.

  Raises:
    UserError, TrainingDiverged, StoppedBySignal: see sgae/errors.py.
  """
  name, sinks, cadence = phase.name, phase.sinks, phase.config[phase.name]
  steps, chunk, line = cadence.steps, cadence.log_every, sinks.console.line
  state, preparation = _start(phase, saved_step, finished)
  step = first_step = saved_step or 0
  if step >= steps:
    line(f"{name}: all {steps} steps are done")
    return state
  if sinks.best is not None:
    sinks.best.forget_after(step)
  recorder = _recorder(phase)
  if recorder.exhausted():
    line(f"{name}: stopped at step {step} by evaluation.patience")
    return state
  compiled = compile_steps(
    phase.program, phase.placement, phase.mesh, phase.config.parallel.mode
  )
  noun = noun_of(phase.dataset.train.images.shape[1:])
  traced_calls = -(-phase.config.profile.steps // chunk) if sinks.journal else 0
  with (
    sinks.console.phase(name, steps, step, noun) as progress,
    traced(sinks.workdir / "profile" / name, traced_calls) as note_call,
  ):
    recorder.start(step, state, progress, preparation)
    calls = _calls(phase, compiled, state, step)
    del state  # it is donated to the first call
    for step, state, metrics in _reporting_debug_nan(calls, recorder, first_step):
      if metrics:
        note_call(metrics)
      recorder.push(step, metrics)
      # the state of a checkpoint was evaluated before it was saved
      due = step % cadence.evaluate_every == 0 and step != saved_step
      if due or step == steps:
        recorder.evaluate(step, state)
      if due and step < steps and recorder.exhausted():
        line(f"{name}: no longer better, stopped at step {step}")
        break
      if step > first_step and step % cadence.save_every == 0:
        recorder.save(step, state)
      if step < steps and processes.any_of_us(bool(stop)):
        recorder.save(step, state)  # in the background, until checkpoints are closed
        raise stopped(stop, f"at {name} step {step}", "to go on")
    recorder.save(step, state)
    with recorder.clock.interruption():
      sinks.checkpoints.close()
  line(_summary(name, step - first_step, recorder.clock, compiled))
  return state


def _recorder(phase: Phase) -> Recorder:
  return Recorder(
    phase.name,
    phase.program,
    phase.evaluator,
    phase.config[phase.name].log_every,
    phase.patience,
    phase.sinks,
    population.members_of(phase.config),
    phase.mesh,
  )


def _summary(name: str, steps: int, clock: Clock, compiled: CompiledSteps) -> str:
  total = clock.total()
  return (
    f"{name}: {steps} steps in {total:.1f} s, "
    f"{clock.interrupted / total:.1%} of it for pictures, measures and checkpoints; "
    f"{compiled.traces} compilation(s)"
  )


def _start(
  phase: Phase, saved_step: int | None, finished: dict[str, Any]
) -> tuple[Any, Preparation]:
  """Returns the saved state, or a fresh one with what finished phases give."""
  key = randomness.root_key(phase.config.seed)
  init, line = phase.program.init_from, phase.sinks.console.line
  members = len(phase.program.members)
  if saved_step is not None:
    branches = inherit(phase.name, finished)
    template = template_on(init, phase.mesh, key, branches, members=members)
    return phase.sinks.checkpoints.restore(saved_step, template), Preparation()
  if phase.start is not None:
    source, step, weights = phase.start
    line(
      f"{phase.name}: copied from step {step} of {source}: {describe_weights(weights)}"
    )
    # copied: the state is donated
    own = replicate(weights, phase.mesh)
    return with_weights(compute_on(init, phase.mesh, key, {}), own), Preparation()
  start = perf_counter()
  branches = fetch_local(inherit(phase.name, finished))
  if finished:
    line(describe(phase.name, finished, phase.program.inherits))
  prepared, images = population.prepare(
    phase.name, phase.config, phase.dataset, branches
  )
  preparation = Preparation(images, perf_counter() - start)
  if prepared:
    line(
      f"fitted: {', '.join(prepared)} to {images:,} images in "
      f"{preparation.seconds:.1f} s"
    )
  branches |= prepared
  return compute_on(init, phase.mesh, key, branches, members=members), preparation


def _calls(phase: Phase, compiled: CompiledSteps, state: Any, step: int):
  """Returns the iterator over the calls from a step to the last one."""
  name, config, placement = phase.name, phase.config, phase.placement
  examples = examples_of_calls(
    name, config, phase.program, phase.dataset, placement, compiled.rows, step
  )
  chunk, steps = config[name].log_every, config[name].steps
  return iterate(compiled, state, phase.source, examples, step, chunk, steps)


def _reporting_debug_nan(calls, recorder: Recorder, first_step: int) -> Iterator[Any]:
  """Passes calls on; a NaN that `config.debug` finds in one ends the phase."""
  step = first_step
  try:
    for step, state, metrics in calls:
      yield step, state, metrics
  except FloatingPointError as error:
    recorder.diverged(step + 1, " ".join(str(error).split()))
