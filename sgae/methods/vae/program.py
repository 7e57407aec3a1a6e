"""Binds the variational autoencoder to a config and a shape of images."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from sgae import randomness
from sgae.methods.method import Program, Sampling, Settings
from sgae.methods.optimizers import make_optimizer
from sgae.methods.player import params_of
from sgae.methods.vae.likelihoods import PIXELS
from sgae.methods.vae.networks import Vae, build_vae
from sgae.methods.vae.train import VaeState, init_vae_state, make_vae_step
from sgae.networks.network import Params, layers_within


def build(
  config: Any, image_shape: tuple[int, ...], mean_image: np.ndarray | None = None
) -> Program:
  """Returns the program of `config.vae`.

  Its functions take a state: `encode(state, images_bhwc) -> latents_bk`, the likeliest
  ones, of images as they are; `decode(state, latents_bk) -> images_bhwc` and
  `generate`, which is the same; `reconstruct(state, images_bhwc) -> images_bhwc`;
  `latents(state, key, positions_b) -> latents_bk` from the prior. Images are float32 in
  [-1, 1], those that come out means of p(x|z).

  Args:
    config: validated.
    image_shape: (H, W, C).
    mean_image: float32 [H, W, C] in [-1, 1], mean of the training images; None: 0.
  """
  fields = config.vae
  mean = np.zeros(image_shape, np.float32) if mean_image is None else mean_image
  vae = build_vae(config, mean)
  optimizer = make_optimizer(fields.optimizer, fields.steps)
  settings = _settings(fields)

  def init(
    key: jax.Array,
    settings: Settings = settings,
    inherited: Mapping[str, Params] | None = None,
  ) -> VaeState:
    del inherited  # it takes nothing over
    init_key = randomness.stream_key(key, "vae/init")
    return init_vae_state(vae, optimizer, settings, init_key, key)

  functions = _functions(vae)
  return Program(
    batch_shape=(fields.batch_size,),
    settings=settings,
    init=init,
    step=make_vae_step(
      vae,
      optimizer,
      PIXELS[fields.pixels],
      beta_warmup=fields.beta_warmup,
      with_free_bits=fields.free_bits > 0,
      microbatches=config.train.microbatches,
    ),
    shown=("vae/elbo", "vae/reconstruction", "vae/kl"),
    functions=functions,
    sampling=Sampling(
      (fields.latent_dim,), functions["latents"], functions["generate"]
    ),
    exportable={
      "encode": (image_shape,),
      "decode": ((fields.latent_dim,),),
      "reconstruct": (image_shape,),
    },
    decoder_layers=layers_within(vae.decoder_layers, params_of),
  )


def _functions(vae: Vae) -> dict[str, Callable[..., jax.Array]]:
  """Returns the public functions; `build` says what they take and return."""

  def encode(state, images_bhwc):
    return vae.posterior.code(vae.encode(state.player.params, images_bhwc))

  def decode(state, latents_bk):
    return vae.likelihood.images(vae.decode(state.player.params, latents_bk))

  def reconstruct(state, images_bhwc):
    return decode(state, encode(state, images_bhwc))

  def latents(state, key, positions_b):
    noise = vae.posterior.noise(key, positions_b, (vae.latent_dim,))
    return vae.posterior.prior(noise, state.settings)

  return {
    "encode": encode,
    "decode": decode,
    "generate": decode,
    "reconstruct": reconstruct,
    "latents": latents,
  }


def _settings(fields) -> dict[str, float]:
  """Returns the numbers that a user sweeps, as `make_vae_step` reads them."""
  settings = {"beta": fields.beta}
  if fields.free_bits:
    settings["free_bits"] = fields.free_bits
  if fields.posterior == "spike_and_slab":
    settings["active_share"] = fields.active_share
    settings["gate_sharpness"] = fields.gate_sharpness
  return settings
