"""One adversarial round: D's updates, then G's; each of G's also moves its EMA."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import struct

from sgae import randomness
from sgae.methods.gan.presentation import AS_THEY_ARE, Presentation
from sgae.methods.inheritance import replace_branches
from sgae.methods.player import Batch, PlayerState, split_fixed, update_ema
from sgae.networks.generator import Generator
from sgae.networks.network import BatchNetwork, Params

DrawLatents = Callable[..., jax.Array]


class GanState(struct.PyTreeNode):
  """State of the `gan` phase.

  Attributes:
    step: int32 scalar, adversarial rounds done.
    generator, discriminator: the players.
    ema_params: exponential moving average (EMA) of the generator's parameters, in
      buffers of its own.
    settings: float32 scalars that a user sweeps: `<penalty>_weight` for each penalty in
      use, `ema_decay`, for a sparse generator `sparsity_weight`, `rho` and
      `decoder_rate_factor`, those of `energy_settings` and `overfitting_settings`, and
      `class_weight`.
    key: the run's root key.
    balance: float32 scalar, k of the loss 'equilibrium'; None: another loss, and
      nothing in checkpoints.
    moving: float32 scalars of `first_numbers` in overfitting.py; None: there are none.
  """

  step: jax.Array
  generator: PlayerState
  discriminator: PlayerState
  ema_params: Params
  settings: dict[str, jax.Array]
  key: jax.Array
  balance: jax.Array | None = None
  moving: dict[str, jax.Array] | None = None

  @property
  def numbers(self) -> dict[str, jax.Array]:
    """Scalars that the losses read: the settings, and those that rounds move."""
    balance = {} if self.balance is None else {"balance": self.balance}
    return self.settings | balance | (self.moving or {})


def init_gan_state(
  generator: Generator,
  discriminator: BatchNetwork,
  generator_optimizer: optax.GradientTransformation,
  discriminator_optimizer: optax.GradientTransformation,
  settings: Mapping[str, float],
  init_key: jax.Array,
  root_key: jax.Array,
  inherited: Mapping[str, Params],
  start_discriminator: Callable[[Params, Mapping[str, Params]], Params] | None = None,
  balance: float | None = None,
  moving: Mapping[str, float] | None = None,
) -> GanState:
  """Returns the state before the first round.

  Args:
    generator, discriminator: the networks.
    generator_optimizer, discriminator_optimizer: from `make_optimizer`.
    settings: numbers by name; see `GanState`.
    init_key: for the weights.
    root_key: the run's, kept in the state.
    inherited: trained branches that replace those of the fresh generator, or
      'generator', which replaces it as a whole; and what the discriminator starts from.
    start_discriminator: `(fresh params, inherited) -> params`; None: it starts fresh.
    balance, moving: see `GanState`.
  """
  generator_key, discriminator_key = jax.random.split(init_key)
  fresh = {"generator": replace_branches(generator.init(generator_key), inherited)}
  generator_params = replace_branches(fresh, inherited)["generator"]
  discriminator_params = discriminator.init(discriminator_key)
  if start_discriminator is not None and "encoder" in inherited:
    discriminator_params = start_discriminator(discriminator_params, inherited)
  trained, _ = split_fixed(generator_params, generator.fixed)
  return GanState(
    step=jnp.int32(0),
    generator=PlayerState(
      params=generator_params, optimizer=generator_optimizer.init(trained)
    ),
    discriminator=PlayerState(
      params=discriminator_params,
      optimizer=discriminator_optimizer.init(discriminator_params),
    ),
    # buffers of its own: a state that holds one buffer twice cannot be donated
    ema_params=jax.tree.map(jnp.copy, generator_params),
    settings={name: jnp.float32(value) for name, value in settings.items()},
    key=root_key,
    balance=None if balance is None else jnp.float32(balance),
    moving=None if moving is None else jax.tree.map(jnp.float32, dict(moving)),
  )


def make_adversarial_step(
  update_discriminator: Callable[..., tuple],
  update_generator: Callable[..., tuple],
  draw_latents: DrawLatents,
  *,
  discriminator_updates: int,
  generator_updates: int,
  fixed: tuple[str, ...] = (),
  regulate: Callable[..., tuple[GanState, dict[str, jax.Array]]] | None = None,
  presentation: Presentation = AS_THEY_ARE,
) -> Callable[..., tuple[GanState, dict[str, jax.Array]]]:
  """Composes the round; update i of each player takes batch i of the round.

  Args:
    update_discriminator: from `make_discriminator_update`.
    update_generator: from `make_generator_update`.
    draw_latents: `(key, positions_b, labels_b) -> latents_bz`.
    discriminator_updates, generator_updates: updates of each player in a round.
    fixed: branches of the generator's parameters that are not trained.
    regulate: `(state, metrics) -> (state, metrics)`, which ends each round.
    presentation: which draws random numbers for each update.

  Returns:
    `step(state, batch, *, axis=None) -> (state, metrics)`, where batch["image"] is
    [max(updates), B, H, W, C], batch["label"], which classes alone need, int32
    [max(updates), B], and metrics are means over the round's updates.
  """

  def step(state: GanState, batch: Batch, *, axis: str | None = None):
    discriminator, discriminator_metrics = _train_discriminator(
      update_discriminator,
      draw_latents,
      discriminator_updates,
      state,
      batch,
      axis,
      presentation,
    )
    generator, ema_params, generator_metrics = _train_generator(
      update_generator,
      draw_latents,
      generator_updates,
      state.replace(discriminator=discriminator),
      batch,
      axis,
      fixed,
      presentation,
    )
    new_state = state.replace(
      step=state.step + 1,
      generator=generator,
      discriminator=discriminator,
      ema_params=ema_params,
    )
    metrics = discriminator_metrics | generator_metrics
    return (new_state, metrics) if regulate is None else regulate(new_state, metrics)

  return step


def _train_discriminator(
  update: Callable[..., tuple],
  draw_latents: DrawLatents,
  updates: int,
  state: GanState,
  batch: Batch,
  axis: str | None,
  presentation: Presentation,
) -> tuple[PlayerState, dict[str, jax.Array]]:
  """Returns the discriminator after its updates of a round, and their mean metrics."""

  def update_once(player, numbered_examples):
    i, images_bhwc, labels_b = numbered_examples
    key = _key_of_update(state, "discriminator", updates, i)
    latents_key, mix_key = (randomness.fold_in(key, number) for number in (0, 1))
    return update(
      player,
      state.generator.params,
      images_bhwc,
      draw_latents(latents_key, batch["position"], labels_b),
      batch["position"],
      mix_key,
      state.numbers,
      axis,
      presentation.draw(
        _key_of_update(state, "discriminator/shown", updates, i),
        batch["position"],
        "discriminator",
      ),
    )

  return _repeat(update_once, state.discriminator, batch, updates)


def _train_generator(
  update: Callable[..., tuple],
  draw_latents: DrawLatents,
  updates: int,
  state: GanState,
  batch: Batch,
  axis: str | None,
  fixed: tuple[str, ...],
  presentation: Presentation,
) -> tuple[PlayerState, Params, dict[str, jax.Array]]:
  """Returns the generator after its updates of a round, its EMA and mean metrics."""

  def update_once(carry, numbered_examples):
    player, ema_params = carry
    i, images_bhwc, labels_b = numbered_examples
    key = _key_of_update(state, "generator", updates, i)
    player, metrics = update(
      player,
      state.discriminator.params,
      images_bhwc,
      draw_latents(key, batch["position"], labels_b),
      state.numbers,
      axis,
      presentation.draw(
        _key_of_update(state, "generator/shown", updates, i),
        batch["position"],
        "generator",
      ),
    )
    done = state.step * updates + i
    decay = state.settings["ema_decay"]
    ema = update_ema(ema_params, player.params, decay, done, fixed)
    return (player, ema), metrics

  start = (state.generator, state.ema_params)
  (player, ema_params), metrics = _repeat(update_once, start, batch, updates)
  return player, ema_params, metrics


def _key_of_update(state: GanState, name: str, updates: int, i: jax.Array):
  """Returns the random key of update i of this round, of `updates` in each."""
  return randomness.stream_key(state.key, name, state.step * updates + i)


def _repeat(update, carry: Any, batch: Batch, times: int) -> tuple[Any, dict]:
  """Applies `update` to the first `times` batches; returns carry and mean metrics."""
  examples = (batch["image"], batch.get("label"))
  examples = jax.tree.map(lambda leaf: leaf[:times], examples)
  carry, metrics = jax.lax.scan(update, carry, (jnp.arange(times), *examples))
  return carry, jax.tree.map(lambda values: values.mean(axis=0), metrics)
