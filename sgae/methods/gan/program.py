"""Binds the GAN to a config and a shape of images."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from sgae import randomness
from sgae.devices import backend
from sgae.losses.adversarial import ADVERSARIAL_LOSSES
from sgae.losses.penalties import PENALTIES
from sgae.losses.sparsity import SPARSITY_PENALTIES
from sgae.methods.gan.discriminator import make_discriminator_update
from sgae.methods.gan.generator import make_generator_update
from sgae.methods.gan.networks import build_discriminator, build_generator
from sgae.methods.gan.noise import make_draw_latents
from sgae.methods.gan.train import GanState, init_gan_state, make_adversarial_step
from sgae.methods.method import Program, Settings
from sgae.methods.optimizers import make_optimizer
from sgae.networks.network import Params


def build(
  config: Any, image_shape: tuple[int, ...], mean_image: np.ndarray | None = None
) -> Program:
  """Returns the program of `config.gan`.

  Its functions take a state: `generate(state, latents_bz) -> images_bhwc` by the EMA of
  the generator, `latents(state, key, positions_b) -> latents_bz`, and
  `discriminate(state, images_bhwc) -> logits_b`; images float32 in [-1, 1].

  Args:
    config: validated.
    image_shape: (H, W, C).
    mean_image: float32 [H, W, C] in [-1, 1], mean of the training images; None: 0.
  """
  gan = config.gan
  mean = np.zeros(image_shape, np.float32) if mean_image is None else mean_image
  generator = build_generator(config, mean)
  discriminator = build_discriminator(config, image_shape)
  generator_optimizer = make_optimizer(
    gan.generator_optimizer, gan.steps * gan.generator_updates
  )
  discriminator_optimizer = make_optimizer(
    gan.discriminator_optimizer, gan.steps * gan.discriminator_updates
  )
  adversarial = ADVERSARIAL_LOSSES[gan.loss]
  penalties = tuple(name for name in PENALTIES if gan.penalties[name])
  draw_latents = make_draw_latents(config)
  settings = _settings(config, penalties)
  penalty = config.code.penalty if gan.generator == "sparse" else "none"

  def init(
    key: jax.Array,
    settings: Settings = settings,
    inherited: Mapping[str, Params] | None = None,
  ) -> GanState:
    return init_gan_state(
      generator,
      discriminator,
      generator_optimizer,
      discriminator_optimizer,
      settings,
      randomness.stream_key(key, "gan/init"),
      key,
      inherited or {},
    )

  step = make_adversarial_step(
    make_discriminator_update(
      generator,
      discriminator,
      discriminator_optimizer,
      adversarial,
      penalties,
      config.train.microbatches,
      piecewise_linear=backend.full_float32_products()
      and discriminator.piecewise_linear,
      joined=backend.targets_gpu() and gan.discriminator_normalization != "batch",
    ),
    make_generator_update(
      generator,
      discriminator,
      generator_optimizer,
      adversarial,
      SPARSITY_PENALTIES[penalty],
      config.train.microbatches,
    ),
    draw_latents,
    discriminator_updates=gan.discriminator_updates,
    generator_updates=gan.generator_updates,
  )

  def generate(state, latents_bz):
    return generator.apply(state.ema_params, latents_bz, train=False).images

  def latents(state, key, positions_b):
    del state
    return draw_latents(key, positions_b)

  def discriminate(state, images_bhwc):
    return discriminator.apply(state.discriminator.params, images_bhwc, train=False)[0]

  def sample(state, key, positions_b):
    return generate(state, draw_latents(key, positions_b))

  updates = max(gan.discriminator_updates, gan.generator_updates)
  return Program(
    batch_shape=(updates, gan.batch_size),
    settings=settings,
    init=init,
    step=step,
    shown=("gan/d_loss", "gan/g_loss", "gan/code_l0"),
    functions={
      "generate": generate,
      "latents": latents,
      "discriminate": discriminate,
    },
    sample=sample,
  )


def _settings(config, penalties) -> dict[str, float]:
  """Returns the numbers that a user sweeps, as `GanState` names them."""
  gan = config.gan
  settings = {f"{name}_weight": gan.penalties[name] for name in penalties}
  settings["ema_decay"] = gan.ema_decay
  if gan.generator == "sparse":
    settings |= {
      "sparsity_weight": gan.sparsity_weight,
      "rho": config.code.rho,
      "decoder_rate_factor": gan.decoder_rate_factor,
    }
  return settings
