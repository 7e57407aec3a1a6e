"""The losses of super-resolution's two players."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from sgae.losses.adversarial import AdversarialLoss
from sgae.losses.reconstruction import absolute_error, feature_errors
from sgae.losses.sparsity import Omega
from sgae.methods.super_resolution.networks import Generator
from sgae.networks.network import BatchNetwork, Params

Features = Callable[[Params, jax.Array], jax.Array]


class Opponent(NamedTuple):
  """The discriminator, and the game that it plays with the generator."""

  network: BatchNetwork
  game: AdversarialLoss


def make_generator_loss(
  generator: Generator,
  opponent: Opponent | None,
  features: Features | None,
  omega: Omega,
) -> Callable[..., tuple]:
  """Binds the generator's loss, for `mean_gradient`.

  loss = pixel_weight * E|x - G(small)| + adversarial_weight * adversarial loss
  + feature_weight * feature error + sparsity_weight * Omega(code), as far as there are
  an opponent, features and a code; the weights are read from `settings`.

  Args:
    generator: small images -> images, with or without a code.
    opponent: None: there is no adversarial loss.
    features: `features(params, images_bhwc) -> [B, D]`; None: they are not compared.
    omega: a value of `SPARSITY_PENALTIES`, for a generator with a code.

  Returns:
    `loss(params, (images_bhwc, small_bhwc), others, settings, axis) -> (loss,
    (metrics, code))`; `others` maps 'discriminator' and 'features' to parameters.
  """

  def loss(params, examples, others, settings, axis):
    images_bhwc, small_bhwc = examples
    made, code = generator.apply(params, small_bhwc, train=True, axis=axis)
    error = absolute_error(images_bhwc, made)
    metrics = {"pixel_error": error}
    value = settings["pixel_weight"] * error
    if opponent is not None:
      real_b, fake_b = (
        opponent.network.apply(others["discriminator"], x, train=False)[0]
        for x in (images_bhwc, made)
      )
      adversarial = opponent.game.generator(real_b, fake_b)
      value += settings["adversarial_weight"] * adversarial
      metrics["adversarial"] = adversarial
    if features is not None:
      wanted, found = (features(others["features"], x) for x in (images_bhwc, made))
      distance = jnp.mean(feature_errors(wanted, found))
      value += settings["feature_weight"] * distance
      metrics["feature_error"] = distance
    if code is not None:
      penalty = omega(code, settings["rho"], axis)
      value += settings["sparsity_weight"] * penalty
      metrics |= {"omega": penalty, "l0": jnp.mean(code.l0)}
    return value, (metrics | {"g_loss": value}, code)

  return loss


def make_discriminator_loss(generator: Generator, opponent: Opponent) -> Callable:
  """Binds the discriminator's loss, for `mean_gradient`.

  Returns:
    `loss(params, (images_bhwc, small_bhwc), generator_params, axis) -> (loss, (metrics,
    None))`; among the metrics are the network's `statistics`.
  """

  def loss(params, examples, generator_params: Any, axis):
    images_bhwc, small_bhwc = examples
    made, _ = generator.apply(generator_params, small_bhwc, train=True, axis=axis)
    fake = jax.lax.stop_gradient(made)
    real_b, statistics = opponent.network.apply(
      params, images_bhwc, train=True, axis=axis
    )
    fake_b, _ = opponent.network.apply(params, fake, train=True, axis=axis)
    value = opponent.game.discriminator(real_b, fake_b)
    metrics = {"d_loss": value} | opponent.game.measures(real_b, fake_b)
    return value, (metrics | {"statistics": statistics}, None)

  return loss
