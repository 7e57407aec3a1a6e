"""Training that keeps no files: of small networks that other things stand on."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from sgae.data import order
from sgae.data.dataset import Dataset
from sgae.data.placement import choose
from sgae.devices.compiled_steps import CompiledSteps
from sgae.devices.mesh import compute_replicated, device_memory, local_mesh, replicate
from sgae.phases import Phase
from sgae.reporting.console import Console


def indices_of_call(
  config: Any, phase: Phase, dataset: Dataset, rows: np.ndarray
) -> Callable[[int], np.ndarray]:
  """Returns `indices(call)`: examples of a compiled call, of each batch the `rows`."""
  chunk = config[phase.name].log_every

  def indices(call):
    whole = order.batch_indices(
      config.seed,
      phase.name,
      call * chunk,
      chunk,
      phase.batch_shape,
      len(dataset.train.images),
    )
    return whole[..., rows]

  return indices


def train_in_memory(
  phase: Phase, config: Any, dataset: Dataset, console: Console
) -> Any:
  """Trains a small phase that others stand on, by one device of this process.

  It keeps no files and is not resumed; what to keep of it is up to the caller.

  Args:
    phase: with nothing that comes before it.
    config: validated; the phase's section says how long.
    dataset: the data.
    console: where progress goes.

  Returns:
    The last state.
  """
  mesh = local_mesh()
  steps, chunk = config[phase.name].steps, config[phase.name].log_every
  placement = choose(
    config.data.placement, dataset.train.images.nbytes, device_memory(mesh)
  )
  compiled = CompiledSteps(phase.step, placement.gather, mesh, "jit", phase.batch_shape)
  indices = indices_of_call(config, phase, dataset, compiled.rows)
  examples = placement.examples(dataset.train, indices, 0, steps // chunk)
  source = replicate(dataset.train, mesh) if placement.resident else ()
  state = compute_replicated(phase.init, mesh, {})
  with console.phase(phase.name, steps, 0) as progress:
    for call, some in enumerate(examples):
      start = perf_counter()
      state, metrics = compiled(state, source, compiled.place(some))
      shown = phase.to_show(metrics)  # waits for the call
      images = chunk * int(np.prod(phase.batch_shape))
      speed = images / (perf_counter() - start)
      progress.update((call + 1) * chunk, speed, shown)
  return state
