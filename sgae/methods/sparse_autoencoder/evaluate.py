"""What is looked at in an autoencoder: reconstructions, codes, atoms."""

from typing import Any

import numpy as np

from sgae.data import resident
from sgae.devices.batched_apply import batched_apply
from sgae.devices.mesh import fetch_local
from sgae.evaluation.measures.codes import (
  active_latents,
  code_measures,
  firing_rates,
  largest,
  probe_error,
  reconstruction_measures,
)
from sgae.evaluation.measures.estimate import Estimate
from sgae.evaluation.measures.reference import EvaluationData
from sgae.methods.method import Evaluator
from sgae.methods.sampling import COLUMNS
from sgae.methods.sparse_autoencoder.networks import build_autoencoder
from sgae.networks.autoencoder import reconstruct
from sgae.reporting import pictures

ATOMS_DRAWN, ATOM_COLUMNS = 200, 20
EXAMPLES_PROBED = (
  60_000  # training images that a linear probe of the codes is fitted to
)
MOST_CLASSES = 20  # that a linear probe tells apart


def make_evaluator(config: Any, data: EvaluationData, mesh: Any) -> Evaluator:
  """Binds the evaluator; figures are of the test split.

  Args:
    config: validated.
    data: the data set.
    mesh: the devices of the run.
  """
  dataset = data.dataset
  mean_image = resident.mean_image(dataset.train.images)
  autoencoder = build_autoencoder(config, mean_image)

  def encode_and_decode(params, images):
    outputs, code = reconstruct(autoencoder, params, resident.to_model_range(images))
    return outputs, code.values

  run = batched_apply(encode_and_decode, mesh)

  def pooled(params, images):
    return largest(encode_and_decode(params, images)[1])

  encode = batched_apply(pooled, mesh)
  labels = dataset.train.labels[:EXAMPLES_PROBED]
  probed = 1 < len(np.unique(labels)) <= MOST_CLASSES
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

  def protocol():
    window = config.sae.dead_after * config.sae.batch_size
    return {
      "reference": f"test split of {dataset.name}",
      "reference_samples": len(dataset.test.images),
      "dead": f"not fired in {window:,} training images",
    }

  return Evaluator(observe, measure, draw, detail, protocol, prefix="test_")


def _histogram(values: np.ndarray, bins: int = 40) -> dict[str, list]:
  counts, edges = np.histogram(values, bins)
  return {"edges": edges.tolist(), "counts": counts.tolist()}
