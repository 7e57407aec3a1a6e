"""From a config to a discriminator that is an energy, and what its losses need."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from sgae.losses import energy
from sgae.methods.gan.train import GanState
from sgae.methods.sparse_autoencoder.networks import build_autoencoder
from sgae.networks import mlp
from sgae.networks.autoencoder import Autoencoder, make_autoencoder
from sgae.networks.energy import energy_network
from sgae.networks.network import BatchNetwork, computed_in
from sgae.networks.sparsity import make_identity


def build_energy(config: Any, mean_image_hwc: np.ndarray) -> BatchNetwork:
  """Builds the autoencoder that is the discriminator; see `energy_network`.

  Args:
    config: a validated config.
    mean_image_hwc: float32 [H, W, C] in [-1, 1], mean of the training images.
  """
  build = ENERGIES[config.gan.discriminator_architecture]
  return energy_network(build(config, mean_image_hwc))


def _dense(config, mean_image_hwc):
  gan = config.gan
  *hidden, width = gan.discriminator_hidden
  activation = gan.discriminator_activation
  encoder = mlp.mlp_encoder(mean_image_hwc, hidden, width, activation)
  decoder = mlp.mlp_decoder(
    mean_image_hwc, hidden[::-1], width, activation, gan.generator_output
  )
  return make_autoencoder(
    computed_in(encoder, config.precision.compute),
    make_identity(),
    computed_in(decoder, config.precision.compute),
    width,
    None,
  )


# (config, mean_image_hwc) -> Autoencoder
ENERGIES: dict[str, Callable[..., Autoencoder]] = {
  "autoencoder": _dense,
  "sparse_autoencoder": build_autoencoder,
}


def energy_settings(gan: Any) -> dict[str, float]:
  """Returns the numbers that a user sweeps, of the section `gan`; see `GanState`."""
  settings = {
    "margin": {"margin": gan.energy.margin},
    "equilibrium": {
      "gamma": gan.energy.gamma,
      "balance_rate": gan.energy.balance_rate,
    },
  }.get(gan.loss, {})
  if gan.energy.pulling_away:
    settings["pulling_away_weight"] = gan.energy.pulling_away
  return settings


def regulate(
  state: GanState, metrics: dict[str, jax.Array]
) -> tuple[GanState, dict[str, jax.Array]]:
  """Moves the balance of the loss 'equilibrium' by one round.

  Args:
    state: after both players' updates.
    metrics: of the round.

  Returns:
    (state, metrics), with the convergence measure among them.
  """
  numbers = state.numbers
  gamma = numbers["gamma"]
  energies = metrics["gan/energy_real"], metrics["gan/g_adversarial"]
  balance = energy.moved_balance(
    numbers["balance"], *energies, gamma, numbers["balance_rate"]
  )
  measured = {
    "gan/balance": balance,
    "gan/convergence": energy.convergence(*energies, gamma),
  }
  return state.replace(balance=balance), metrics | measured
