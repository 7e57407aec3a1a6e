"""Evaluates an autoencoder: reconstructions, codes and atoms, on the test split."""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from sgae.data import resident
from sgae.data.dataset import noun_of
from sgae.devices.batched_apply import batched_apply
from sgae.devices.mesh import fetch_local
from sgae.evaluation.measures.codes import (
  active_latents,
  code_measures,
  dictionary_stability,
  firing_rates,
  largest,
  reconstruction_measures,
)
from sgae.evaluation.measures.estimate import Estimate, mean_estimate
from sgae.evaluation.measures.reference import EvaluationData
from sgae.methods.method import Evaluator
from sgae.methods.reconstruction import (
  ATOMS_DRAWN,
  draw_reconstructions,
  probe_of,
  probed,
)
from sgae.methods.sparse_autoencoder import transcoder
from sgae.methods.sparse_autoencoder.networks import build_autoencoder
from sgae.networks.autoencoder import reconstruct

LATENTS_MATCHED = 4096  # of dictionaries that are matched, in tens of seconds each


class Observation(NamedTuple):
  """What one state makes of the data.

  Attributes:
    outputs: float32 [N, H, W, C], reconstructions of the test images, or of their
      partners on the second side by a transcoder.
    codes: float32 [N, K], or with places [N, h, w, K], of the test images.
    atoms: float32 [A, H, W, C], of the latents that fire most, at most ATOMS_DRAWN.
    idle: int32 [K], steps since each latent last fired.
    train_codes: float32 [M, K] of the training images that a probe is fitted to, or
      None.
  """

  outputs: np.ndarray
  codes: np.ndarray
  atoms: np.ndarray
  idle: np.ndarray
  train_codes: np.ndarray | None


def make_evaluator(config: Any, data: EvaluationData, mesh: Any) -> Evaluator:
  """Binds the evaluator; figures are of the test split.

  Args:
    config: validated.
    data: the data set.
    mesh: the devices of the run.
  """
  bound = AutoencoderEvaluator(config, data, mesh)
  # behind hidden layers atoms are in a basis that each seed has for itself
  comparable = not config.sae.decoder_hidden
  comparable = comparable and config.code.num_latents <= LATENTS_MATCHED
  evaluator = Evaluator.of(bound, prefix="test_")
  if config.sae.transcoder and config.evaluation.controls:
    evaluator = evaluator._replace(controls=bound.controls)
  return evaluator._replace(between=stabilities if comparable else None)


def stabilities(states: Sequence[Any]) -> list[dict[str, Estimate]]:
  """Returns how similar each dictionary is to those of the other seeds.

  Args:
    states: at least two, trained, on the host.

  Returns:
    For each `dictionary_stability`, the mean of that measure over the others, and its
    standard error where there are several.
  """
  atoms = [np.asarray(state.player.params["decoder"]["atoms"]) for state in states]
  flat = [each.reshape(len(each), -1) for each in atoms]
  pairs = {
    frozenset(pair): dictionary_stability(*(flat[i] for i in pair)).value
    for pair in itertools.combinations(range(len(flat)), 2)
  }
  return [
    {
      "dictionary_stability": mean_estimate(
        np.array([value for pair, value in pairs.items() if own in pair])
      )
    }
    for own in range(len(flat))
  ]


class AutoencoderEvaluator:
  """The functions of an `Evaluator`, bound to a config, data and devices."""

  def __init__(self, config: Any, data: EvaluationData, mesh: Any):
    """Compiles nothing yet; see `make_evaluator`."""
    self.config, self.dataset = config, data.dataset
    self.target: Any = self.dataset.second if config.sae.transcoder else self.dataset
    self.mean_image = resident.mean_image(self.target.train.images)
    # the mean that is subtracted is among the weights
    shape = self.dataset.train.images.shape[1:]
    autoencoder = build_autoencoder(config, np.zeros(shape, np.float32))

    def reconstruct_and_encode(params, images):
      images = resident.to_model_range(images)
      outputs, code = reconstruct(autoencoder, params, images)
      return outputs, code.values

    def encode(params, images):
      return largest(reconstruct_and_encode(params, images)[1])

    self.reconstruct = batched_apply(reconstruct_and_encode, mesh)
    self.encode = batched_apply(encode, mesh)
    self.decode = batched_apply(autoencoder.decode, mesh)

  def observe(self, state: Any, full: bool) -> Observation:
    """Reconstructs the test images; `full` encodes training images for the probe."""
    params = state.player.params
    outputs, codes = self.reconstruct(params, self.dataset.test.images)
    fitted_to = probed(self.dataset) if full else None
    return Observation(
      outputs=outputs,
      codes=codes,
      atoms=self._atoms(params, codes),
      idle=np.asarray(fetch_local(state.idle_k)),
      train_codes=None if fitted_to is None else self.encode(params, fitted_to),
    )

  def measure(self, observed: Observation, full: bool) -> dict[str, Estimate]:
    """Measures reconstructions and codes; `full` fits the probe."""
    images = np.asarray(resident.to_model_range(self.target.test.images))
    figures = reconstruction_measures(images, observed.outputs, self.mean_image)
    figures |= code_measures(observed.codes)
    dead = observed.idle >= self.config.sae.dead_after
    figures["dead_share"] = Estimate(float(dead.mean()))
    if full and observed.train_codes is not None:
      figures["probe_error"] = probe_of(
        self.dataset, observed.train_codes, observed.codes
      )
    return figures

  def draw(self, observed: Observation) -> dict[str, np.ndarray]:
    """Draws images with their reconstructions, and atoms."""
    images, labels = self.target.test.images, self.dataset.test.labels
    return draw_reconstructions(images, labels, observed.outputs, observed.atoms)

  def controls(self, observed: Observation) -> dict[str, dict[str, Estimate]]:
    """Returns what a linear map gives in place of a transcoder."""
    del observed
    return transcoder.controls(self.dataset)

  def detail(self, observed: Observation) -> dict[str, Any]:
    """Returns how often latents fire, and how strongly."""
    codes = observed.codes
    return {
      "firing_rate": np.sort(firing_rates(codes))[::-1].tolist(),
      "code_values": _histogram(codes[codes != 0]),
      "active_latents": _histogram(active_latents(codes)),
    }

  def protocol(self) -> dict[str, Any]:
    """Returns what the figures are of, and when a latent counts as dead."""
    window = self.config.sae.dead_after * self.config.sae.batch_size
    return {
      "reference": f"test split of {self.target.name}",
      "reference_samples": len(self.dataset.test.images),
      "dead": f"not fired in {window:,} training {noun_of(self.mean_image.shape)}",
    }

  def _atoms(self, params: Any, codes: np.ndarray) -> np.ndarray:
    """Decodes each of the most used latents alone, in the middle place."""
    used = np.argsort(-firing_rates(codes), kind="stable")[:ATOMS_DRAWN]
    middle = tuple(size // 2 for size in codes.shape[1:-1])
    unit_codes = np.zeros((len(used), *codes.shape[1:]), np.float32)
    unit_codes[(np.arange(len(used)), *middle, used)] = 1
    silent = self.decode(params, np.zeros_like(unit_codes[:1]))
    return self.decode(params, unit_codes) - silent


def _histogram(values: np.ndarray, bins: int = 40) -> dict[str, list]:
  counts, edges = np.histogram(values[np.isfinite(values)], bins)
  return {"edges": edges.tolist(), "counts": counts.tolist()}
