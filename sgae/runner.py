"""The only training loop: phases in order, resume, evaluation and saving when due."""

import functools
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from time import perf_counter
from typing import Any

import jax
import numpy as np

from sgae import parallel, processes, run_directory
from sgae.checkpoint import Checkpoints
from sgae.data import order, resident, sources
from sgae.data.cache import cache_root
from sgae.data.dataset import Dataset
from sgae.errors import StoppedBySignal, TrainingDiverged, UserError
from sgae.phases import PHASES, Phase
from sgae.reporting import pictures
from sgae.reporting.console import Console
from sgae.reporting.metrics import MetricsWriter
from sgae.training.transfer import describe_transfer


def checkpoints_of(config: Any, workdir: Path, phase: str) -> Checkpoints:
  """Returns the checkpoints of one phase of a run."""
  return Checkpoints(workdir / phase / "checkpoints", config.checkpoint.keep)


def train(config: Any, workdir: Path, console: Console) -> None:
  """Trains all phases, or what is left of them.

  Args:
    config: validated.
    workdir: the run directory, new or of this very experiment.
    console: where progress goes.

  Raises:
    UserError, TrainingDiverged, StoppedBySignal: see sgae/errors.py.
  """
  mesh = parallel.make_mesh(config.parallel.devices)
  check_batches(config, mesh.size)
  run_directory.check(workdir, config)  # before anything slow
  parallel.keep_compiled_programs(cache_root(config.data.cache_directory) / "jax")
  if not processes.is_leader():
    console = Console(quiet=True)
  with processes.leader_first("data"):
    dataset = sources.load(config.data, console.line)
  for name in config.phases:
    if config[name].batch_size > len(dataset.train.images):
      raise UserError(
        f"{name}.batch_size={config[name].batch_size} is more than the "
        f"{len(dataset.train.images)} training images of {dataset.name}: choose less"
      )
  with (
    run_directory.claimed(workdir, config, processes.is_leader()) as stored,
    parallel.out_of_memory_explained(),
  ):
    _train_phases(config, workdir, mesh, dataset, stored, console)


def _train_phases(config, workdir, mesh, dataset: Dataset, stored, console) -> None:
  image_shape = dataset.train.images.shape[1:]
  checkpoints = {name: checkpoints_of(config, workdir, name) for name in config.phases}
  position = {
    name: step
    for name in config.phases
    if (step := checkpoints[name].latest_step()) is not None
  }
  if stored:
    _check_resume(config, workdir, stored, position, image_shape, console)
  devices = f"{mesh.size} x {mesh.devices.flat[0].device_kind}"
  leader = processes.is_leader()
  processes.wait_for_all("checked")  # nobody writes what another has still to check
  if leader:
    run_directory.write(workdir, config, image_shape, devices, stored)
  console.line(
    f"{'Resuming' if stored else 'Training'} {' -> '.join(config.phases)} on "
    f"{dataset.name}: {len(dataset.train.images):,} images, {devices}; {workdir}"
  )
  mean_image = resident.mean_image(dataset.train.images)
  images = parallel.replicate(dataset.train.images, mesh)
  finished: dict[str, Any] = {}
  writer = MetricsWriter(workdir, position) if leader else nullcontext()
  with writer as metrics, _signals() as stop:
    for name in config.phases:
      run = _PhaseRun(
        PHASES[name](config, mean_image),
        config,
        workdir,
        mesh,
        checkpoints[name],
        metrics,
        console,
      )
      try:
        finished[name] = run.train(position.get(name), finished, images, dataset, stop)
      finally:
        checkpoints[name].close()
  last = "samples" if "gan" in config.phases else "reconstructions"
  phase = config.phases[-1]
  step = config[phase].steps
  console.line(
    f"Done. Picture: {workdir}/images/{phase}_{last}_{step:06d}.png  "
    f"metrics: {workdir}/metrics.jsonl  run directory: {workdir}"
  )
  next_mode = "sample --num_samples=1000" if phase == "gan" else "evaluate"
  console.line(f"Next: python launch.py --workdir={workdir} --mode={next_mode}")


