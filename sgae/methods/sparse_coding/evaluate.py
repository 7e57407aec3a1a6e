"""Evaluates sparse coding: codes of least objective, the encoder's codes, atoms."""

from typing import Any, NamedTuple

import numpy as np

from sgae.data import resident
from sgae.data.dataset import noun_of
from sgae.devices.batched_apply import batched_apply
from sgae.devices.mesh import fetch_local
from sgae.evaluation.measures.codes import (
  code_measures,
  coherence,
  firing_rates,
  reconstruction_measures,
)
from sgae.evaluation.measures.estimate import Estimate, mean_estimate
from sgae.evaluation.measures.reference import EvaluationData
from sgae.methods.method import Evaluator
from sgae.methods.population import members_of
from sgae.methods.reconstruction import (
  ATOMS_DRAWN,
  draw_reconstructions,
  probe_of,
  probed,
)
from sgae.methods.sparse_autoencoder.networks import build_autoencoder
from sgae.methods.sparse_coding.program import are_signed
from sgae.methods.sparse_coding.solvers import objective, solve_to_gap
from sgae.methods.sparse_coding.train import signals_of

# Codes of test images are found to a duality gap of this share of 1/2 |x|^2.
TOLERANCE = 1e-4
MOST_ITERATIONS = 2000


class Observation(NamedTuple):
  """What one state makes of the N test images.

  Attributes:
    outputs: float32 [N, H, W, C], by the codes of least objective.
    codes: float32 [N, K], these codes.
    objective, gap: float32 [N], of them; the gap as a share of 1/2 |x|^2.
    encoder_outputs, encoder_codes, encoder_objective: by the encoder.
    atoms: float32 [K, D].
    train_codes: float32 [M, K] of the training images that a probe is fitted to, or
      None.
  """

  outputs: np.ndarray
  codes: np.ndarray
  objective: np.ndarray
  gap: np.ndarray
  encoder_outputs: np.ndarray
  encoder_codes: np.ndarray
  encoder_objective: np.ndarray
  atoms: np.ndarray
  train_codes: np.ndarray | None


ALPHA = "sparse_coding.alpha"


def make_evaluator(config: Any, data: EvaluationData, mesh: Any) -> Evaluator:
  """Binds the evaluator; figures are of the test split.

  Args:
    config: validated.
    data: the data set.
    mesh: the devices of the run.
  """
  return Evaluator.of(SparseCodingEvaluator(config, data, mesh), prefix="test_")


