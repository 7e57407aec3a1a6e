"""Traces of a few compiled calls, for TensorBoard or Perfetto."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax

from sgae.reporting.files import explained


@contextmanager
def traced(directory: Path, calls: int) -> Iterator[Callable[[Any], None]]:
  """Traces the first compiled calls inside the block.

  Args:
    directory: where the trace goes; made when there is one.
    calls: how many to trace, after the first one, which compiles; 0: none.

  Returns:
    A context manager that gives a function to be called with the result of each call.
  """
  done, tracing = 0, False

  def note(result):
    nonlocal done, tracing
    done += 1
    if calls and done == 1:
      jax.block_until_ready(result)
      with explained(directory):
        directory.mkdir(parents=True, exist_ok=True)
      jax.profiler.start_trace(str(directory))
      tracing = True
    elif tracing and done == 1 + calls:
      jax.block_until_ready(result)
      jax.profiler.stop_trace()
      tracing = False

  try:
    yield note
  finally:
    if tracing:
      jax.profiler.stop_trace()
