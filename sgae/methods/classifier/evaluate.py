"""Evaluates a classifier: its accuracy on the test split."""

from typing import Any

from sgae.data import resident
from sgae.data.dataset import labelled
from sgae.devices.batched_apply import batched_apply
from sgae.evaluation.measures.estimate import mean_estimate
from sgae.evaluation.measures.reference import EvaluationData
from sgae.methods.classifier.program import build
from sgae.methods.classifier.tasks import expected, make_answers, task_of
from sgae.methods.method import Evaluator


def make_evaluator(config: Any, data: EvaluationData, mesh: Any) -> Evaluator:
  """Binds the evaluator.

  Args:
    config: validated.
    data: the data set.
    mesh: the devices of the run.
  """
  dataset, task = data.dataset, config.classifier.task
  image_shape = dataset.train.images.shape[1:]
  logits = build(config, image_shape).functions["logits"]

  def classify(state, images):
    answers = make_answers(task, lambda views: logits(state, views))
    return answers(resident.to_model_range(images))

  run = batched_apply(classify, mesh)
  test = labelled(dataset.test) if task == "labels" else dataset.test

  def measure(answers, full):
    del full
    right = answers == expected(task, test.labels)
    return {"accuracy": mean_estimate(right.mean(axis=1))}

  return Evaluator(
    observe=lambda state, full: run(state, test.images),
    measure=measure,
    draw=lambda answers: {},
    detail=lambda answers: {},
    protocol=lambda: {
      "reference": f"test split of {dataset.name}",
      "reference_samples": len(test.images),
      "task": task_of(config.classifier, image_shape),
    },
    prefix="test_",
  )
