"""Evaluates a classifier: its accuracy on the test split."""

from typing import Any

import jax.numpy as jnp

from sgae.data import resident
from sgae.devices.batched_apply import batched_apply
from sgae.evaluation.measures.estimate import mean_estimate
from sgae.evaluation.measures.reference import EvaluationData
from sgae.methods.classifier.program import build
from sgae.methods.method import Evaluator


def make_evaluator(config: Any, data: EvaluationData, mesh: Any) -> Evaluator:
  """Binds the evaluator.

  Args:
    config: validated.
    data: the data set.
    mesh: the devices of the run.
  """
  dataset = data.dataset
  logits = build(config, dataset.train.images.shape[1:]).functions["logits"]

  def classify(state, images):
    return jnp.argmax(logits(state, resident.to_model_range(images)), axis=1)

  run = batched_apply(classify, mesh)

  def measure(classes, full):
    del full
    return {"accuracy": mean_estimate(classes == dataset.test.labels)}

  return Evaluator(
    observe=lambda state, full: run(state, dataset.test.images),
    measure=measure,
    draw=lambda classes: {},
    detail=lambda classes: {},
    protocol=lambda: {
      "reference": f"test split of {dataset.name}",
      "reference_samples": len(dataset.test.images),
    },
    prefix="test_",
  )
