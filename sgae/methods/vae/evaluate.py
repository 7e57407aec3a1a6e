"""Evaluates a variational autoencoder: its likelihood, latents and images."""

from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri

from sgae.data import resident
from sgae.devices.batched_apply import batched_apply
from sgae.evaluation.measures import suite
from sgae.evaluation.measures.codes import code_measures, reconstruction_measures
from sgae.evaluation.measures.estimate import Estimate, mean_estimate
from sgae.evaluation.measures.latents import active_units, unit_variances
from sgae.evaluation.measures.reference import EvaluationData
from sgae.evaluation.measures.suite import Extracted
from sgae.methods.generation import class_detail, full_count, sample_protocol
from sgae.methods.method import Evaluator
from sgae.methods.sampling import COLUMNS, ROWS, as_stored, make_sampler
from sgae.methods.vae.importance import make_bound, make_elbo, parts_of
from sgae.methods.vae.likelihoods import PIXELS, once
from sgae.methods.vae.networks import Vae, build_vae
from sgae.methods.vae.program import build
from sgae.reporting import pictures

PAIRS_DRAWN = 20  # images with their reconstructions
UNITS_DRAWN = 8  # active units that are traversed
FURTHEST = 3.0  # value of a latent at the ends of a traversal
MANIFOLD_SIDE = 20  # images along each side of the manifold of two latents
IMAGES_PER_CALL = 64  # whose likelihood is bounded at once; each has many draws


class Observation(NamedTuple):
  """What one state makes of the data; N test images.

  Attributes:
    samples: generated images with their features.
    outputs: float32 [N, H, W, C], reconstructions of the test images.
    reconstructed: the reconstructions that are compared by features; None in training.
    means, codes: float32 [N, K], posterior means, and what `encode` gives.
    nll, kl: float32 [N], both terms of the ELBO, nats.
    log_likelihood: float32 [M], a bound on log p(x) of the first M test images, nats;
      None in training.
    traversals: float32 [units * COLUMNS, H, W, C], one unit changed along each row.
    manifold: float32 [side ** 2, H, W, C] over two latents; None with more.
  """

  samples: Extracted
  outputs: np.ndarray
  reconstructed: Extracted | None
  means: np.ndarray
  codes: np.ndarray
  nll: np.ndarray
  kl: np.ndarray
  log_likelihood: np.ndarray | None
  traversals: np.ndarray
  manifold: np.ndarray | None


def make_evaluator(config: Any, data: EvaluationData, mesh: Any) -> Evaluator:
  """Binds the evaluator; figures are of the test split.

  Args:
    config: validated.
    data: the data set with its feature extractor.
    mesh: the devices of the run.
  """
  bound = VaeEvaluator(config, data, mesh)
  return Evaluator.of(bound, samples=bound.full_count)


