"""One update of encoder, decoder and discriminator, and of the decoder's average."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import struct

from sgae import randomness
from sgae.methods.gradients import apply_gradients, mean_gradient, norm
from sgae.methods.inheritance import replace_branches
from sgae.methods.player import Batch, PlayerState, start_players, update_ema
from sgae.methods.vae.networks import Vae
from sgae.methods.vae.train import VaeState
from sgae.methods.vae_gan.losses import Losses
from sgae.networks.network import Network, Params

Metrics = dict[str, jax.Array]
PLAYERS = ("encoder", "decoder", "discriminator")


class VaeGanState(struct.PyTreeNode):
  """State of the `vae_gan` phase.

  Attributes:
    step: int32 scalar, steps done.
    encoder, decoder, discriminator: the players; the decoder's parameters have the
      branches `decoder` and `likelihood`.
    ema_params: exponential moving average (EMA) of the decoder's parameters, in buffers
      of its own.
    settings: float32 scalars that a user sweeps; `make_vae_gan_step` names them.
    key: the run's root key.
  """

  step: jax.Array
  encoder: PlayerState
  decoder: PlayerState
  discriminator: PlayerState
  ema_params: Params
  settings: dict[str, jax.Array]
  key: jax.Array


def init_vae_gan_state(
  vae: Vae,
  discriminator: Network,
  optimizers: Mapping[str, optax.GradientTransformation],
  settings: Mapping[str, float],
  init_key: jax.Array,
  root_key: jax.Array,
  inherited: Mapping[str, Params],
) -> VaeGanState:
  """Returns the state before the first step.

  Args:
    vae, discriminator: the networks.
    optimizers: of each player.
    settings: as in the step's factory.
    init_key: for the weights.
    root_key: the run's, kept in the state.
    inherited: trained branches of the variational autoencoder.
  """
  vae_key, discriminator_key = jax.random.split(init_key)
  whole = replace_branches(vae.init(vae_key), inherited)
  params = {
    "encoder": whole["encoder"],
    "decoder": {name: whole[name] for name in ("decoder", "likelihood")},
    "discriminator": discriminator.init(discriminator_key),
  }
  return VaeGanState(
    step=jnp.int32(0),
    **start_players(params, optimizers),
    # buffers of its own: a state that holds one buffer twice cannot be donated
    ema_params=jax.tree.map(jnp.copy, params["decoder"]),
    settings={name: jnp.float32(value) for name, value in settings.items()},
    key=root_key,
  )


def as_vae(state: VaeGanState) -> VaeState:
  """Returns the state of a variational autoencoder: encoder, and the decoder's EMA."""
  params = {"encoder": state.encoder.params, **state.ema_params}
  player = PlayerState(params=params, optimizer=())
  return VaeState(
    step=state.step, player=player, settings=state.settings, key=state.key
  )


def balance(
  real: jax.Array, fake: jax.Array, settings: Mapping[str, jax.Array]
) -> dict[str, jax.Array]:
  """Says which players are updated in a step, a bool scalar each.

  Args:
    real, fake: the discriminator's costs of real and of generated images.
    settings: with `least_cost` and `most_cost`, which see in config.py.
  """
  won = jnp.minimum(real, fake) < settings["least_cost"]
  lost = jnp.maximum(real, fake) > settings["most_cost"]
  return {"discriminator": ~won | lost, "decoder": ~lost | won}


def make_vae_gan_step(
  vae: Vae,
  losses: Losses,
  optimizers: Mapping[str, optax.GradientTransformation],
  *,
  microbatches: int = 1,
) -> Callable[..., tuple[VaeGanState, Metrics]]:
  """Binds the step of VAE-GAN.

  All gradients are of the players as they are before the step. `beta`,
  `reconstruction_weight`, `least_cost`, `most_cost` and `ema_decay` are read from
  `state.settings`.

  Args:
    vae: encoder and decoder.
    losses: from `make_losses`.
    optimizers: of each player, from `make_optimizer`.
    microbatches: see `mean_gradient`.

  Returns:
    `step(state, batch, *, axis=None) -> (state, metrics)`, metrics as scalars: those of
    `Losses`, whether discriminator and decoder were updated (`discriminator_updated`,
    `decoder_updated`, 0 or 1) and each player's `grad_norm`. `pixel_nll` is
    -log p(x|z), nats per image; for 'bernoulli' its mean over black and white pixels.
  """

  def step(state: VaeGanState, batch: Batch, *, axis: str | None = None):
    key = randomness.stream_key(state.key, "vae_gan/noise", state.step)
    posterior, prior = (
      vae.posterior.noise(
        randomness.fold_in(key, i), batch["position"], (vae.latent_dim,)
      )
      for i in (0, 1)
    )
    latents_bk = vae.posterior.prior(prior, state.settings)
    examples = (batch["image"], posterior, latents_bk)
    params = {name: getattr(state, name).params for name in PLAYERS}
    gradients: dict[str, Params] = {}
    metrics: Metrics = {}
    for name in PLAYERS:
      others = {other: params[other] for other in PLAYERS if other != name}
      compute = mean_gradient(getattr(losses, name), axis, microbatches)
      gradients[name], seen, _ = compute(params[name], examples, others, state.settings)
      metrics |= seen | {f"{name}_grad_norm": norm(gradients[name])}
    updated = balance(metrics["cost_real"], metrics["cost_fake"], state.settings)
    metrics |= {f"{name}_updated": flag + 0.0 for name, flag in updated.items()}
    players = {}
    for name in PLAYERS:
      old = getattr(state, name)
      new = apply_gradients(old, optimizers[name], gradients[name])
      players[name] = _chosen(updated[name], new, old) if name in updated else new
    ema_params = update_ema(
      state.ema_params,
      players["decoder"].params,
      state.settings["ema_decay"],
      state.step,
    )
    state = state.replace(step=state.step + 1, ema_params=ema_params, **players)
    return state, {f"vae_gan/{name}": value for name, value in metrics.items()}

  return step


def _chosen(flag: jax.Array, new: Any, old: Any) -> Any:
  return jax.tree.map(lambda a, b: jnp.where(flag, a, b), new, old)
