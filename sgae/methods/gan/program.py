"""Binds the GAN to a config and a shape of images."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

from sgae import randomness
from sgae.devices import backend
from sgae.losses.classification import CLASS_TERMS
from sgae.losses.penalties import PENALTIES
from sgae.losses.sparsity import SPARSITY_PENALTIES
from sgae.methods.gan.conditional import make_labelled
from sgae.methods.gan.discriminator import make_discriminator_update
from sgae.methods.gan.energy import build_energy, energy_settings, regulate
from sgae.methods.gan.generator import make_generator_update
from sgae.methods.gan.networks import (
  build_class_discriminator,
  build_discriminator,
  build_generator,
)
from sgae.methods.gan.noise import make_draw_latents
from sgae.methods.gan.overfitting import (
  build_loss,
  first_numbers,
  make_regulate,
  overfitting_settings,
)
from sgae.methods.gan.presentation import make_presentation
from sgae.methods.gan.starts import STARTS
from sgae.methods.gan.train import (
  DrawLatents,
  GanState,
  init_gan_state,
  make_adversarial_step,
)
from sgae.methods.method import Program, Sampling, Settings
from sgae.methods.optimizers import make_optimizer
from sgae.networks.autoencoder import BRANCHES
from sgae.networks.generator import Generator
from sgae.networks.network import BatchNetwork, Params, layers_within

# On the progress bar: numbers that rounds move, where they do.
SHOWN_IF_MOVED = ("gan/convergence", "gan/augment_probability")


class Players(NamedTuple):
  """Both networks and their optimizers, in the order that `init_gan_state` takes."""

  generator: Generator
  discriminator: BatchNetwork
  generator_optimizer: optax.GradientTransformation
  discriminator_optimizer: optax.GradientTransformation


def build(
  config: Any, image_shape: tuple[int, ...], mean_image: np.ndarray | None = None
) -> Program:
  """Returns the program of `config.gan`.

  Its functions take a state: `generate(state, latents_bz) -> images_bhwc` by the EMA of
  the generator, `latents(state, key, positions_b) -> latents_bz`, and
  `discriminate(state, images_bhwc) -> logits_b`; images float32 in [-1, 1], of
  `discriminate` with `gan.packing` of them in the channels of each. With classes,
  latents are [B, Z + K], see conditional.py, and `discriminate` takes their weights
  [B, K] as well.

  Args:
    config: validated.
    image_shape: (H, W, C).
    mean_image: float32 [H, W, C] in [-1, 1], mean of the training images; None: 0.
  """
  gan = config.gan
  mean = np.zeros(image_shape, np.float32) if mean_image is None else mean_image
  players = Players(
    build_generator(config, mean),
    build_discriminator(config, mean),
    make_optimizer(gan.generator_optimizer, gan.steps * gan.generator_updates),
    make_optimizer(gan.discriminator_optimizer, gan.steps * gan.discriminator_updates),
  )
  penalties = tuple(name for name in PENALTIES if gan.penalties[name])
  draw_latents = make_draw_latents(config)
  settings = _settings(config, penalties)

  def init(
    key: jax.Array,
    settings: Settings = settings,
    inherited: Mapping[str, Params] | None = None,
  ) -> GanState:
    init_key = randomness.stream_key(key, "gan/init")
    balance = 0.0 if gan.loss == "equilibrium" else None
    start = (STARTS.get(gan.discriminator_start), balance, first_numbers(gan))
    return init_gan_state(*players, settings, init_key, key, inherited or {}, *start)

  classes = gan.conditional.classes
  functions = _functions(players, draw_latents, classes)
  shown = (*image_shape[:2], image_shape[2] * gan.packing)

  return Program(
    batch_shape=(max(gan.discriminator_updates, gan.generator_updates), gan.batch_size),
    settings=settings,
    init=init,
    step=_make_step(config, players, penalties, draw_latents, mean),
    shown=("gan/d_loss", "gan/g_loss", "gan/code_l0", *SHOWN_IF_MOVED),
    functions=functions,
    sampling=_sampling(config, players.generator, functions),
    inherits=_inherits(gan),
    exportable={
      "generate": ((gan.latent_dim + classes,),),
      "discriminate": (shown, *([(classes,)] if classes else [])),
    },
    decoder_layers=layers_within(
      players.generator.layers, lambda state: state.ema_params
    ),
  )


def _inherits(gan) -> tuple[str, ...]:
  """Returns the branches that the GAN starts from: an autoencoder's, and a fit's."""
  return (
    *(("decoder", "sparsity") if gan.generator == "sparse" else ("generator",)),
    *{"encoder": ("encoder",), "autoencoder": BRANCHES}.get(
      gan.discriminator_start, ()
    ),
    *(("mixture",) if gan.coder == "mixture" else ()),
  )


def _make_step(
  config: Any,
  players: Players,
  penalties: tuple[str, ...],
  draw_latents: DrawLatents,
  mean_image: np.ndarray,
) -> Callable[..., tuple[GanState, dict[str, jax.Array]]]:
  """Returns the step: the updates of both players, composed to a round."""
  gan = config.gan
  adversarial, presentation = build_loss(gan), make_presentation(gan)
  omega = config.code.penalty if gan.generator == "sparse" else "none"
  labelled = make_labelled(config, build_class_discriminator(config, mean_image.shape))
  return make_adversarial_step(
    make_discriminator_update(
      players.generator,
      players.discriminator,
      players.discriminator_optimizer,
      adversarial,
      penalties,
      config.train.microbatches,
      piecewise_linear=backend.full_float32_products()
      and players.discriminator.piecewise_linear,
      # as one batch they would share statistics
      joined=backend.targets_gpu()
      and gan.discriminator_normalization != "batch"
      and not gan.deviation_group,
      labelled=labelled,
      presentation=presentation,
    ),
    make_generator_update(
      players.generator,
      players.discriminator,
      players.generator_optimizer,
      adversarial,
      SPARSITY_PENALTIES[omega],
      config.train.microbatches,
      build_energy(config, mean_image) if gan.energy.pulling_away else None,
      labelled,
      presentation,
    ),
    draw_latents,
    discriminator_updates=gan.discriminator_updates,
    generator_updates=gan.generator_updates,
    fixed=players.generator.fixed,
    # the numbers of both are never in use together
    regulate=regulate if gan.loss == "equilibrium" else make_regulate(gan),
    presentation=presentation,
  )


def _functions(
  players: Players, draw_latents: DrawLatents, classes: int
) -> dict[str, Callable[..., jax.Array]]:
  """Returns the public functions; `build` says what they take and return."""
  generator, discriminator = players.generator, players.discriminator

  def generate(state, latents_bz):
    return generator.apply(state.ema_params, latents_bz, train=False).images

  def latents(state, key, positions_b):
    del state
    return draw_latents(key, positions_b)

  def discriminate(state, images_bhwc):
    return discriminator.apply(state.discriminator.params, images_bhwc, train=False)[0]

  def discriminate_class(state, images_bhwc, weights_bk):
    return discriminate(state, (images_bhwc, weights_bk))

  return {
    "generate": generate,
    "latents": latents,
    "discriminate": discriminate_class if classes else discriminate,
  }


def _sampling(
  config: Any,
  generator: Generator,
  functions: Mapping[str, Callable[..., jax.Array]],
) -> Sampling:
  """Returns how samples are made; truncated are sparse codes, or without them latents.

  Args:
    config: validated.
    generator: the network.
    functions: the public ones.
  """
  classes = config.gan.conditional.classes
  size = config.gan.latent_dim + classes  # of the noise and the weights of the classes

  def last(state):
    return state.replace(ema_params=state.generator.params)

  draw, generate = functions["latents"], functions["generate"]
  sampling = Sampling((size,), draw, generate, last=last, classes=classes)
  decode = generator.decode
  if decode is None:
    return sampling

  def code_of(state, latents_bz):
    code: Any = generator.apply(state.ema_params, latents_bz, train=False).code
    return code.values

  def images_of(state, codes):
    return decode(state.ema_params, codes)

  signed = config.code.sparsity_map == "none"
  return sampling._replace(code=code_of, decode=images_of, signed=signed)


def _settings(config, penalties) -> dict[str, float]:
  """Returns the numbers that a user sweeps, as `GanState` names them."""
  gan = config.gan
  settings = {f"{name}_weight": gan.penalties[name] for name in penalties}
  settings |= energy_settings(gan) | overfitting_settings(gan)
  settings |= {"ema_decay": gan.ema_decay}
  if gan.conditional.classes and gan.conditional.discriminator in CLASS_TERMS:
    settings["class_weight"] = gan.conditional.weight
  if gan.generator == "sparse":
    settings |= {
      "sparsity_weight": gan.sparsity_weight,
      "rho": config.code.rho,
      "decoder_rate_factor": gan.decoder_rate_factor,
    }
  return settings
