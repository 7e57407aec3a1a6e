"""Evaluates super-resolution: the test images, made small and large again."""

from typing import Any, NamedTuple

import numpy as np

from sgae.data import resident
from sgae.data.resident import to_model_range
from sgae.devices.batched_apply import batched_apply
from sgae.devices.mesh import local_mesh
from sgae.evaluation.measures import restoration, suite
from sgae.evaluation.measures.conditional import class_accuracy
from sgae.evaluation.measures.estimate import Estimate, mean_estimate
from sgae.evaluation.measures.reference import EvaluationData
from sgae.evaluation.measures.suite import Extracted
from sgae.methods.generation import extractor_protocol
from sgae.methods.method import Evaluator
from sgae.methods.sparse_autoencoder.networks import build_autoencoder
from sgae.methods.super_resolution.networks import (
  FILTER,
  downscale,
  resample_bytes,
)
from sgae.methods.super_resolution.program import build
from sgae.networks.autoencoder import reconstruct
from sgae.networks.resampling import FILTERS
from sgae.reporting import pictures

COLUMNS_DRAWN = 16  # images, each below the small one
CEILING = "autoencoder"  # the large images, through it


class Observation(NamedTuple):
  """What one state makes of the first test images, made small.

  Attributes:
    made: the large images, uint8 [N, H, W, C], with their features after training.
    small: uint8 [N, H', W', C], what they are made of.
    again: uint8 [N, H', W', C], what is made small made large.
    ceiling: of a sparse generator after training, the test images through the
      autoencoder, uint8 [N, H, W, C], with their features; else None.
  """

  made: Extracted
  small: np.ndarray
  again: np.ndarray
  ceiling: Extracted | None


def make_evaluator(config: Any, data: EvaluationData, mesh: Any) -> Evaluator:
  """Binds the evaluator.

  Args:
    config: validated.
    data: the data set with its feature extractor.
    mesh: the devices of the run.
  """
  bound = SuperResolutionEvaluator(config, data, mesh)
  return Evaluator.of(bound, prefix="test_")._replace(controls=bound.controls)


class SuperResolutionEvaluator:
  """The functions of an `Evaluator`, bound to a config, data and devices."""

  def __init__(self, config: Any, data: EvaluationData, mesh: Any):
    """Compiles nothing yet; see `make_evaluator`."""
    self.config, self.data, self.mesh = config, data, mesh
    self.factor = config.super_resolution.factor
    self.shape = data.dataset.train.images.shape[1:]
    mean_image = resident.mean_image(data.dataset.train.images)
    upscale = build(config, self.shape, mean_image).functions["upscale"]

    def look(state, images):
      small = downscale(to_model_range(images), self.factor)
      made = pictures.to_bytes(upscale(state, small))
      again = downscale(to_model_range(made), self.factor)
      return made, pictures.to_bytes(small), pictures.to_bytes(again)

    self.look = batched_apply(look, mesh)
    self.extract_features = data.extract_features(mesh)
    self.sparse = config.super_resolution.generator == "sparse"
    if self.sparse:
      autoencoder = build_autoencoder(config, mean_image)

      def through(params, images):
        outputs, _ = reconstruct(autoencoder, params, to_model_range(images))
        return pictures.to_bytes(outputs)

      self.through = batched_apply(through, mesh)

  def observe(self, state: Any, full: bool) -> Observation:
    """Makes the test images small, and large again."""
    images = self.data.tested(self.config, full).images
    made, small, again = self.look(state, images)
    extracted, ceiling = Extracted(made, None, None), None
    if full:
      extracted = self.extract_features(made)
      if self.sparse:
        ceiling = self.extract_features(
          self.through(state.fixed["autoencoder"], images)
        )
    return Observation(extracted, small, again, ceiling)

  def measure(self, observed: Observation, full: bool) -> dict[str, Estimate]:
    """Compares what is made with the test images; `full` compares features as well."""
    figures = self._compared(observed.made, full)
    return figures | _consistency(observed.again, observed.small)

  def controls(self, observed: Observation) -> dict[str, dict[str, Estimate]]:
    """Measures plain interpolation, and the autoencoder with the large images."""
    # the leader measures alone
    mesh = local_mesh()
    extract_features, found = self.data.extract_features(mesh), {}
    for name in FILTERS:

      def enlarge(nothing, small, name=name):
        del nothing
        made = resample_bytes(to_model_range(small), self.shape[:2], name)
        again = downscale(made, self.factor)
        return pictures.to_bytes(made), pictures.to_bytes(again)

      made, again = batched_apply(enlarge, mesh)((), observed.small)
      found[name] = self._compared(extract_features(made), True)
      found[name] |= _consistency(again, observed.small)
    if observed.ceiling is not None:
      found[CEILING] = self._compared(observed.ceiling, True)
    return found

  def draw(self, observed: Observation) -> dict[str, np.ndarray]:
    """Draws small images, their bicubic interpolation, what is made, and the truth."""
    small = to_model_range(observed.small[:COLUMNS_DRAWN])
    plain = [
      np.asarray(pictures.to_bytes(resample_bytes(small, self.shape[:2], name)))
      for name in ("nearest", "bicubic")
    ]
    made = observed.made.images[:COLUMNS_DRAWN]
    rows = [*plain, made, self.data.test.images[: len(made)]]
    return {"upscaled": pictures.grid(np.concatenate(rows), len(made))}

  def detail(self, observed: Observation) -> dict[str, Any]:
    """Returns nothing: the figures say it all."""
    del observed
    return {}

  def protocol(self) -> dict[str, Any]:
    """Returns what is compared, and how the small images are made."""
    entry = {
      "reference": f"test split of {self.data.dataset.name}",
      "reference_samples": len(self.data.tested(self.config, True).images),
      "small": f"1/{self.factor} of each side, antialiased {FILTER}, bytes",
    }
    return entry | extractor_protocol(self.data)

  def _compared(self, made: Extracted, full: bool) -> dict[str, Estimate]:
    """Returns how near images come to the first test images."""
    wanted = self.data.test.images[: len(made.images)]
    figures = {"psnr": mean_estimate(restoration.psnr(made.images, wanted))}
    if restoration.has_ssim(self.shape):
      figures["ssim"] = mean_estimate(restoration.ssim(made.images, wanted))
    if not full or made.features is None:
      return figures
    reference: Any = self.data.reference
    of_wanted = reference.test.features[: len(made.images)]
    distances = restoration.feature_distances(made.features, of_wanted)
    figures["feature_distance"] = mean_estimate(distances)
    figures |= suite.measure(made, reference, ("frechet",))
    labels = self.data.test.labels[: len(made.images)]
    if made.probabilities is not None and made.probabilities.ndim == 2:
      figures |= class_accuracy(made.probabilities, labels)
    return figures


def _consistency(again: np.ndarray, small: np.ndarray) -> dict[str, Estimate]:
  """Returns how far large images, made small, are from what they were made of."""
  levels = np.sqrt(restoration.squared_errors(again, small))
  return {"inconsistency": mean_estimate(levels)}
