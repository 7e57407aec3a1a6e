"""One update of both generators, then of both discriminators."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import struct

from sgae import randomness
from sgae.methods.gradients import apply_gradients, mean_gradient, norm
from sgae.methods.player import Batch, PlayerState, start_players, update_ema
from sgae.methods.translation.history import exchanged
from sgae.methods.translation.losses import Losses
from sgae.methods.translation.networks import SIDES, Translators
from sgae.networks.network import BatchNetwork, Params

Metrics = dict[str, jax.Array]


class TranslationState(struct.PyTreeNode):
  """State of the `translation` phase.

  Attributes:
    step: int32 scalar, steps done.
    generator, discriminator: the players, each with the networks of both directions, or
      sides, stacked.
    ema_params: exponential moving average (EMA) of the generators' parameters, in
      buffers of its own.
    history: earlier translated images of each side, [2, N, H, W, C].
    settings: float32 scalars that a user sweeps; `make_translation_step` names them.
    key: the run's root key.
    fixed: parameters that are not trained: of the `classifier` whose classes are kept,
      if they are.
  """

  step: jax.Array
  generator: PlayerState
  discriminator: PlayerState
  ema_params: Params
  history: jax.Array
  settings: dict[str, jax.Array]
  key: jax.Array
  fixed: dict[str, Params] | None = None


def init_translation_state(
  params: Mapping[str, Params],
  fixed: Mapping[str, Params],
  optimizers: Mapping[str, optax.GradientTransformation],
  history_shape: tuple[int, ...],
  settings: Mapping[str, Any],
  root_key: jax.Array,
) -> TranslationState:
  """Returns the state before the first step.

  Args:
    params: of `generator` and `discriminator`.
    fixed: as in the state.
    optimizers: of both.
    history_shape: (N, H, W, C) of the history of each side.
    settings: as in the step's factory.
    root_key: the run's, kept in the state.
  """
  return TranslationState(
    step=jnp.int32(0),
    **start_players(params, optimizers),
    # buffers of its own: a state that holds one buffer twice cannot be donated
    ema_params=jax.tree.map(jnp.copy, params["generator"]),
    history=jnp.zeros((len(SIDES), *history_shape)),
    fixed=jax.tree.map(jnp.copy, dict(fixed)) if fixed else None,
    settings={name: jnp.float32(value) for name, value in settings.items()},
    key=root_key,
  )


def make_translation_step(
  translators: Translators,
  discriminator: BatchNetwork,
  losses: Losses,
  optimizers: Mapping[str, optax.GradientTransformation],
  batch_size: int,
  *,
  adversarial: bool,
  microbatches: int = 1,
) -> Callable[..., tuple[TranslationState, Metrics]]:
  """Binds the step of translation.

  The generators are updated against the discriminators as they are; these then see
  what was translated before that, exchanged in part for what the history holds. The
  weights of the terms, `rho` and `ema_decay` are read from `state.settings`.

  Args:
    translators: the generators.
    discriminator: the network of each discriminator.
    losses: from `make_losses`.
    optimizers: of both players, from `make_optimizer`.
    batch_size: images of each side in a step, over all devices.
    adversarial: whether there is an adversarial term; the discriminators stay as they
      are without one.
    microbatches: see `mean_gradient`.

  Returns:
    `step(state, batch, *, axis=None) -> (state, metrics)`, metrics as scalars, each
    term's the mean over both directions.
  """

  update_discriminators = _make_discriminator_update(
    discriminator, losses, optimizers["discriminator"], batch_size, microbatches
  )

  def step(state: TranslationState, batch: Batch, *, axis: str | None = None):
    images = (batch["image"], batch["second_image"])
    others = (state.fixed or {}) | {"discriminator": state.discriminator.params}
    gradients, metrics, (fakes, code) = mean_gradient(
      losses.generator, axis, microbatches
    )(state.generator.params, images, others, state.settings, axis)
    metrics["g_grad_norm"] = norm(gradients)
    generator = apply_gradients(state.generator, optimizers["generator"], gradients)
    params = translators.after_update(generator.params, code, axis)
    ema_params = update_ema(
      state.ema_params, params, state.settings["ema_decay"], state.step
    )
    new = state.replace(
      step=state.step + 1,
      generator=generator.replace(params=params),
      ema_params=ema_params,
    )
    if adversarial:
      discriminator, history, seen = update_discriminators(
        state, images, fakes, batch["position"], axis
      )
      new = new.replace(discriminator=discriminator, history=history)
      metrics |= seen
    return new, {f"translation/{name}": value for name, value in metrics.items()}

  return step


def _make_discriminator_update(
  discriminator: BatchNetwork,
  losses: Losses,
  optimizer: optax.GradientTransformation,
  batch_size: int,
  microbatches: int,
) -> Callable[..., tuple[PlayerState, jax.Array, Metrics]]:
  """Binds the discriminators' update; arguments as for `make_translation_step`.

  Returns:
    `update(state, images, fakes, positions_b, axis) -> (player, history, metrics)`;
    images and fakes are those of both sides.
  """

  def exchange(state, fakes, positions_b, axis):
    size = state.history.shape[1]
    if not size:
      return state.history, fakes
    seen = jnp.minimum(state.step, size) * batch_size  # as good as all, and no overflow
    pairs = []
    for side, history, images in zip(SIDES, state.history, fakes, strict=True):
      name = f"translation/history {side}"
      key = randomness.stream_key(state.key, name, state.step)
      pairs.append(exchanged(history, images, seen, key, positions_b, axis))
    histories, shown = zip(*pairs, strict=True)
    return jnp.stack(histories), shown

  def update(state, images, fakes, positions_b, axis):
    history, shown = exchange(state, fakes, positions_b, axis)
    player = state.discriminator
    gradients, metrics, _ = mean_gradient(losses.discriminator, axis, microbatches)(
      player.params, (images, shown), axis
    )
    statistics = metrics.pop("statistics")
    metrics["d_grad_norm"] = norm(gradients)
    player = apply_gradients(player, optimizer, gradients)
    params = jax.vmap(discriminator.after_update)(player.params, statistics)
    return player.replace(params=params), history, metrics

  return update
