"""Does the discriminator know its training images by heart? Its logits tell."""

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from sgae.data import order, resident
from sgae.data.dataset import Dataset, labelled
from sgae.devices.batched_apply import batched_apply
from sgae.evaluation.measures.estimate import Estimate, mean_estimate
from sgae.evaluation.measures.suite import Extracted
from sgae.methods.gan.presentation import packed
from sgae.methods.method import Program

EXAMPLES = 1000  # of each kind, at most
# Standard errors; a difference that is smaller divides nothing.
CERTAIN = 3.0

Logits = Mapping[str, np.ndarray]


def make_discriminate(
  config: Any, program: Program, dataset: Dataset, mesh: Any
) -> Callable[[Any, Extracted], Logits]:
  """Returns `discriminate(state, samples) -> {kind: logits [N]}`.

  The kinds are 'training', training images, 'held_out', those of the test split, which
  nothing is trained on, and 'generated', the first samples. The first two are drawn,
  always the same, since data may be sorted by class. All are as they are stored, uint8
  or points, not altered, and each with its class where the discriminator takes one;
  test images without a label are then left out.

  Args:
    config: of the run.
    program: of the run.
    dataset: the data.
    mesh: the devices; every process of it calls `discriminate`.
  """
  packing, classes = config.gan.packing, config.gan.conditional.classes
  of_program = program.functions["discriminate"]
  channels = dataset.train.images.shape[-1]
  test = labelled(dataset.test) if classes else dataset.test

  def discriminate_rows(state, shown):
    if not classes:
      return of_program(state, resident.to_model_range(shown))
    images, weights_bk = shown[..., :channels], shown[:, 0, 0, channels:]
    weights_bk = weights_bk.astype(jnp.float32)
    return of_program(state, resident.to_model_range(images), weights_bk)

  run = batched_apply(discriminate_rows, mesh)

  def shown_of(images, labels):
    if not classes:
      return packed(images, packing)
    weights_bk = np.eye(classes, dtype=images.dtype)[labels]
    planes = np.broadcast_to(
      weights_bk[:, None, None], (*images.shape[:3], classes)
    )  # beside the images, since one array is spread over the devices
    return np.concatenate([images, planes], axis=3)

  def count_of(images):
    return min(EXAMPLES, len(images)) // packing * packing

  def discriminate(state, samples):
    splits: dict[str, Any] = {
      kind: order.drawn(split, "held out", number)
      for kind, split in {"training": dataset.train, "held_out": test}.items()
      if (number := count_of(split.images))
    }
    if count := count_of(samples.images):
      labels = None if samples.labels is None else samples.labels[:count]
      splits["generated"] = (samples.images[:count], labels)
    return {kind: run(state, shown_of(*split)) for kind, split in splits.items()}

  return discriminate


def overfitting_figures(logits: Logits) -> dict[str, Estimate]:
  """Compares logits of training images with those of others.

  Returns:
    `d_training`, `d_held_out`, `d_generated`: means. `overfitting`: r_v = (E D(training
    images) - E D(held out)) / (E D(training images) - E D(generated)), of Karras et al.
    2020 (arXiv 2006.06676), section 3: 0 where held-out images look as real as training
    images, 1 where they look generated; left out where the discriminator cannot tell
    training from generated images.
  """
  means = {kind: mean_estimate(values) for kind, values in logits.items()}
  figures = {f"d_{kind}": mean for kind, mean in means.items()}
  if len(means) < 3 or any(mean.error is None for mean in means.values()):
    return figures
  training, held_out, generated = (
    means[kind] for kind in ("training", "held_out", "generated")
  )
  whole = training.value - generated.value
  errors = np.array([training.error, held_out.error, generated.error], float)
  if not whole > CERTAIN * np.hypot(errors[0], errors[2]):
    return figures
  r_v = (training.value - held_out.value) / whole
  slopes = np.array([1 - r_v, 1.0, r_v])  # of r_v in the three means, times `whole`
  error = float(np.linalg.norm(slopes * errors) / whole)
  return figures | {"overfitting": Estimate(float(r_v), error)}
