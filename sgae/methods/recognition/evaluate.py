"""Evaluates recognition: its error on the test split, and its samples."""

from typing import Any, NamedTuple

import numpy as np

from sgae.data import order, resident
from sgae.data.dataset import labelled
from sgae.devices.batched_apply import batched_apply
from sgae.evaluation.measures import suite
from sgae.evaluation.measures.estimate import Estimate, mean_estimate
from sgae.evaluation.measures.reference import EvaluationData
from sgae.evaluation.measures.suite import Extracted
from sgae.methods.generation import class_detail, full_count, sample_protocol
from sgae.methods.method import Evaluator
from sgae.methods.recognition.program import build
from sgae.methods.sampling import COLUMNS, ROWS, make_sampler
from sgae.reporting import pictures


class Observation(NamedTuple):
  """What one state says of the test images, and what it generates.

  Attributes:
    logits: float32 [N, K], of the test images that have a label.
    samples: generated images, with their features after training alone.
  """

  logits: np.ndarray
  samples: Extracted


def make_evaluator(config: Any, data: EvaluationData, mesh: Any) -> Evaluator:
  """Binds the evaluator.

  Args:
    config: validated.
    data: the data set with its feature extractor.
    mesh: the devices of the run.
  """
  fields, dataset = config.recognition, data.dataset
  image_shape = dataset.train.images.shape[1:]
  program = build(config, image_shape)
  test = labelled(dataset.test)

  def classify(state, images_bhwc):
    return program.functions["logits"](state, resident.to_model_range(images_bhwc))

  run, sample = batched_apply(classify, mesh), make_sampler(program, mesh)
  extract_features = data.extract_features(mesh)
  count = full_count(config, data)

  def observe(state, full):
    if full:
      samples = extract_features(sample(state, np.arange(count)))
    else:
      samples = Extracted(sample(state, np.arange(ROWS * COLUMNS)), None, None)
    return Observation(run(state, test.images), samples)

  def measure(observed, full):
    wrong = observed.logits.argmax(axis=1) != test.labels
    figures: dict[str, Estimate] = {"test_error": mean_estimate(wrong)}
    if full:
      figures |= suite.measure(observed.samples, data.reference, suite.MEASURES)
    return figures

  def draw(observed):
    images = observed.samples.images
    if pictures.are_points(image_shape):
      drawn = pictures.points(test.images, images[: pictures.POINTS_SHOWN])
    else:
      drawn = pictures.grid(images[: ROWS * COLUMNS], COLUMNS)
    return {"samples": drawn}

  def protocol():
    chosen = order.draw_of_classes(
      dataset.train.labels, fields.labels_per_class, fields.label_draw
    )
    return sample_protocol(data, count) | {
      "labels": len(chosen),
      "test_labels": len(test.labels),
      "label_draw": fields.label_draw if fields.labels_per_class else None,
      "permutation_invariant": not config.data.augment,
    }

  return Evaluator(
    observe=observe,
    measure=measure,
    draw=draw,
    detail=lambda observed: class_detail(observed.samples, data),
    protocol=protocol,
    samples=count,
  )
