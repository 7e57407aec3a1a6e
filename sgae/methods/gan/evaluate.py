"""What is looked at in a GAN: samples of the EMA generator, measured and drawn."""

import functools
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from sgae import randomness
from sgae.data import resident
from sgae.devices.batched_apply import batched_apply
from sgae.evaluation.measures import suite
from sgae.evaluation.measures.classes import class_shares
from sgae.evaluation.measures.estimate import Estimate
from sgae.evaluation.measures.reference import EvaluationData
from sgae.evaluation.measures.samples import sample_statistics
from sgae.evaluation.measures.suite import Extracted
from sgae.methods.gan.program import build
from sgae.methods.method import Evaluator, Program
from sgae.methods.sampling import COLUMNS, ROWS, STREAM, make_sampler
from sgae.reporting import pictures

CLASSES_SHOWN = 20  # at most, by their shares


def make_evaluator(config: Any, data: EvaluationData, mesh: Any) -> Evaluator:
  """Binds the evaluator; samples are compared with the test split.

  Args:
    config: validated.
    data: the data set with its feature extractor.
    mesh: the devices of the run.
  """
  dataset = data.dataset
  mean_image = resident.mean_image(dataset.train.images)
  program = build(config, mean_image.shape, mean_image)
  sample = make_sampler(program, mesh)
  interpolate = _make_interpolator(config, program, mesh)
  extract = data.extract(mesh)
  # no more than the floor can have
  full_count = min(config.evaluation.final_samples, len(dataset.train.images))

  @functools.cache
  def of_real(count):
    return sample_statistics(_floats(dataset.test.images[:count]))

  def observe(state, full):
    count = full_count if full else config.evaluation.num_samples
    return extract(sample(state, count)), interpolate(state)

  def measure(seen, full):
    generated, _ = seen
    if full:
      return suite.measure(generated, data.reference, suite.MEASURES)
    figures = suite.measure(generated, data.reference, config.evaluation.measures)
    statistics = {
      "generated": sample_statistics(_floats(generated.images)),
      "real": of_real(len(generated.images)),
    }
    for of, numbers in statistics.items():
      figures |= {f"{name}_{of}": Estimate(value) for name, value in numbers.items()}
    return figures

  def draw(seen):
    generated, between = seen
    if pictures.are_points(mean_image.shape):
      made = generated.images[: pictures.POINTS_SHOWN]
      return {"samples": pictures.points(dataset.test.images, made)}
    cells = generated.images[: ROWS * COLUMNS]
    drawn = {
      "samples": pictures.grid(cells, COLUMNS),
      "interpolations": pictures.grid(between, COLUMNS),
    }
    if "memorisation" in suite.allowed(data.reference):
      shown = generated.images[: 2 * COLUMNS]
      _, nearest = data.reference.to_train(shown)
      neighbours = dataset.train.images[nearest]
      drawn["neighbours"] = pictures.pairs(shown, neighbours, COLUMNS)
    return drawn

  def detail(seen):
    shares = _class_shares(seen[0], dataset.num_classes)
    if shares is None:
      return {}
    return {
      "class_names": [str(k) for k in range(dataset.num_classes)],
      "class_share": shares.tolist(),
      "class_share_reference": class_shares(
        dataset.test.labels, dataset.num_classes
      ).tolist(),
    }

  def protocol():
    entry: dict[str, Any] = {
      "reference": f"test split of {dataset.name}",
      "reference_samples": len(data.reference.test.images),
      "samples": full_count,
    }
    if data.extractor is not None:
      about = data.extractor.about
      entry["features"] = about["name"]
      entry["features_sha256"] = about["sha256"]
      entry["features_accuracy"] = about["accuracy"]
    return entry

  return Evaluator(observe, measure, draw, detail, protocol, samples=full_count)


def _make_interpolator(
  config: Any, program: Program, mesh: Any
) -> Callable[[Any], np.ndarray]:
  """Returns `interpolate(state)`: rows of images between two latents each.

  Along the great circle for normal latents, along a line for uniform ones; float32
  [ROWS * COLUMNS, H, W, C].
  """
  normal = config.gan.latent_distribution == "normal"

  def interpolate_rows(state, places_b3):
    key = randomness.stream_key(state.key, STREAM)
    first, second = (
      program.functions["latents"](state, key, places_b3[:, i].astype(jnp.int32))
      for i in (0, 1)
    )
    share = places_b3[:, 2:]
    if normal:
      angle = share * jnp.pi / 2
      latents = jnp.cos(angle) * first + jnp.sin(angle) * second
    else:
      latents = (1 - share) * first + share * second
    return program.functions["generate"](state, latents)

  run = batched_apply(interpolate_rows, mesh, ROWS * COLUMNS)
  rows, columns = np.mgrid[:ROWS, :COLUMNS]
  shares = columns / (COLUMNS - 1)
  places = np.stack([2 * rows, 2 * rows + 1, shares], axis=-1).reshape(-1, 3)
  return lambda state: run(state, places.astype(np.float32))


def _class_shares(seen: Extracted, num_classes: int) -> np.ndarray | None:
  """Returns the share of each class; None without classes, or with too many to list."""
  if seen.probabilities is None or seen.probabilities.ndim == 3:
    return None
  if num_classes > CLASSES_SHOWN:
    return None
  return class_shares(seen.probabilities.argmax(axis=1), num_classes)


def _floats(images: np.ndarray) -> np.ndarray:
  return np.asarray(resident.to_model_range(images))
