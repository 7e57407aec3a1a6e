"""One update of the discriminator, of the generator, and of the generator's average."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import struct

from sgae.losses.sparsity import Omega
from sgae.methods.gradients import apply_gradients, mean_gradient, norm
from sgae.methods.player import (
  Batch,
  PlayerState,
  start_players,
  update_ema,
  with_slower_decoder,
)
from sgae.methods.super_resolution.losses import (
  Features,
  Opponent,
  make_discriminator_loss,
  make_generator_loss,
)
from sgae.methods.super_resolution.networks import Generator, downscale
from sgae.networks.network import Params

Metrics = dict[str, jax.Array]


class SuperResolutionState(struct.PyTreeNode):
  """State of the `super_resolution` phase.

  Attributes:
    step: int32 scalar, steps done.
    generator: the player.
    discriminator: the player; without parameters where there is no adversarial loss.
    ema_params: exponential moving average (EMA) of the generator's parameters, in
      buffers of its own.
    fixed: parameters that are not trained: of the `features`, and of the `autoencoder`
      that a code's decoder is of; each where there is one.
    settings: float32 scalars that a user sweeps; `make_super_resolution_step` names
      them.
    key: the run's root key.
  """

  step: jax.Array
  generator: PlayerState
  discriminator: PlayerState
  ema_params: Params
  fixed: dict[str, Params]
  settings: dict[str, jax.Array]
  key: jax.Array


def init_super_resolution_state(
  params: Mapping[str, Params],
  fixed: Mapping[str, Params],
  optimizers: Mapping[str, optax.GradientTransformation],
  settings: Mapping[str, Any],
  root_key: jax.Array,
) -> SuperResolutionState:
  """Returns the state before the first step.

  Args:
    params: of `generator` and `discriminator`.
    fixed: as in the state.
    optimizers: of both players.
    settings: as in the step's factory.
    root_key: the run's, kept in the state.
  """
  return SuperResolutionState(
    step=jnp.int32(0),
    **start_players(params, optimizers),
    # buffers of its own: a state that holds one buffer twice cannot be donated
    ema_params=jax.tree.map(jnp.copy, params["generator"]),
    fixed=jax.tree.map(jnp.copy, dict(fixed)),
    settings={name: jnp.float32(value) for name, value in settings.items()},
    key=root_key,
  )


def make_super_resolution_step(
  generator: Generator,
  opponent: Opponent | None,
  features: Features | None,
  omega: Omega,
  optimizers: Mapping[str, optax.GradientTransformation],
  factor: int,
  *,
  microbatches: int = 1,
) -> Callable[..., tuple[SuperResolutionState, Metrics]]:
  """Binds the step of super-resolution.

  The discriminator, where there is one, is updated before the generator. The weights of
  `make_generator_loss`, `rho`, `ema_decay` and, with a code, `decoder_rate_factor` are
  read from `state.settings`.

  Args:
    generator, opponent, features, omega: as for `make_generator_loss`.
    optimizers: of both players, from `make_optimizer`.
    factor: of the small images.
    microbatches: see `mean_gradient`.

  Returns:
    `step(state, batch, *, axis=None) -> (state, metrics)`, metrics as scalars.
  """
  update_discriminator = _make_discriminator_update(
    generator, opponent, optimizers["discriminator"], microbatches
  )
  update_generator = _make_generator_update(
    generator,
    make_generator_loss(generator, opponent, features, omega),
    optimizers["generator"],
    microbatches,
  )

  def step(state: SuperResolutionState, batch: Batch, *, axis: str | None = None):
    examples = (batch["image"], downscale(batch["image"], factor))
    discriminator, seen = update_discriminator(state, examples, axis)
    player, metrics = update_generator(state, discriminator, examples, axis)
    ema_params = update_ema(
      state.ema_params, player.params, state.settings["ema_decay"], state.step
    )
    state = state.replace(
      step=state.step + 1,
      generator=player,
      discriminator=discriminator,
      ema_params=ema_params,
    )
    named = {f"super_resolution/{name}": v for name, v in (seen | metrics).items()}
    return state, named

  return step


def _make_discriminator_update(generator, opponent, optimizer, microbatches):
  """Returns `update(state, examples, axis) -> (player, metrics)`."""
  if opponent is None:
    return lambda state, examples, axis: (state.discriminator, {})
  loss = make_discriminator_loss(generator, opponent)

  def update(state, examples, axis):
    gradients, metrics, _ = mean_gradient(loss, axis, microbatches)(
      state.discriminator.params, examples, state.generator.params, axis
    )
    statistics = metrics.pop("statistics")
    player = apply_gradients(state.discriminator, optimizer, gradients)
    params = opponent.network.after_update(player.params, statistics)
    return player.replace(params=params), metrics | {"d_grad_norm": norm(gradients)}

  return update


def _make_generator_update(generator, loss, optimizer, microbatches):
  """Returns `update(state, discriminator, examples, axis) -> (player, metrics)`."""

  def update(state, discriminator, examples, axis):
    others = state.fixed | {"discriminator": discriminator.params}
    gradients, metrics, code = mean_gradient(loss, axis, microbatches)(
      state.generator.params, examples, others, state.settings, axis
    )

    def scale(updates):
      if code is None:
        return updates
      return with_slower_decoder(updates, state.settings["decoder_rate_factor"])

    player = apply_gradients(state.generator, optimizer, gradients, scale)
    params = generator.after_update(player.params, code, axis)
    return player.replace(params=params), metrics | {"g_grad_norm": norm(gradients)}

  return update
