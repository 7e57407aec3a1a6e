"""Evaluates translation: are translated images of the other side, and still the same?

Labels, and true partners where they are known, serve the figures alone here.
"""

import functools
from typing import Any, NamedTuple

import numpy as np

from sgae.data import resident
from sgae.data.dataset import names_of_classes
from sgae.devices.batched_apply import batched_apply
from sgae.devices.mesh import local_mesh
from sgae.evaluation.measures import suite
from sgae.evaluation.measures.conditional import class_accuracy
from sgae.evaluation.measures.estimate import Estimate, mean_estimate
from sgae.evaluation.measures.reference import EvaluationData
from sgae.evaluation.measures.suite import Extracted
from sgae.methods.generation import extractor_protocol
from sgae.methods.method import Evaluator
from sgae.methods.translation.networks import DIRECTIONS
from sgae.methods.translation.program import build
from sgae.reporting import pictures

SHOWN = 16  # images of each direction in the picture


class Observation(NamedTuple):
  """What one direction makes of the first test images of its source side.

  Attributes:
    there: translated images, with the features and classes of the target side.
    returned: those translated back, uint8; of all, with the features and classes of
      the source side after training, else without.
  """

  there: Extracted
  returned: Extracted


def make_evaluator(config: Any, data: EvaluationData, mesh: Any) -> Evaluator:
  """Binds the evaluator; figures are of the test splits of both sides.

  Args:
    config: validated.
    data: the data set with its second side and the feature extractors of both.
    mesh: the devices of the run.
  """
  return Evaluator.of(TranslationEvaluator(config, data, mesh))


class TranslationEvaluator:
  """The functions of an `Evaluator`, bound to a config, data and devices."""

  def __init__(self, config: Any, data: EvaluationData, mesh: Any):
    """Compiles nothing yet; see `make_evaluator`."""
    if data.second is None:
      raise ValueError("translation is evaluated on data with a second side")
    self.config = config
    self.sides = {"a": data, "b": data.second}
    image_shape = data.dataset.train.images.shape[1:]
    functions = build(config, image_shape).functions

    def both_ways(direction):
      there = functions[f"translate_{direction}"]
      home = functions[f"translate_{direction[::-1]}"]

      def translate(state, images):
        made = there(state, resident.to_model_range(images))
        return pictures.to_bytes(made), pictures.to_bytes(home(state, made))

      return batched_apply(translate, mesh)

    self.run = {direction: both_ways(direction) for direction in DIRECTIONS}
    self.extract = {
      side: own.extract_features(mesh) for side, own in self.sides.items()
    }

  def observe(self, state: Any, full: bool) -> dict[str, Observation]:
    """Translates test images there and back."""
    observed = {}
    for direction in DIRECTIONS:
      source, target = direction
      images = self.sides[source].tested(self.config, full).images
      there, returned = self.run[direction](state, images)
      observed[direction] = Observation(
        self.extract[target](there),
        self.extract[source](returned) if full else Extracted(returned, None, None),
      )
    return observed

  def measure(
    self, observed: dict[str, Observation], full: bool
  ) -> dict[str, Estimate]:
    """Measures each direction."""
    figures: dict[str, Estimate] = {}
    for direction, seen in observed.items():
      own = self._of_direction(direction, seen)
      if full:
        plain = self.untranslated[direction]
        own |= {f"untranslated_{name}": value for name, value in plain.items()}
      figures |= {f"{name}_{direction}": value for name, value in own.items()}
    return figures

  def _of_direction(self, direction: str, seen: Observation) -> dict[str, Estimate]:
    source, target = direction
    images = self.sides[source].test.images
    figures = self._compared(direction, seen.there)
    figures["cycle_error"] = absolute_error(seen.returned.images, images)
    named = self._accuracy(source, source, seen.returned)
    return figures | {f"returned_{name}": value for name, value in named.items()}

  def _compared(self, direction: str, made: Extracted) -> dict[str, Estimate]:
    """Returns how images of a source side, as they are or not, fit the target."""
    source, target = direction
    figures = self._accuracy(source, target, made)
    figures |= suite.measure(made, self.sides[target].reference, ("frechet",))
    if self.sides["a"].dataset.paired:
      partners = self.sides[target].test.images
      figures["pixel_error"] = absolute_error(made.images, partners)
    return figures

  def _accuracy(self, source: str, target: str, made: Extracted) -> dict[str, Estimate]:
    """Returns the share that the target's classifier names as the source's label.

    Nothing where there are no labels, or both sides have not the same classes.
    """
    of_source, of_target = (self.sides[side].dataset for side in (source, target))
    if (
      made.probabilities is None
      or names_of_classes(of_source) != names_of_classes(of_target)
      or of_source.num_classes < 2
    ):
      return {}
    labels = self.sides[source].test.labels[: len(made.images)]
    found = class_accuracy(made.probabilities, labels)
    return {name.removeprefix("class_"): value for name, value in found.items()}

  @functools.cached_property
  def untranslated(self) -> dict[str, dict[str, Estimate]]:
    """The figures of images as they are; this process alone extracts features."""
    found = {}
    for direction in DIRECTIONS:
      source, target = direction
      images = self.sides[source].tested(self.config, True).images
      extract = self.sides[target].extract_features(local_mesh())
      found[direction] = self._compared(direction, extract(images))
    return found

  def draw(self, observed: dict[str, Observation]) -> dict[str, np.ndarray]:
    """Draws images, below them what they become, and below that the way back.

    With known partners these are at the end of each column.
    """
    drawn = {}
    for direction, seen in observed.items():
      source, target = (self.sides[side].test.images for side in direction)
      rows = [source, seen.there.images, seen.returned.images]
      if self.sides["a"].dataset.paired:
        rows.append(target)
      shown = min(SHOWN, len(source))
      drawn[direction] = pictures.grid(
        np.concatenate([np.asarray(row[:shown]) for row in rows]), shown
      )
    return drawn

  def detail(self, observed: dict[str, Observation]) -> dict[str, Any]:
    """Nothing more is shown."""
    del observed
    return {}

  def protocol(self) -> dict[str, Any]:
    """Says what the full figures are of."""
    own, other = self.sides["a"], self.sides["b"]
    entry: dict[str, Any] = {
      "reference": f"test splits of {own.dataset.name} and {other.dataset.name}",
      "reference_samples": len(own.reference.test.images)
      + len(other.reference.test.images),
      "samples": sum(
        len(side.tested(self.config, True).images) for side in (own, other)
      ),
    }
    of_other = extractor_protocol(other).items()
    entry |= extractor_protocol(own)
    return entry | {f"second_{name}": value for name, value in of_other}


def absolute_error(made: np.ndarray, wanted: np.ndarray) -> Estimate:
  """Returns the mean absolute error of images uint8, of 1, with its standard error.

  Args:
    made: [N, H, W, C].
    wanted: [M, H, W, C], M >= N, the first N of which are compared.
  """
  differences = np.abs(made.astype(np.int16) - wanted[: len(made)])
  return mean_estimate(differences.reshape(len(made), -1).mean(axis=1) / 255)
