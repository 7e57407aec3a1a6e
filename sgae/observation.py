"""What is looked at in the state of each phase, in training and after it.

Looking runs on the devices, and every process of a run takes part; measuring and
drawing are done on the host, by whoever writes.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from sgae.data import resident
from sgae.data.dataset import Dataset
from sgae.devices.batched_apply import batched_apply
from sgae.devices.mesh import fetch_local
from sgae.evaluation.measures import suite
from sgae.evaluation.measures.classes import class_shares
from sgae.evaluation.measures.codes import (
  active_latents,
  code_measures,
  firing_rates,
  largest,
  probe_error,
  reconstruction_measures,
)
from sgae.evaluation.measures.estimate import Estimate, mean_estimate
from sgae.evaluation.measures.samples import sample_statistics
from sgae.evaluation.measures.suite import Seen
from sgae.evaluation.reference import Judge
from sgae.evaluation.sample import COLUMNS, ROWS, make_interpolator, make_sampler
from sgae.networks.autoencoder import reconstruct
from sgae.networks.build import build_autoencoder, build_classifier
from sgae.reporting import pictures

ATOMS_DRAWN, ATOM_COLUMNS = 200, 20
EXAMPLES_PROBED = (
  60_000  # training images that a linear probe of the codes is fitted to
)
CLASSES_SHOWN = 20  # at most, by their shares, and told apart by a linear probe


class Observer(NamedTuple):
  """How the state of a phase is looked at.

  Attributes:
    observe: `observe(state, full) -> seen`, arrays on the host; `full` after training
      and in `--mode=evaluate`. Every process of the mesh enters it.
    measure: `measure(seen, full) -> {name: Figure}`.
    draw: `draw(seen) -> {title: uint8 picture}`.
    detail: `detail(seen) -> {name: lists}` for the report, fit for JSON.
    prefix: of the figures' names among a phase's metrics, where training has its own.
  """

  observe: Callable[[Any, bool], Any]
  measure: Callable[[Any, bool], dict[str, Estimate]]
  draw: Callable[[Any], dict[str, np.ndarray]]
  detail: Callable[[Any], dict[str, Any]]
  prefix: str = ""


def make_autoencoder_observer(config: Any, judge: Judge, mesh: Any) -> Observer:
  """Binds the observer of the `sae` phase.

  Args:
    config: validated.
    judge: of the data set, on whose test split the phase is measured.
    mesh: the devices of the run.
  """
  dataset = judge.dataset
  mean_image = resident.mean_image(dataset.train.images)
  autoencoder = build_autoencoder(config, mean_image)

  def some(params, images):
    outputs, code = reconstruct(autoencoder, params, resident.to_model_range(images))
    return outputs, code.values

  run = batched_apply(some, mesh)

  def pooled(params, images):
    return largest(some(params, images)[1])

  encode = batched_apply(pooled, mesh)
  labels = dataset.train.labels[:EXAMPLES_PROBED]
  probed = 1 < len(np.unique(labels)) <= CLASSES_SHOWN
  decode = batched_apply(autoencoder.decode, mesh)

  def observe(state, full):
    params = state.player.params
    outputs, codes = run(params, dataset.test.images)
    used = np.argsort(-firing_rates(codes), kind="stable")[:ATOMS_DRAWN]
    middle = tuple(size // 2 for size in codes.shape[1:-1])
    unit_codes = np.zeros((len(used), *codes.shape[1:]), np.float32)
    unit_codes[(np.arange(len(used)), *middle, used)] = 1
    silent = decode(params, np.zeros_like(unit_codes[:1]))
    seen = {
      "outputs": outputs,
      "codes": codes,
      "atoms": decode(params, unit_codes) - silent,
      "idle": np.asarray(fetch_local(state.idle_k)),
    }
    if full and probed:
      seen["train_codes"] = encode(params, dataset.train.images[:EXAMPLES_PROBED])
    return seen

  def measure(seen, full):
    images = np.asarray(resident.to_model_range(dataset.test.images))
    figures = reconstruction_measures(images, seen["outputs"], mean_image)
    figures |= code_measures(seen["codes"])
    dead = seen["idle"] >= config.sae.dead_after
    figures["dead_share"] = Estimate(float(dead.mean()))
    if full and "train_codes" in seen:
      figures["probe_error"] = probe_error(
        seen["train_codes"], labels, largest(seen["codes"]), dataset.test.labels
      )
    return figures

  def draw(seen):
    if pictures.are_points(mean_image.shape):  # whose atoms show nothing
      shown = slice(pictures.POINTS_SHOWN)
      real, made = dataset.test.images[shown], seen["outputs"][shown]
      return {"reconstructions": pictures.points(real, made)}
    images = dataset.test.images[:20]
    return {
      "reconstructions": pictures.pairs(images, seen["outputs"][:20], COLUMNS),
      "atoms": pictures.atoms(seen["atoms"], ATOM_COLUMNS),
    }

  def detail(seen):
    codes = seen["codes"]
    return {
      "firing_rate": np.sort(firing_rates(codes))[::-1].tolist(),
      "code_values": _histogram(codes[codes > 0]),
      "active_latents": _histogram(active_latents(codes)),
    }

  return Observer(observe, measure, draw, detail, prefix="test_")


def make_gan_observer(config: Any, judge: Judge, mesh: Any) -> Observer:
  """Binds the observer of the `gan` phase; arguments as above."""
  dataset = judge.dataset
  mean_image = resident.mean_image(dataset.train.images)
  sample = make_sampler(config, mean_image, mesh)
  interpolate = make_interpolator(config, mean_image, mesh)
  see = judge.seer(mesh)

  @functools.cache
  def of_real(count):
    return sample_statistics(_floats(dataset.test.images[:count]))

  def observe(state, full):
    count = sample_count(config, dataset) if full else config.evaluation.num_samples
    return see(sample(state, count)), interpolate(state)

  def measure(seen, full):
    generated, _ = seen
    if full:
      return suite.measure(generated, judge.reference, suite.MEASURES)
    figures = suite.measure(generated, judge.reference, config.evaluation.measures)
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
    if "memorisation" in suite.allowed(judge.reference):
      shown = generated.images[: 2 * COLUMNS]
      _, nearest = judge.reference.to_train(shown)
      neighbours = dataset.train.images[nearest]
      drawn["neighbours"] = pictures.pairs(shown, neighbours, COLUMNS)
    return drawn

  def detail(seen):
    shares = class_share(seen[0], dataset.num_classes)
    if shares is None:
      return {}
    return {
      "class_names": [str(k) for k in range(dataset.num_classes)],
      "class_share": shares.tolist(),
      "class_share_reference": class_shares(
        dataset.test.labels, dataset.num_classes
      ).tolist(),
    }

  return Observer(observe, measure, draw, detail)


def make_classifier_observer(config: Any, judge: Judge, mesh: Any) -> Observer:
  """Binds the observer of the `classifier` phase; arguments as above."""
  dataset = judge.dataset
  classifier = build_classifier(config, dataset.train.images.shape[1:])

  def some(params, images):
    features = classifier.features(params, resident.to_model_range(images))
    return jnp.argmax(classifier.logits(params, features), axis=1)

  run = batched_apply(some, mesh)

  def measure(seen, full):
    del full
    return {"accuracy": mean_estimate(seen == dataset.test.labels)}

  return Observer(
    observe=lambda state, full: run(state.player.params, dataset.test.images),
    measure=measure,
    draw=lambda seen: {},
    detail=lambda seen: {},
    prefix="test_",
  )


OBSERVERS: dict[str, Callable[..., Observer]] = {
  "sae": make_autoencoder_observer,
  "gan": make_gan_observer,
  "classifier": make_classifier_observer,
}


def sample_count(config: Any, dataset: Dataset) -> int:
  """Returns how many samples are measured in full: no more than the floor can have."""
  return min(config.evaluation.final_samples, len(dataset.train.images))


def class_share(seen: Seen, num_classes: int) -> np.ndarray | None:
  """Returns the share of each class; None without classes, or with too many to list."""
  if seen.probabilities is None or seen.probabilities.ndim == 3:
    return None
  if num_classes > CLASSES_SHOWN:
    return None
  return class_shares(seen.probabilities.argmax(axis=1), num_classes)


def _floats(images: np.ndarray) -> np.ndarray:
  return np.asarray(resident.to_model_range(images))


def _histogram(values: np.ndarray, bins: int = 40) -> dict[str, list]:
  counts, edges = np.histogram(values, bins)
  return {"edges": edges.tolist(), "counts": counts.tolist()}
