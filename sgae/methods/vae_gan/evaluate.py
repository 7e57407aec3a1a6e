"""Evaluates VAE-GAN as the variational autoencoder that it is."""

from typing import Any

from sgae.evaluation.measures.reference import EvaluationData
from sgae.methods.method import Evaluator
from sgae.methods.vae import evaluate as autoencoder
from sgae.methods.vae_gan.train import as_vae


def make_evaluator(config: Any, data: EvaluationData, mesh: Any) -> Evaluator:
  """Binds the evaluator; figures are of the test split, with the EMA of the decoder.

  The ELBO is that of pixels, which nothing here is trained for: beside that of a
  variational autoencoder it says what sharper images cost.

  Args:
    config: validated.
    data: the data set with its feature extractor.
    mesh: the devices of the run.
  """
  evaluator = autoencoder.make_evaluator(config, data, mesh)
  return evaluator._replace(
    observe=lambda state, full: evaluator.observe(as_vae(state), full)
  )
