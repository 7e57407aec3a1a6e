"""Binds recognition to a config and a shape of images."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sgae import randomness
from sgae.methods.method import Program, Sampling, Settings
from sgae.methods.optimizers import make_optimizer
from sgae.methods.recognition.networks import build_discriminator, build_generator
from sgae.methods.recognition.start import started
from sgae.methods.recognition.train import (
  BATCHES,
  RecognitionState,
  draw_latents,
  init_recognition_state,
  make_recognition_step,
)
from sgae.networks.network import BatchNetwork, Params
from sgae.networks.noisy_mlp import NoisyMlp

SETTINGS = ("unlabelled_weight", "input_noise", "hidden_noise", "ema_decay")


def build(
  config: Any, image_shape: tuple[int, ...], mean_image: np.ndarray | None = None
) -> Program:
  """Returns the program of `config.recognition`.

  Its functions take a state: `logits(state, images_bhwc) -> float32 [B, K]` and
  `features(state, images_bhwc) -> float32 [B, F]`, by the average of the
  discriminator's weights; `latents(state, key, positions_b) -> float32 [B, Z]` and
  `generate(state, latents_bz) -> images_bhwc`; images float32 in [-1, 1].

  Args:
    config: validated.
    image_shape: (H, W, C).
    mean_image: float32 [H, W, C] in [-1, 1], mean of the training images; None: 0.
  """
  fields = config.recognition
  mean = np.zeros(image_shape, np.float32) if mean_image is None else mean_image
  generator = build_generator(config, image_shape)
  discriminator = build_discriminator(config, mean)
  optimizers = {
    name: make_optimizer(fields[f"{name}_optimizer"], fields.steps)
    for name in ("generator", "discriminator")
  }
  settings = {name: fields[name] for name in SETTINGS}
  takes_encoder = fields.discriminator_start == "encoder"

  def init(
    key: jax.Array,
    settings: Settings = settings,
    inherited: Mapping[str, Params] | None = None,
  ) -> RecognitionState:
    keys = jax.random.split(randomness.stream_key(key, "recognition/init"))
    numbers = {name: jnp.float32(value) for name, value in settings.items()}
    branches = dict(inherited or {})
    if not takes_encoder:
      branches.pop("encoder", None)
    fresh = discriminator.network.init(keys[1])
    params = {
      "generator": generator.init(keys[0]),
      "discriminator": started(discriminator, fresh, branches, key, numbers),
    }
    return init_recognition_state(params, optimizers, numbers, key)

  functions = _functions(generator, discriminator, fields.latent_dim)
  return Program(
    batch_shape=(BATCHES, fields.batch_size),
    settings=settings,
    init=init,
    step=make_recognition_step(generator, discriminator, optimizers, fields.latent_dim),
    shown=("recognition/labelled_loss", "recognition/unlabelled_loss"),
    functions=functions,
    sampling=Sampling(
      (fields.latent_dim,), functions["latents"], functions["generate"]
    ),
    exportable={
      "logits": (image_shape,),
      "features": (image_shape,),
      "generate": ((fields.latent_dim,),),
    },
    inherits=("encoder",) if takes_encoder else (),
  )


def _functions(
  generator: BatchNetwork, discriminator: NoisyMlp, latent_dim: int
) -> dict[str, Callable[..., jax.Array]]:
  """Returns the public functions; `build` says what they take and return."""

  def logits(state, images_bhwc):
    return discriminator.network.apply(state.ema_params, (images_bhwc, None))[0]

  def features(state, images_bhwc):
    return discriminator.network.apply(state.ema_params, (images_bhwc, None))[1]

  def latents(state, key, positions_b):
    del state
    return draw_latents(key, positions_b, latent_dim)

  def generate(state, latents_bz):
    return generator.apply(state.generator.params, latents_bz, train=False)[0]

  public = (logits, features, latents, generate)
  return {function.__name__: function for function in public}
