"""One update of the discriminator, of its average, and of the generator."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import struct
from jax.nn import logsumexp, sigmoid

from sgae import randomness
from sgae.losses import semi_supervised
from sgae.methods.gradients import apply_gradients, mean_gradient, norm
from sgae.methods.player import Batch, PlayerState, start_players, update_ema
from sgae.methods.recognition.networks import draw_noise
from sgae.networks.network import BatchNetwork, Params
from sgae.networks.noisy_mlp import NoisyMlp

Metrics = dict[str, jax.Array]
# The batches of a step, in their order: those with labels, those that the discriminator
# tells from generated ones, those whose features the generator matches.
LABELLED, UNLABELLED, MATCHED = range(3)
BATCHES = 3


class RecognitionState(struct.PyTreeNode):
  """State of the `recognition` phase.

  Attributes:
    step: int32 scalar, steps done.
    generator, discriminator: the players.
    ema_params: exponential moving average (EMA) of the discriminator's parameters, in
      buffers of its own.
    settings: float32 scalars that a user sweeps; `make_recognition_step` names them.
    key: the run's root key.
  """

  step: jax.Array
  generator: PlayerState
  discriminator: PlayerState
  ema_params: Params
  settings: dict[str, jax.Array]
  key: jax.Array


def init_recognition_state(
  params: Mapping[str, Params],
  optimizers: Mapping[str, optax.GradientTransformation],
  settings: Mapping[str, jax.Array],
  root_key: jax.Array,
) -> RecognitionState:
  """Returns the state before the first step.

  Args:
    params: of `generator` and `discriminator`.
    optimizers: of both.
    settings: as in the step's factory.
    root_key: the run's, kept in the state.
  """
  return RecognitionState(
    step=jnp.int32(0),
    **start_players(params, optimizers),
    # buffers of its own: a state that holds one buffer twice cannot be donated
    ema_params=jax.tree.map(jnp.copy, params["discriminator"]),
    settings=dict(settings),
    key=root_key,
  )


def draw_latents(key: jax.Array, positions_b: jax.Array, dim: int) -> jax.Array:
  """Returns the generator's noise, uniform in [0, 1), float32 [B, dim]."""
  return randomness.uniform(key, positions_b, (dim,))


def make_recognition_step(
  generator: BatchNetwork,
  discriminator: NoisyMlp,
  optimizers: Mapping[str, optax.GradientTransformation],
  latent_dim: int,
) -> Callable[..., tuple[RecognitionState, Metrics]]:
  """Binds the step of recognition.

  The discriminator's loss is the cross-entropy of labelled images +
  unlabelled_weight * that of real against generated ones. Then the generator matches
  the features of the updated discriminator. `unlabelled_weight`, `input_noise`,
  `hidden_noise` and `ema_decay` are read from `state.settings`.

  Args:
    generator, discriminator: the networks.
    optimizers: of both, from `make_optimizer`.
    latent_dim: of the generator's noise.

  Returns:
    `step(state, batch, *, axis=None) -> (state, metrics)`, metrics as scalars; images
    [3, B, H, W, C] and labels [3, B] are those of `BATCHES`.
  """
  update_discriminator, update_generator = _make_updates(
    generator, discriminator, optimizers
  )

  def step(state: RecognitionState, batch: Batch, *, axis: str | None = None):
    def key(name):
      return randomness.stream_key(state.key, f"recognition/{name}", state.step)

    def noise(name):
      widths = discriminator.widths
      return draw_noise(key(name), batch["position"], widths, state.settings)

    def latents(name):
      return draw_latents(key(name), batch["position"], latent_dim)

    trained, metrics = update_discriminator(state, batch, noise, latents, axis)
    state = state.replace(discriminator=trained)
    trained, seen = update_generator(state, batch, noise, latents, axis)
    ema_params = update_ema(
      state.ema_params,
      state.discriminator.params,
      state.settings["ema_decay"],
      state.step,
    )
    state = state.replace(step=state.step + 1, generator=trained, ema_params=ema_params)
    named = {f"recognition/{name}": value for name, value in (metrics | seen).items()}
    return state, named

  return step


