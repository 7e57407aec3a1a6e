"""Evaluates a GAN: samples of the EMA generator, measured and drawn."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sgae import randomness
from sgae.data import resident
from sgae.data.dataset import Split, has_label, labelled
from sgae.devices.batched_apply import batched_apply
from sgae.evaluation.measures import suite
from sgae.evaluation.measures.estimate import Estimate
from sgae.evaluation.measures.reference import EvaluationData
from sgae.evaluation.measures.samples import sample_statistics
from sgae.evaluation.measures.suite import Extracted
from sgae.methods.gan.held_out import Logits, make_discriminate, overfitting_figures
from sgae.methods.gan.program import build
from sgae.methods.generation import class_detail, full_count, sample_protocol
from sgae.methods.method import Evaluator, Program
from sgae.methods.sampling import (
  COLUMNS,
  ROWS,
  STREAM,
  grid_cells,
  make_sampler,
  numbers_like,
)
from sgae.reporting import pictures


def make_evaluator(config: Any, data: EvaluationData, mesh: Any) -> Evaluator:
  """Binds the evaluator; samples are compared with the test split.

  Args:
    config: validated.
    data: the data set with its feature extractor.
    mesh: the devices of the run.
  """
  bound = GanEvaluator(config, data, mesh)
  evaluator = Evaluator.of(bound, samples=bound.full_count)
  known = data.extractor is not None and has_label(data.dataset.test)
  chosen = bound.classes and known
  return evaluator._replace(labelled=bound.labelled) if chosen else evaluator


class Observation(NamedTuple):
  """Images of one state.

  Attributes:
    samples: generated images with their features, of classes in the shares of the test
      split, where the generator has classes.
    grid: generated images, with a row for each class.
    interpolations: see `make_interpolator`.
    logits: of `make_discriminate`, in training; else none.
  """

  samples: Extracted
  grid: np.ndarray
  interpolations: np.ndarray
  logits: Logits


class GanEvaluator:
  """The functions of an `Evaluator`, bound to a config, data and devices."""

  def __init__(self, config: Any, data: EvaluationData, mesh: Any):
    """Compiles nothing yet; see `make_evaluator`."""
    self.config, self.data, self.dataset = config, data, data.dataset
    images = self.dataset.train.images
    mean_image = resident.mean_image(images)
    program = build(config, mean_image.shape, mean_image)
    self.classes = config.gan.conditional.classes
    # whose shares samples have
    self.labels: Any = labelled(self.dataset.test).labels if self.classes else ()
    self.sample = make_sampler(program, mesh)
    self.interpolate = make_interpolator(config, program, mesh)
    self.discriminate = make_discriminate(config, program, self.dataset, mesh)
    self.extract_features = data.extract_features(mesh)
    self.full_count = full_count(config, data)
    self.real_statistics = functools.cache(self._real_statistics)

  def observe(self, state: Any, full: bool) -> Observation:
    """Generates samples and interpolations; in training the discriminator judges."""
    count = self.full_count if full else self.config.evaluation.num_samples
    numbers = np.arange(count)
    if len(self.labels):
      numbers = numbers_like(self.labels, count, self.classes)
    samples = self.extract_features(self.sample(state, numbers))
    grid = samples.images[: ROWS * COLUMNS]
    if self.classes:
      samples = samples._replace(labels=numbers % self.classes)
      grid = self.sample(state, grid_cells(self.classes))
    logits = {} if full else self.discriminate(state, samples)
    return Observation(samples, grid, self.interpolate(state), logits)

  def labelled(self, observed: Observation) -> Split:
    """Returns the samples with their classes."""
    samples: Any = observed.samples
    return Split(samples.images, samples.labels.astype(np.int32))

  def measure(self, observed: Observation, full: bool) -> dict[str, Estimate]:
    """Measures the samples; in training also their pixels, and the discriminator."""
    samples, reference = observed.samples, self.data.reference
    if full:
      return suite.measure(samples, reference, suite.MEASURES)
    figures = suite.measure(samples, reference, self.config.evaluation.measures)
    statistics = {
      "generated": sample_statistics(_floats(samples.images)),
      "real": self.real_statistics(len(samples.images)),
    }
    for origin, numbers in statistics.items():
      figures |= {
        f"{name}_{origin}": Estimate(value) for name, value in numbers.items()
      }
    return figures | overfitting_figures(observed.logits)

  def draw(self, observed: Observation) -> dict[str, np.ndarray]:
    """Draws samples, interpolations and the samples' nearest training images."""
    images = observed.samples.images
    if pictures.are_points(images.shape[1:]):
      points = images[: pictures.POINTS_SHOWN]
      return {"samples": pictures.points(self.dataset.test.images, points)}
    drawn = {
      "samples": pictures.grid(observed.grid, COLUMNS),
      "interpolations": pictures.grid(observed.interpolations, COLUMNS),
    }
    if "memorisation" in suite.allowed(self.data.reference):
      queries = images[: 2 * COLUMNS]
      _, nearest = self.data.reference.to_train(queries)
      neighbours = self.dataset.train.images[nearest]
      drawn["neighbours"] = pictures.pairs(queries, neighbours, COLUMNS)
    return drawn

  def detail(self, observed: Observation) -> dict[str, Any]:
    """Returns the classes of the samples, where there are classes."""
    return class_detail(observed.samples, self.data)

  def protocol(self) -> dict[str, Any]:
    """Returns what the samples are compared with, and by which features."""
    return sample_protocol(self.data, self.full_count)

  def _real_statistics(self, count: int) -> dict[str, float]:
    return sample_statistics(_floats(self.data.test.images[:count]))


def make_interpolator(
  config: Any, program: Program, mesh: Any
) -> Callable[[Any], np.ndarray]:
  """Returns `interpolate(state)`: rows of images between two latents each.

  Along the great circle for normal latents, along a line for uniform ones. With classes
  between two of them at one noise, along a line. float32 [ROWS * COLUMNS, H, W, C].
  """
  draw_latents, generate = program.functions["latents"], program.functions["generate"]
  normal = config.gan.latent_distribution == "normal"
  between = _on_great_circle if normal else _on_line
  classes = config.gan.conditional.classes

  def interpolate_cells(state, cells_b3):
    key = randomness.stream_key(state.key, STREAM)
    first, second = (
      draw_latents(state, key, cells_b3[:, i].astype(jnp.int32)) for i in (0, 1)
    )
    if classes:
      ends = (first[:, -classes:], second[:, -classes:], cells_b3[:, 2:])
      weights_bk = _on_line(*ends)
      return generate(state, jnp.concatenate([first[:, :-classes], weights_bk], axis=1))
    return generate(state, between(first, second, cells_b3[:, 2:]))

  run = batched_apply(interpolate_cells, mesh, ROWS * COLUMNS)
  return lambda state: run(state, _cells_of_interpolation())


def _cells_of_interpolation() -> np.ndarray:
  """Returns (number of the first latent, of the second, share of it) of each cell."""
  rows, columns = np.mgrid[:ROWS, :COLUMNS]
  shares = columns / (COLUMNS - 1)
  cells = np.stack([2 * rows, 2 * rows + 1, shares], axis=-1)
  return cells.reshape(-1, 3).astype(np.float32)


def _on_great_circle(first: jax.Array, second: jax.Array, share: jax.Array):
  angle = share * jnp.pi / 2
  return jnp.cos(angle) * first + jnp.sin(angle) * second


def _on_line(first: jax.Array, second: jax.Array, share: jax.Array):
  return (1 - share) * first + share * second


def _floats(images: np.ndarray) -> np.ndarray:
  return np.asarray(resident.to_model_range(images))
