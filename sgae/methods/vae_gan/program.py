"""Binds VAE-GAN to a config and a shape of images."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from sgae import randomness
from sgae.methods.method import Program, Sampling, Settings
from sgae.methods.optimizers import make_optimizer
from sgae.methods.vae import program as autoencoder
from sgae.methods.vae.networks import build_vae
from sgae.methods.vae_gan.discriminator import build_discriminator
from sgae.methods.vae_gan.losses import make_losses
from sgae.methods.vae_gan.train import (
  PLAYERS,
  VaeGanState,
  as_vae,
  init_vae_gan_state,
  make_vae_gan_step,
)
from sgae.networks.network import Network, Params, layers_within

SETTINGS = ("beta", "reconstruction_weight", "least_cost", "most_cost", "ema_decay")


def build(
  config: Any, image_shape: tuple[int, ...], mean_image: np.ndarray | None = None
) -> Program:
  """Returns the program of `config.vae_gan`.

  Its functions take a state: those of the variational autoencoder (`encode`, `decode`,
  `generate`, `reconstruct`, `latents`), with the EMA of the decoder, and the
  discriminator's, see `_functions`; images float32 in [-1, 1].

  Args:
    config: validated.
    image_shape: (H, W, C).
    mean_image: float32 [H, W, C] in [-1, 1], mean of the training images; None: 0.
  """
  fields = config.vae_gan
  mean = np.zeros(image_shape, np.float32) if mean_image is None else mean_image
  vae, discriminator = build_vae(config, mean), build_discriminator(config, mean)
  optimizers = {
    name: make_optimizer(
      fields.discriminator_optimizer
      if name == "discriminator"
      else fields.autoencoder_optimizer,
      fields.steps,
    )
    for name in PLAYERS
  }
  settings = {name: fields[name] for name in SETTINGS}
  of_vae = autoencoder.build(config, image_shape, mean)

  def init(
    key: jax.Array,
    settings: Settings = settings,
    inherited: Mapping[str, Params] | None = None,
  ) -> VaeGanState:
    init_key = randomness.stream_key(key, "vae_gan/init")
    return init_vae_gan_state(
      vae, discriminator, optimizers, settings, init_key, key, inherited or {}
    )

  functions = {name: _seen_as_vae(f) for name, f in of_vae.functions.items()}
  image = (image_shape,)
  return Program(
    batch_shape=(fields.batch_size,),
    settings=settings,
    init=init,
    step=make_vae_gan_step(
      vae,
      make_losses(vae, discriminator),
      optimizers,
      microbatches=config.train.microbatches,
    ),
    shown=("vae_gan/d_loss", "vae_gan/feature_error", "vae_gan/kl"),
    functions=functions | _functions(discriminator),
    sampling=Sampling(
      (vae.latent_dim,),
      functions["latents"],
      functions["generate"],
      last=lambda state: state.replace(ema_params=state.decoder.params),
    ),
    exportable={**of_vae.exportable, "discriminate": image, "features": image},
    inherits=("encoder", "decoder", "likelihood"),
    decoder_layers=layers_within(of_vae.decoder_layers, as_vae),
  )


def _functions(discriminator: Network) -> dict[str, Callable[..., jax.Array]]:
  """Returns the functions of the discriminator.

  `discriminate(state, images_bhwc) -> logits_b` and `features(state, images_bhwc) ->
  float32 [B, F]`, which these are linear in.
  """

  def discriminate(state, images_bhwc):
    return discriminator.apply(state.discriminator.params, images_bhwc)[0]

  def features(state, images_bhwc):
    return discriminator.apply(state.discriminator.params, images_bhwc)[1]

  return {"discriminate": discriminate, "features": features}


def _seen_as_vae(function: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
  return lambda state, *arguments: function(as_vae(state), *arguments)
