"""Where training images lie: on the devices, or on the host, from where they stream."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from sgae.data import resident
from sgae.data.stream import stream

RESIDENT_SHARE = 0.25  # of a device's memory, at most, for 'auto'


class Placement(NamedTuple):
  """How images come into a compiled step.

  Attributes:
    resident: whether the step's source is the images, whole on each device, or ().
    gather: `(source, examples of one step) -> images`, inside the compiled step.
    examples: `(images, indices_of_call, first_call, last_call) -> iterator` over what
      the host hands to each call.
  """

  resident: bool
  gather: Callable[[Any, jax.Array], jax.Array]
  examples: Callable[..., Iterator[np.ndarray]]


def _indices(images_nhwc, indices_of_call, first_call, last_call):
  del images_nhwc
  return map(indices_of_call, range(first_call, last_call))


PLACEMENTS = {
  "resident": Placement(True, resident.gather, _indices),
  "streamed": Placement(
    False, lambda source, images: resident.to_model_range(images), stream
  ),
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