def _make_updates(generator, discriminator, optimizers) -> tuple[Callable, Callable]:
  """Binds the update of each player, which returns it with its metrics.

  `noise(name)` and `latents(name)` draw for a use of that name.
  """
  discriminator_loss, generator_loss = make_losses(generator, discriminator)

  def update_discriminator(state, batch, noise, latents, axis):
    images = batch["image"]
    generated, _ = generator.apply(
      state.generator.params, latents("latents"), train=True, axis=axis
    )
    examples = (
      (images[LABELLED], noise("labelled")),
      batch["label"][LABELLED],
      (images[UNLABELLED], noise("unlabelled")),
      (jax.lax.stop_gradient(generated), noise("generated")),
    )
    gradients, metrics, _ = mean_gradient(discriminator_loss, axis)(
      state.discriminator.params, examples, state.settings
    )
    metrics["d_grad_norm"] = norm(gradients)
    optimizer = optimizers["discriminator"]
    return apply_gradients(state.discriminator, optimizer, gradients), metrics

  def update_generator(state, batch, noise, latents, axis):
    examples = (
      latents("latents of the generator"),
      (batch["image"][MATCHED], noise("matched")),
      noise("matching"),
    )
    gradients, metrics, _ = mean_gradient(generator_loss, axis)(
      state.generator.params, examples, state.discriminator.params, axis
    )
    statistics = metrics.pop("statistics")
    metrics["g_grad_norm"] = norm(gradients)
    player = apply_gradients(state.generator, optimizers["generator"], gradients)
    params = generator.after_update(player.params, statistics)
    return player.replace(params=params), metrics

  return update_discriminator, update_generator


def make_losses(
  generator: BatchNetwork, discriminator: NoisyMlp
) -> tuple[Callable[..., tuple], Callable[..., tuple]]:
  """Binds the losses of both players, for `mean_gradient`.

  Returns:
    `discriminator_loss(params, (labelled, labels_b, unlabelled, generated), settings)`,
    each of the images with its noise; and `generator_loss(params, (latents_bz, (images,
    noise), noise of generated ones), discriminator_params, axis)`.
  """
  discriminate = discriminator.network.apply

  def discriminator_loss(params, examples, settings):
    labelled, labels_b, unlabelled, generated = examples
    parts = (labelled, unlabelled, generated)
    # in one pass: its products are quicker than three of a third
    whole = jax.tree.map(lambda *rows: jnp.concatenate(rows), *parts)
    logits, real, fake = jnp.split(discriminate(params, whole)[0], len(parts))
    known = semi_supervised.labelled(logits, labels_b)
    unknown = semi_supervised.unlabelled(real, fake)
    value = known + settings["unlabelled_weight"] * unknown
    metrics = {
      "d_loss": value,
      "labelled_loss": known,
      "unlabelled_loss": unknown,
      "labelled_accuracy": jnp.mean(jnp.argmax(logits, axis=1) == labels_b),
      "p_real": jnp.mean(sigmoid(logsumexp(real, axis=1))),
      "p_generated": jnp.mean(sigmoid(logsumexp(fake, axis=1))),
    }
    return value, (metrics, None)

  def generator_loss(params, examples, discriminator_params: Any, axis):
    latents_bz, real, noise = examples
    generated, statistics = generator.apply(params, latents_bz, train=True, axis=axis)
    _, of_real = discriminate(discriminator_params, real)
    _, of_fake = discriminate(discriminator_params, (generated, noise))
    value = semi_supervised.feature_matching(of_real, of_fake, axis)
    return value, ({"g_loss": value, "statistics": statistics}, None)

  return discriminator_loss, generator_loss
