"""The iterator over compiled calls, used by runs, `train_in_memory` and benchmarks."""

import functools
from collections.abc import Callable, Iterator, Mapping
from time import perf_counter
from typing import Any

import numpy as np

from sgae import randomness
from sgae.data import order
from sgae.data.dataset import Dataset, Split, noun_of
from sgae.data.placement import Placement, placed
from sgae.data.resident import mean_image
from sgae.devices.compiled_steps import CompiledSteps
from sgae.devices.mesh import compute_on, device_memory, local_mesh, replicate
from sgae.methods import METHODS
from sgae.methods.method import Program
from sgae.networks.network import Params
from sgae.reporting.console import Console

# (seed, stream, first step, number of steps, batch shape) -> examples
Order = Callable[..., np.ndarray]


def iterate(
  compiled: CompiledSteps,
  state: Any,
  source: Any,
  examples: Iterator[Any],
  step: int,
  chunk: int,
  steps: int,
) -> Iterator[tuple[int, Any, Mapping[str, Any]]]:
  """Yields (steps done, state, metrics of the call), first for the initial state.

  The device computes while the caller has control: when a state is yielded, its call is
  dispatched and the examples of the next one are being copied. The next iteration
  donates the state, which must not be used after that.

  Args:
    compiled: the program.
    state: on the mesh, after `step` steps; donated.
    source: what the placement's `gather` reads.
    examples: what the host passes to each call, from this step on.
    step: steps done.
    chunk: steps per call.
    steps: the last step.
  """
  upcoming = compiled.place(next(examples)) if step < steps else None
  yield step, state, {}
  while step < steps:
    state, metrics = compiled(state, source, upcoming)
    step += chunk
    if step < steps:
      upcoming = compiled.place(next(examples))
    yield step, state, metrics


def compile_steps(program: Program, placement: Placement, mesh: Any, mode: str):
  """Returns the program's steps, which the first call compiles."""
  return CompiledSteps(
    program.step,
    placement.gather,
    mesh,
    mode,
    program.batch_shape,
    len(program.members),
  )


def examples_of_calls(
  name: str,
  config: Any,
  program: Program,
  dataset: Dataset,
  placement: Placement,
  rows: np.ndarray,
  step: int,
) -> Iterator[Any]:
  """Returns what the host passes to each call from a step to the last one.

  Args:
    name: name of the method; each has its own order of examples.
    config: validated; the method's section has the number of steps.
    program: of the method.
    dataset: the data.
    placement: how the examples come into a step.
    rows: positions in each batch that this process takes, or members of a population.
    step: steps done.
  """
  chunk, steps = config[name].log_every, config[name].steps

  def indices_in(stream, ordered):
    def indices(call):
      first = call * chunk
      return indices_of(stream, config.seed, program, first, chunk, ordered, rows)

    return indices

  own, calls = order_of(name, config, dataset.train), (step // chunk, steps // chunk)
  first = indices_in(name, own)
  if dataset.second is None:
    return placement.examples(dataset.train, first, *calls)
  second = indices_in(f"{name}/second", order_within(config, dataset.second.train))
  both = (first, first if config.data.paired else second)
  return placement.examples(dataset.sides, both, *calls)


def order_of(name: str, config: Any, train: Split) -> Order:
  """Returns the order in which a method sees the training examples."""
  if not config.data.balance and (pools := METHODS[name].pools(config, train)):
    return functools.partial(order.pooled_indices, pools=pools)
  return order_within(config, train)


def order_within(config: Any, train: Split) -> Order:
  """Returns the order of all training examples of a side, whatever the method."""
  if config.data.balance:
    return functools.partial(order.balanced_indices, labels=train.labels)
  return functools.partial(order.batch_indices, num_examples=len(train.images))


def indices_of(
  stream: str,
  seed: int,
  program: Program,
  first: int,
  steps: int,
  ordered: Order,
  rows: np.ndarray,
) -> np.ndarray:
  """Returns the examples of some steps.

  Args:
    stream: name of the order: the method's, for a second side another.
    seed: of a single run; the members of a population have their own.
    program: of the method.
    first: the first step.
    steps: how many.
    ordered: the order of the training examples.
    rows: as for `examples_of_calls`.

  Returns:
    [steps, *batch_shape], or of a population [steps, M, *batch_shape], only the rows.
  """

  def of_seed(seed):
    return ordered(seed, stream, first, steps, program.batch_shape)

  if program.members:
    return np.stack([of_seed(program.members[row]) for row in rows], axis=1)
  return of_seed(seed)[..., rows]


def shown_metrics(program: Program, metrics: Mapping[str, Any]) -> dict[str, float]:
  """Returns the metrics to show next to the progress bar, by their short names.

  Args:
    program: names the metrics to show.
    metrics: by name, each the values of one call's steps.
  """
  return {
    name.split("/")[1]: float(np.mean(metrics[name]))
    for name in program.shown
    if name in metrics
  }


def calls_in_memory(
  name: str,
  config: Any,
  program: Program,
  dataset: Dataset,
  branches: Mapping[str, Params] | None = None,
) -> Iterator[tuple[int, Any, Mapping[str, Any]]]:
  """Returns what `iterate` does, for a whole phase on one device of this process.

  Args:
    name: name of the method.
    config: validated; the method's section has the number of steps.
    program: of the method, for a single run.
    dataset: the data.
    branches: of parameters that the first state starts from.
  """
  mesh = local_mesh()
  steps, chunk = config[name].steps, config[name].log_every
  placement = placed(config.data.placement, dataset, device_memory(mesh))
  compiled = compile_steps(program, placement, mesh, "jit")
  examples = examples_of_calls(
    name, config, program, dataset, placement, compiled.rows, 0
  )
  source = replicate(dataset.source, mesh) if placement.resident else ()
  key = randomness.root_key(config.seed)
  start = compute_on(program.init_from, mesh, key, branches or {})
  return iterate(compiled, start, source, examples, 0, chunk, steps)


def train_in_memory(name: str, config: Any, dataset: Dataset, console: Console) -> Any:
  """Trains a method on one device of this process, without files and checkpoints.

  For models that the evaluation needs, such as the feature extractor.

  Args:
    name: of a method that starts from no earlier one.
    config: validated; the method's section has the number of steps.
    dataset: the data.
    console: where progress goes.

  Returns:
    The last state.
  """
  images = dataset.train.images
  program = METHODS[name].build(config, images.shape[1:], mean_image(images))
  images_per_call = config[name].log_every * int(np.prod(program.batch_shape))
  state, last_time = None, perf_counter()
  noun = noun_of(images.shape[1:])
  with console.phase(name, config[name].steps, 0, noun) as progress:
    for step, state, metrics in calls_in_memory(  # noqa: B007 (the last one is returned)
      name, config, program, dataset
    ):
      numbers = shown_metrics(program, metrics)  # waits for the call
      now = perf_counter()
      progress.update(step, images_per_call / (now - last_time), numbers)
      last_time = now
  return state
