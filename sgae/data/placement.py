"""Where training images are stored: on the devices, or on the host and streamed."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from sgae.data import resident
from sgae.data.dataset import Dataset, Split
from sgae.data.stacked import Endless
from sgae.data.stream import stream

INPUTS = ("image", "label")  # names of the arrays of a batch
SECOND_INPUTS = tuple(f"second_{name}" for name in INPUTS)  # of a second side, if any
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


def inputs_of(dataset: Dataset) -> tuple[str, ...]:
  """Returns the names of the arrays of a batch."""
  return INPUTS if dataset.second is None else INPUTS + SECOND_INPUTS


def for_sides(placement: Placement) -> Placement:
  """Returns a placement for two sides, from that of one.

  In place of a split, of `indices_of_call`, of a source (unless that is ()) and of the
  examples of a call there is a pair of them, and a batch has `SECOND_INPUTS` besides.
  """

  def gather(source, examples):
    sources = source or ((), ())
    pairs = zip(sources, examples, strict=True)
    first, second = (placement.gather(*pair) for pair in pairs)
    return first | {f"second_{name}": array for name, array in second.items()}

  def both(splits, indices_of_call, first_call, last_call):
    streams = [
      placement.examples(split, indices, first_call, last_call)
      for split, indices in zip(splits, indices_of_call, strict=True)
    ]
    return zip(*streams, strict=True)

  return Placement(placement.resident, gather, both)


def placed(name: str, dataset: Dataset, device_bytes: int) -> Placement:
  """Returns the placement of a data set, of one side or two.

  Args:
    name, device_bytes: as for `choose`.
    dataset: the data.
  """
  placement = choose(name, dataset.nbytes, device_bytes)
  return placement if dataset.second is None else for_sides(placement)


def choose(name: str, data_bytes: int, device_bytes: int) -> Placement:
  """Returns the placement of a name, for one side.

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