class SparseCodingEvaluator:
  """The functions of an `Evaluator`, bound to a config, data and devices."""

  def __init__(self, config: Any, data: EvaluationData, mesh: Any):
    """Compiles nothing yet; see `make_evaluator`."""
    self.config, self.dataset = config, data.dataset
    self.mean_image = resident.mean_image(self.dataset.train.images)
    look, encode = _make_functions(config, self.mean_image)
    self.look, self.encode = batched_apply(look, mesh), batched_apply(encode, mesh)

  def observe(self, state: Any, full: bool) -> Observation:
    """Finds the codes of test images; `full` of training images for the probe."""
    fitted_to = probed(self.dataset) if full else None
    given = (state.player.params, state.settings["alpha"])
    return Observation(
      **self.look(given, self.dataset.test.images),
      atoms=np.asarray(fetch_local(state.player.params["decoder"]["atoms"])),
      train_codes=None if fitted_to is None else self.encode(given, fitted_to),
    )

  def measure(self, observed: Observation, full: bool) -> dict[str, Estimate]:
    """Measures objectives, reconstructions, codes and atoms; `full` fits the probe."""
    images = np.asarray(resident.to_model_range(self.dataset.test.images))
    least, encoder = observed.objective, observed.encoder_objective
    figures = {
      "objective": mean_estimate(least),
      "encoder_objective": mean_estimate(encoder),
      "amortisation_gap": _share(encoder - least, least),
      "largest_gap": Estimate(float(observed.gap.max())),
      "coherence": coherence(observed.atoms),
    }
    figures |= reconstruction_measures(images, observed.outputs, self.mean_image)
    figures |= code_measures(observed.codes)
    by_encoder = reconstruction_measures(
      images, observed.encoder_outputs, self.mean_image
    ) | code_measures(observed.encoder_codes)
    for name in ("fvu", "l0"):
      if name in by_encoder:
        figures[f"encoder_{name}"] = by_encoder[name]
    if observed.train_codes is not None:
      figures["probe_error"] = probe_of(
        self.dataset, observed.train_codes, observed.codes
      )
    return figures

  def draw(self, observed: Observation) -> dict[str, np.ndarray]:
    """Draws images with their reconstructions, and the atoms that are used most."""
    rates_k = firing_rates(observed.codes)
    used = np.argsort(-rates_k, kind="stable")[:ATOMS_DRAWN]
    atoms = observed.atoms[used].reshape(-1, *self.mean_image.shape)
    images, labels = self.dataset.test
    return draw_reconstructions(images, labels, observed.outputs, atoms)

  def detail(self, observed: Observation) -> dict[str, Any]:
    """Returns how often atoms are used."""
    rates_k = firing_rates(observed.codes)
    return {"firing_rate": np.sort(rates_k)[::-1].tolist()}

  def protocol(self) -> dict[str, Any]:
    """Returns what the figures are of, and how exact the codes are."""
    alpha = self.config.sparse_coding.alpha
    varied = {member.settings.get(ALPHA, alpha) for member in members_of(self.config)}
    alphas = ", ".join(f"{each:g}" for each in sorted(varied or {alpha}))
    return {
      "reference": f"test split of {self.dataset.name}",
      "reference_samples": len(self.dataset.test.images),
      "objective": "1/2 |x - u D|^2 + alpha |u|_1 of "
      f"{noun_of(self.mean_image.shape)} in [-1, 1], mean subtracted, "
      f"alpha {alphas}{' (each member its own)' if len(varied) > 1 else ''}",
      "codes": f"FISTA until the duality gap is {TOLERANCE:g} of 1/2 |x|^2, at most "
      f"{MOST_ITERATIONS:,} iterations",
    }


def _share(differences_n: np.ndarray, of_n: np.ndarray) -> Estimate:
  """Returns the mean of differences as a share of another mean."""
  mean, whole = mean_estimate(differences_n), float(of_n.mean())
  error = None if mean.error is None else mean.error / whole
  return Estimate(mean.value / whole, error)


def _make_functions(config: Any, mean_image: np.ndarray) -> tuple[Any, Any]:
  """Returns `look(given, images)`, arrays of `Observation` by name, and `encode`.

  `given` is (parameters, alpha); `encode(given, images)` gives codes.
  """
  autoencoder = build_autoencoder(config, mean_image)

  def codes_of(params, signals_bd, alpha):
    return solve_to_gap(
      params["decoder"]["atoms"],
      signals_bd,
      alpha,
      solver="fista",
      most=MOST_ITERATIONS,
      tolerance=TOLERANCE,
      signed=are_signed(config),
    )

  def look(given, images):
    params, alpha = given
    images = resident.to_model_range(images)
    signals_bd, atoms_kd = signals_of(params, images), params["decoder"]["atoms"]
    codes_bk, gap_b = codes_of(params, signals_bd, alpha)
    encoded, _ = autoencoder.encode(params, images, train=False)
    return {
      "outputs": autoencoder.decode(params, codes_bk),
      "codes": codes_bk,
      "objective": objective(signals_bd, atoms_kd, codes_bk, alpha),
      "gap": gap_b,
      "encoder_outputs": autoencoder.decode(params, encoded.values),
      "encoder_codes": encoded.values,
      "encoder_objective": objective(signals_bd, atoms_kd, encoded.values, alpha),
    }

  def encode(given, images):
    params, alpha = given
    signals_bd = signals_of(params, resident.to_model_range(images))
    return codes_of(params, signals_bd, alpha)[0]

  return look, encode