class _PhaseRun:
  """One phase under way: what the loop needs, bound once."""

  def __init__(
    self,
    phase: Phase,
    config: Any,
    workdir: Path,
    mesh: Any,
    checkpoints: Checkpoints,
    metrics: MetricsWriter | None,
    console: Console,
  ):
    self.phase = phase
    self.config = config
    self.cadence = config[phase.name]
    self.workdir = workdir
    self.mesh = mesh
    self.checkpoints = checkpoints
    self.metrics = metrics  # None: another process writes
    self.console = console
    self.images_per_step = int(np.prod(phase.batch_shape))
    last = (metrics and metrics.last(phase.name)) or {}
    self.seconds = float(last.get("seconds") or 0.0)
    self.clock = perf_counter()
    # Seconds in which the device waits for the host: pictures, measures, metrics,
    # checkpoints.
    self.aside = self.aside_since_record = 0.0

  def train(
    self, saved_step: int | None, finished, images, dataset: Dataset, stop: list[int]
  ) -> Any:
    """Runs the phase from its last checkpoint, or its start, to its last step."""
    name, steps, chunk = self.phase.name, self.cadence.steps, self.cadence.log_every
    if saved_step is None:
      state = self.phase.init(parallel.at_hand(finished))
      state = parallel.replicate(state, self.mesh)
      if finished:
        self.console.line(
          describe_transfer(finished["sae"].player.params, state.generator.params)
        )
    else:
      state = self.checkpoints.restore(
        saved_step, parallel.template(self.phase.init, self.mesh, finished)
      )
    step = first_step = saved_step or 0
    if step >= steps:
      self.console.line(f"{name}: all {steps} steps are done")
      return state
    compiled = parallel.CompiledSteps(
      self.phase.step, resident.gather, self.mesh, self.config.parallel.mode
    )
    start = self.clock = perf_counter()
    pending = (step, {})
    with self.console.phase(name, steps, step) as progress:
      while step < steps:
        # what a checkpoint holds was evaluated before it was saved
        if step != saved_step and step % self.cadence.evaluate_every == 0:
          evaluate = functools.partial(self._evaluate, state, step, dataset)
          pending = self._record(pending, progress, evaluate)
        if step > first_step and step % self.cadence.save_every == 0:
          pending = self._record(pending, progress)
          self._save(step, state)
        if processes.any_of_us(bool(stop)):
          self._record(pending, progress)
          self._stop(stop[0] if stop else signal.SIGTERM, step, state)
        indices = order.batch_indices(
          self.config.seed,
          name,
          step,
          chunk,
          self.phase.batch_shape,
          len(dataset.train.images),
        )
        state, stacked = compiled(state, images, indices)
        # fetched one call late, so that the device never waits for the host
        self._record(pending, progress)
        step += chunk
        pending = (step, stacked)
      evaluate = functools.partial(self._evaluate, state, step, dataset)
      self._record(pending, progress, evaluate)
      self._save(step, state)
      with self._aside():
        self.checkpoints.close()
    total = perf_counter() - start
    self.console.line(
      f"{name}: {step - first_step} steps in {total:.1f} s, {self.aside / total:.1%} "
      "of it aside (pictures, measures, metrics, checkpoints); "
      f"{compiled.traces} compilation(s)"
    )
    return state

  def _record(
    self, pending, progress, evaluate: Callable[[], dict[str, float]] = dict
  ) -> tuple[int, dict]:
    """Fetches, checks and writes the metrics of one call, if there are any.

    Args:
      pending: (step, stacked metrics); empty ones where no call is outstanding.
      progress: the console's.
      evaluate: gives more numbers for the record, from the state after that call.

    Returns:
      What is pending now: nothing.
    """
    step, stacked = pending
    stacked = jax.device_get(stacked)
    self._check(stacked, step - self.cadence.log_every)
    now = perf_counter()
    seconds = now - self.clock
    busy = max(seconds - self.aside_since_record, 1e-9)
    if self.metrics is None:
      return step, {}
    with self._aside():
      values = {key: float(np.mean(column)) for key, column in stacked.items()}
      measures = evaluate()
      if values or measures:
        speed = self.cadence.log_every * self.images_per_step / busy if values else 0.0
        record = {
          "phase": self.phase.name,
          "step": step,
          "images_seen": step * self.images_per_step,
          "seconds": self.seconds + seconds,
          "images_per_second": speed,
        }
        self.metrics.write(record | values | measures)
      if values:
        shown = {key: values[key] for key in self.phase.shown if key in values}
        progress.update(
          step, speed, {key.split("/")[1]: number for key, number in shown.items()}
        )
        self.seconds += perf_counter() - self.clock
        self.clock, self.aside_since_record = perf_counter(), 0.0
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

  def _stop(self, number, step, state) -> None:
    name = self.phase.name
    self._save(step, state)
    self.checkpoints.close()
    raise StoppedBySignal(
      f"stopped by {signal.Signals(number).name} at {name} step {step}, saved: run the "
      "same command again to go on",
      number,
    )

  def _save(self, step, state) -> None:
    with self._aside():
      if not parallel.all_finite(state):
        self._diverged(step, "a parameter is not finite")
      self.checkpoints.save(step, state)

  def _evaluate(self, state, step, dataset) -> dict[str, float]:
    state = parallel.at_hand(state)
    for title, picture in self.phase.draw(state, dataset.test).items():
      path = self.workdir / "images" / f"{self.phase.name}_{title}_{step:06d}.png"
      pictures.write_png(path, picture)
    return self.phase.measure(state, dataset.test)

  @contextmanager
  def _aside(self) -> Iterator[None]:
    """Counts the time of its block as spent outside steps."""
    begin = perf_counter()
    yield
    self.aside += perf_counter() - begin
    self.aside_since_record += perf_counter() - begin


