"""Where training images are stored: on the devices, or on the host and streamed."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from sgae.data import resident
from sgae.data.dataset import Split
from sgae.data.stacked import Endless
from sgae.data.stream import stream

INPUTS = ("image", "label")  # names of the arrays of a batch
RESIDENT_SHARE = 0.25  # largest share of a device's memory, for 'auto'


class Placement(NamedTuple):
  """How examples get into a compiled step.

  Attributes:
    resident: True if the step's source is the split, replicated on each device; False
      if it is ().
    gather: `(source, examples of one step) -> {'image', 'label'}`, inside the compiled
      step.
    examples: `(split, indices_of_call, first_call, last_call) -> iterator` over what
      the host passes to each call.
  """

  resident: bool
  gather: Callable[[Any, Any], dict[str, jax.Array]]
  examples: Callable[..., Iterator[Any]]


def _indices(split, indices_of_call, first_call, last_call):
  for call in range(first_call, last_call):
    indices = indices_of_call(call)
    # on the host: the hash needs 64-bit integers, which JAX disables by default
    yield split.images.choose(indices) if isinstance(split.images, Endless) else indices


def _streamed(source, examples: Split):
  del source
  images = resident.to_model_range(examples.images)
  return {"image": images, "label": jnp.asarray(examples.labels)}


PLACEMENTS = {
  "resident": Placement(True, resident.gather, _indices),
  "streamed": Placement(False, _streamed, stream),
}


def choose(name: str, data_bytes: int, device_bytes: int) -> Placement:
  """Returns the placement of a name.

  Args:
    name: a key of `PLACEMENTS`, or 'auto': resident if the images take at most a
      quarter of a device's memory.
    data_bytes: size of the training images (bytes).
    device_bytes: memory of one device (bytes).
  """
  if name == "auto":
    fits = data_bytes <= RESIDENT_SHARE * device_bytes
    name = "resident" if fits else "streamed"
  return PLACEMENTS[name]
