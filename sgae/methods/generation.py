"""What evaluators of all methods that generate images have in common."""

from typing import Any

from sgae.data.dataset import labelled, names_of_classes
from sgae.evaluation.measures.classes import class_shares
from sgae.evaluation.measures.reference import EvaluationData
from sgae.evaluation.measures.suite import Extracted
from sgae.reporting.contents import Meaning

CLASSES_SHOWN = 20  # at most, by their shares

# What the figures of samples are called in the report, in the order of the page.
SAMPLE_MEANINGS = {
  "frechet": Meaning(
    "Fréchet distance", "lower", "between the features of samples and of real images"
  ),
  "precision": Meaning(
    "Precision", "higher", "share of samples that lie among real images"
  ),
  "recall": Meaning("Recall", "higher", "share of real images that lie among samples"),
  "classes_covered": Meaning("Classes", "higher", "classes that samples cover"),
  "modes_covered": Meaning("Modes", "higher", "modes that samples cover"),
  "neighbour_ratio": Meaning(
    "Neighbour ratio", "", "nearness to training images; far below 1: copies"
  ),
  "kernel": Meaning("Kernel distance", "lower", "unbiased, so it may be below 0"),
  "density": Meaning("Density", "higher", "real neighbourhoods a sample lies in"),
  "coverage": Meaning("Coverage", "higher", "share of real images with a sample near"),
  "classifier_score": Meaning(
    "Classifier score", "higher", "the inception score, with this classifier"
  ),
  "class_kl": Meaning("Class KL", "lower", "from the reference's classes [nats]"),
  "class_accuracy": Meaning(
    "Class accuracy", "higher", "share of samples that show the class asked for"
  ),
  "class_frechet": Meaning(
    "Fréchet within classes", "lower", "mean over the classes of the distance in each"
  ),
  "class_frechet_worst": Meaning(
    "Fréchet of the worst class", "lower", "largest distance within a class"
  ),
  "classification_accuracy": Meaning(
    "Classification accuracy score",
    "higher",
    "accuracy on real images of a classifier trained on samples",
  ),
  "copies": Meaning("Copies", "lower", "samples that repeat a training image"),
}


def full_count(config: Any, data: EvaluationData) -> int:
  """Returns how many samples the full figures are of.

  No more than there are training images, since the floor compares as many of these;
  `data.examples` leaves these as they are.
  """
  stored = data.dataset.everything.train.images
  return min(config.evaluation.final_samples, len(stored))


def class_detail(samples: Extracted, data: EvaluationData) -> dict[str, Any]:
  """Returns the classes of samples for the report, where there are classes."""
  num_classes = data.dataset.num_classes
  probabilities = samples.probabilities
  if probabilities is None or probabilities.ndim == 3 or num_classes > CLASSES_SHOWN:
    return {}
  shares = class_shares(probabilities.argmax(axis=1), num_classes)
  reference_shares = class_shares(labelled(data.dataset.test).labels, num_classes)
  return {
    "class_names": list(names_of_classes(data.dataset)),
    "class_share": shares.tolist(),
    "class_share_reference": reference_shares.tolist(),
  }


def sample_protocol(data: EvaluationData, count: int) -> dict[str, Any]:
  """Returns what `count` samples are compared with, and by which features."""
  entry: dict[str, Any] = {
    "reference": f"test split of {data.dataset.name}",
    "reference_samples": len(data.reference.test.images),
    "samples": count,
  }
  return entry | extractor_protocol(data)


def extractor_protocol(data: EvaluationData) -> dict[str, Any]:
  """Returns by which features images are compared; nothing where by none."""
  if data.extractor is None:
    return {}
  about = data.extractor.about
  return {
    "features": about["name"],
    "features_task": data.extractor.task,
    "features_sha256": about["sha256"],
    "features_accuracy": about["accuracy"],
  }