def check_batches(config: Any, devices: int) -> None:
  """Refuses batch sizes that devices and microbatches do not divide."""
  parts = devices * config.train.microbatches
  for name in config.phases:
    if config[name].batch_size % parts:
      raise UserError(
        f"{name}.batch_size={config[name].batch_size} is not divisible by {devices} "
        f"devices x train.microbatches={config.train.microbatches}: choose a multiple "
        f"of {parts}, or fewer of either"
      )


def _check_resume(config, workdir, stored, position, image_shape, console) -> None:
  """Refuses to go on where what was done does not fit what is wanted."""
  if list(image_shape) != stored["image_shape"]:
    raise UserError(
      f"the data's images are {tuple(image_shape)}, but {workdir} was started on "
      f"{tuple(stored['image_shape'])}: give it the same data, or another --workdir"
    )
  for name, step in position.items():
    if step > config[name].steps:
      raise UserError(
        f"{name}.steps={config[name].steps} is less than the {step} steps that are "
        f"done in {workdir}: choose {step} or more, or another --workdir"
      )
  for earlier, later in zip(config.phases, config.phases[1:], strict=False):
    if later in position and position.get(earlier) != config[earlier].steps:
      raise UserError(
        f"{earlier}.steps={config[earlier].steps}, but {later} has begun from "
        f"{earlier} step {position.get(earlier, 0)}: set {earlier}.steps back, or "
        "choose another --workdir"
      )
  for name in config.phases:
    before = stored["config"][name]["steps"]
    decaying = any(
      field.endswith("optimizer") and config[name][field].schedule != "constant"
      for field in config[name]
    )
    if decaying and before != config[name].steps:
      console.line(
        f"{name}.steps: {before} -> {config[name].steps}; the learning rate's schedule "
        "now ends there, so the numbers differ from a run of that length from the start"
      )


@contextmanager
def _signals() -> Iterator[list[int]]:
  """Gives a list that the first SIGINT or SIGTERM is put into; a second one kills."""
  received: list[int] = []

  def note(number, frame):
    del frame
    received.append(number)
    for each in before:
      signal.signal(each, signal.SIG_DFL)

  before = {
    number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)
  }
  try:
    yield received
  finally:
    for number, handler in before.items():
      signal.signal(number, handler)
