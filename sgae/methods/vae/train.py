"""One update of the variational autoencoder."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import optax
from flax import struct

from sgae import randomness
from sgae.kernels import collectives
from sgae.losses.variational import free_bits
from sgae.methods.gradients import apply_gradients, mean_gradient, norm
from sgae.methods.player import Batch, PlayerState
from sgae.methods.vae.networks import Vae

Metrics = dict[str, jax.Array]


class VaeState(struct.PyTreeNode):
  """State of the `vae` phase.

  Attributes:
    step: int32 scalar, steps done.
    player: encoder, decoder and likelihood.
    settings: float32 scalars that a user sweeps; `make_vae_step` names them.
    key: the run's root key.
  """

  step: jax.Array
  player: PlayerState
  settings: dict[str, jax.Array]
  key: jax.Array


def init_vae_state(
  vae: Vae,
  optimizer: optax.GradientTransformation,
  settings: Mapping[str, float],
  init_key: jax.Array,
  root_key: jax.Array,
) -> VaeState:
  """Returns the state before the first step; `settings` as in the step's factory."""
  params = vae.init(init_key)
  return VaeState(
    step=jnp.int32(0),
    player=PlayerState(params=params, optimizer=optimizer.init(params)),
    settings={name: jnp.float32(value) for name, value in settings.items()},
    key=root_key,
  )


def make_vae_step(
  vae: Vae,
  optimizer: optax.GradientTransformation,
  pixels: Callable[..., jax.Array],
  *,
  beta_warmup: int,
  with_free_bits: bool,
  microbatches: int = 1,
) -> Callable[..., tuple[VaeState, Metrics]]:
  """Binds the step of a variational autoencoder.

  loss = E_q(z|x) -log p(x|z) + beta * KL, with one draw of z for each image. `beta`,
  `free_bits`, and what the posterior reads, come from `state.settings`.

  Args:
    vae: the networks.
    optimizer: from `make_optimizer`.
    pixels: a value of `PIXELS`, which makes of images what the likelihood is of.
    beta_warmup: steps over which the weight of KL rises from 0 to beta; 0: none.
    with_free_bits: whether KL below `free_bits` costs nothing.
    microbatches: see `mean_gradient`; 1 with free bits, which look at the whole batch.

  Returns:
    `step(state, batch, *, axis=None) -> (state, metrics)`, metrics as scalars; `elbo`,
    `reconstruction` (-log p(x|z)) and `kl` in nats per image.
  """

  def loss(params, examples, weight, settings, axis):
    pixels_bhwc, noise = examples
    outputs_bm = vae.encode(params, pixels_bhwc)
    latents_bk = vae.posterior.draw(outputs_bm, noise, settings)
    decoded_bhwc = vae.decode(params, latents_bk)
    nll = jnp.mean(vae.likelihood.nll(params["likelihood"], pixels_bhwc, decoded_bhwc))
    kl_bk = vae.posterior.kl(outputs_bm, settings)
    kl = penalty = jnp.mean(jnp.sum(kl_bk, axis=1))
    if with_free_bits:
      penalty = free_bits(collectives.batch_mean(kl_bk, axis), settings["free_bits"])
    value = nll + weight * penalty
    metrics = {"loss": value, "elbo": -nll - kl, "reconstruction": nll, "kl": kl}
    return value, ({f"vae/{name}": number for name, number in metrics.items()}, None)

  def step(state: VaeState, batch: Batch, *, axis: str | None = None):
    pixels_key, noise_key = (
      randomness.stream_key(state.key, f"vae/{name}", state.step)
      for name in ("pixels", "posterior")
    )
    positions_b, settings = batch["position"], state.settings
    pixels_bhwc = pixels(pixels_key, batch["image"], positions_b)
    noise = vae.posterior.noise(noise_key, positions_b, (vae.latent_dim,))
    risen = jnp.minimum((state.step + 1) / max(beta_warmup, 1), 1.0)
    gradients, metrics, _ = mean_gradient(loss, axis, microbatches)(
      state.player.params,
      (pixels_bhwc, noise),
      settings["beta"] * risen,
      settings,
      axis,
    )
    metrics["vae/grad_norm"] = norm(gradients)
    player = apply_gradients(state.player, optimizer, gradients)
    return state.replace(step=state.step + 1, player=player), metrics

  return step