class VaeEvaluator:
  """The functions of an `Evaluator`, bound to a config, data and devices."""

  def __init__(self, config: Any, data: EvaluationData, mesh: Any):
    """Compiles nothing yet; see `make_evaluator`."""
    self.config, self.data, self.dataset = config, data, data.dataset
    self.mean_image = resident.mean_image(self.dataset.train.images)
    program = build(config, self.mean_image.shape, self.mean_image)
    vae, pixels = build_vae(config, self.mean_image), PIXELS[config.vae.pixels]
    self.sample = make_sampler(program, mesh)
    self.look = batched_apply(_make_look(vae, pixels), mesh)
    self.decode = batched_apply(program.functions["decode"], mesh)
    bound = make_bound(vae, config.evaluation.importance_samples)

    def bound_rows(state, images):
      images = once(pixels, resident.to_model_range(images))
      return bound(state.player.params, state.settings, images)

    self.bound = batched_apply(bound_rows, mesh, IMAGES_PER_CALL)
    self.extract_features = data.extract_features(mesh)
    self.full_count = full_count(config, data)

  def observe(self, state: Any, full: bool) -> Observation:
    """Generates, reconstructs and traverses; `full` bounds log p(x) as well."""
    evaluation, test = self.config.evaluation, self.data.test.images
    count = self.full_count if full else evaluation.num_samples
    seen = self.look(state, test)
    reconstructed = log_likelihood = None
    if full:
      reconstructed = self.extract_features(np.asarray(as_stored(seen["outputs"])))
      log_likelihood = self.bound(state, test[: evaluation.importance_examples])
    return Observation(
      samples=self.extract_features(self.sample(state, np.arange(count))),
      reconstructed=reconstructed,
      log_likelihood=log_likelihood,
      traversals=self.decode(state, traversed(seen["codes"][0], seen["means"])),
      manifold=self._manifold(state),
      **seen,
    )

  def measure(self, observed: Observation, full: bool) -> dict[str, Estimate]:
    """Measures samples, likelihood, reconstructions and latents."""
    reference = self.data.reference
    names = suite.MEASURES if full else self.config.evaluation.measures
    figures: dict[str, Estimate] = {}
    if observed.log_likelihood is not None:
      figures["log_likelihood"] = mean_estimate(observed.log_likelihood)
    figures |= {
      "test_elbo": mean_estimate(-observed.nll - observed.kl),
      "test_reconstruction": mean_estimate(observed.nll),
      "test_kl": mean_estimate(observed.kl),
      "active_units": active_units(observed.means),
    }
    images = np.asarray(resident.to_model_range(self.data.test.images))
    figures |= reconstruction_measures(images, observed.outputs, self.mean_image)
    if self.config.vae.posterior == "spike_and_slab":
      figures |= code_measures(observed.codes)
    if observed.reconstructed is not None:
      distance = suite.measure(observed.reconstructed, reference, ("frechet",))
      figures |= {f"reconstruction_{name}": own for name, own in distance.items()}
    return figures | suite.measure(observed.samples, reference, names)

  def draw(self, observed: Observation) -> dict[str, np.ndarray]:
    """Draws samples, reconstructions, traversals and the manifold of two latents."""
    samples, test = observed.samples.images, self.data.test.images
    if pictures.are_points(self.mean_image.shape):
      first = slice(pictures.POINTS_SHOWN)
      return {
        "samples": pictures.points(test, samples[first]),
        "reconstructions": pictures.points(test[first], observed.outputs[first]),
      }
    first = slice(PAIRS_DRAWN)
    drawn = {
      "samples": pictures.grid(samples[: ROWS * COLUMNS], COLUMNS),
      "reconstructions": pictures.pairs(test[first], observed.outputs[first], COLUMNS),
      "traversals": pictures.grid(observed.traversals, COLUMNS),
    }
    if observed.manifold is not None:
      drawn["manifold"] = pictures.grid(observed.manifold, MANIFOLD_SIDE, gap=0)
    return drawn

  def detail(self, observed: Observation) -> dict[str, Any]:
    """Returns the classes of the samples, where there are classes."""
    return class_detail(observed.samples, self.data)

  def protocol(self) -> dict[str, Any]:
    """Returns what the samples are compared with, and what log p(x) is of."""
    evaluation, fields = self.config.evaluation, self.config.vae
    parts, size = parts_of(evaluation.importance_samples)
    drawn = "drawn once for each image" if fields.pixels != "real" else "as they are"
    return sample_protocol(self.data, self.full_count) | {
      "likelihood": f"{fields.likelihood}, nats per image, of {fields.pixels} pixels "
      f"({drawn})",
      "importance_samples": parts * size,
      "importance_examples": min(
        evaluation.importance_examples, len(self.data.test.images)
      ),
    }

  def _manifold(self, state: Any) -> np.ndarray | None:
    """Decodes a grid of equally likely latents (Kingma & Welling 2014, figure 4)."""
    fields = self.config.vae
    if fields.latent_dim != 2 or fields.posterior != "gaussian":
      return None
    quantiles = (np.arange(MANIFOLD_SIDE) + 0.5) / MANIFOLD_SIDE
    rows, columns = np.meshgrid(ndtri(quantiles)[::-1], ndtri(quantiles), indexing="ij")
    latents = np.stack([columns, rows], axis=-1).reshape(-1, 2).astype(np.float32)
    return self.decode(state, latents)


def traversed(code_k: np.ndarray, means_nk: np.ndarray) -> np.ndarray:
  """Returns codes in which the most active units go from -3 to 3, a row for each.

  Args:
    code_k: float32 [K], where all other units stay.
    means_nk: float32 [N, K], whose variance says which units are most active.

  Returns:
    float32 [units * COLUMNS, K].
  """
  units = np.argsort(-unit_variances(means_nk), kind="stable")[:UNITS_DRAWN]
  codes = np.tile(code_k, (len(units), COLUMNS, 1))
  for row, unit in enumerate(units):
    codes[row, :, unit] = np.linspace(-FURTHEST, FURTHEST, COLUMNS)
  return codes.reshape(-1, len(code_k))


def _make_look(vae: Vae, pixels: Any) -> Any:
  """Returns `look(state, images as stored) -> arrays of Observation` by name.

  Codes and reconstructions are of the images as they are, grey ones too; the ELBO is of
  what the likelihood is of.
  """
  elbo_terms = make_elbo(vae)

  def look(state, images):
    params = state.player.params
    images = resident.to_model_range(images)
    outputs_bm = vae.encode(params, images)
    codes_bk = vae.posterior.code(outputs_bm)
    nll_b, kl_b = elbo_terms(params, state.settings, once(pixels, images))
    return {
      "outputs": vae.likelihood.images(vae.decode(params, codes_bk)),
      "means": vae.posterior.mean(outputs_bm),
      "codes": codes_bk,
      "nll": nll_b,
      "kl": kl_b,
    }

  return look
