"""Where training images lie: on the devices, or on the host, from where they stream."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from sgae.data import resident
from sgae.data.dataset import Split
from sgae.data.stacked import Endless
from sgae.data.stream import stream

INPUTS = ("image", "label")  # named arrays that examples have
RESIDENT_SHARE = 0.25  # of a device's memory, at most, for 'auto'


class Placement(NamedTuple):
  """How examples come into a compiled step.

  Attributes:
    resident: whether the step's source is the split, whole on each device, or ().
    gather: `(source, examples of one step) -> {'image', 'label'}`, inside the compiled
      step.
    examples: `(split, indices_of_call, first_call, last_call) -> iterator` over what
      the host hands to each call.
  """

  resident: bool
  gather: Callable[[Any, Any], dict[str, jax.Array]]
  examples: Callable[..., Iterator[Any]]


def _indices(split, indices_of_call, first_call, last_call):
  for call in range(first_call, last_call):
    indices = indices_of_call(call)
    # the hash needs 64-bit integers, which a device may not have
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
    name: a key of `PLACEMENTS`, or 'auto': resident where the images take no more than
      a quarter of a device's memory.
    data_bytes: size of the training images (bytes).
    device_bytes: memory of one device (bytes).
  """
  if name == "auto":
    fits = data_bytes <= RESIDENT_SHARE * device_bytes
    name = "resident" if fits else "streamed"
  return PLACEMENTS[name]
