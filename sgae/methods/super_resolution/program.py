"""Binds super-resolution to a config and a shape of images."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from sgae import randomness
from sgae.losses.adversarial import ADVERSARIAL_LOSSES
from sgae.losses.sparsity import SPARSITY_PENALTIES
from sgae.methods.classifier.program import build_network
from sgae.methods.inheritance import replace_branches
from sgae.methods.method import Program, Settings
from sgae.methods.optimizers import make_optimizer
from sgae.methods.sparse_autoencoder.networks import build_autoencoder
from sgae.methods.super_resolution.losses import Features, Opponent
from sgae.methods.super_resolution.networks import (
  Generator,
  build_discriminator,
  build_generator,
  downscale,
  small_shape,
)
from sgae.methods.super_resolution.train import (
  SuperResolutionState,
  init_super_resolution_state,
  make_super_resolution_step,
)
from sgae.networks.autoencoder import BRANCHES, Autoencoder
from sgae.networks.classifier import FEATURES, Classifier
from sgae.networks.network import Params

PLAYERS = ("generator", "discriminator")
# Numbers that the step reads: the weights of terms, and those of a code.
WEIGHTS = ("pixel_weight", "adversarial_weight", "feature_weight")
OF_CODE = ("sparsity_weight", "decoder_rate_factor")


def build(
  config: Any, image_shape: tuple[int, ...], mean_image: np.ndarray | None = None
) -> Program:
  """Returns the program of `config.super_resolution`.

  Its functions take a state: `upscale(state, small_bhwc) -> images_bhwc`, clipped, by
  the EMA of the generator; `downscale(state, images_bhwc) -> small_bhwc`, of 256
  levels; with an adversarial loss `discriminate(state, images_bhwc) -> logits_b`;
  images float32 in [-1, 1].

  Args:
    config: validated.
    image_shape: (H, W, C), of the large images.
    mean_image: float32 [H, W, C] in [-1, 1], mean of the training images; None: 0.
  """
  fields = config.super_resolution
  mean = np.zeros(image_shape, np.float32) if mean_image is None else mean_image
  generator, opponent = build_generator(config, mean), _opponent(config, image_shape)
  settings, transferred = settings_of(config), _transferred(fields)
  optimizers = {
    name: make_optimizer(fields[f"{name}_optimizer"], fields.steps) for name in PLAYERS
  }

  def init(
    key: jax.Array,
    settings: Settings = settings,
    inherited: Mapping[str, Params] | None = None,
  ) -> SuperResolutionState:
    keys = jax.random.split(randomness.stream_key(key, "super_resolution/init"), 3)
    taken = inherited or {}
    own = {name: taken[name] for name in transferred if name in taken}
    params = {
      "generator": replace_branches(generator.init(keys[0]), own),
      "discriminator": {} if opponent is None else opponent.network.init(keys[1]),
    }
    networks = _fixed_networks(config, mean)
    fixed = {
      name: replace_branches(network.init(randomness.fold_in(keys[2], number)), taken)
      for number, (name, network) in enumerate(networks.items())
    }
    return init_super_resolution_state(params, fixed, optimizers, settings, key)

  return Program(
    batch_shape=(fields.batch_size,),
    settings=settings,
    init=init,
    step=make_super_resolution_step(
      generator,
      opponent,
      _features(config, mean),
      SPARSITY_PENALTIES[config.code.penalty if transferred else "none"],
      optimizers,
      fields.factor,
      microbatches=config.train.microbatches,
    ),
    shown=("super_resolution/pixel_error", "super_resolution/d_loss"),
    functions=_functions(generator, opponent, fields.factor),
    exportable={
      "upscale": (small_shape(image_shape, fields.factor),),
      "downscale": (image_shape,),
      **({} if opponent is None else {"discriminate": (image_shape,)}),
    },
    inherits=_inherits(fields),
  )


def _inherits(fields: Any) -> tuple[str, ...]:
  """Returns the branches that are taken from earlier phases."""
  branches = BRANCHES if fields.generator == "sparse" else ()
  return (*branches, *(FEATURES if fields.feature_weight else ()))


def _transferred(fields: Any) -> tuple[str, ...]:
  """Returns the branches of an autoencoder that the generator starts from."""
  return ("sparsity", "decoder") if fields.generator == "sparse" else ()


def settings_of(config: Any) -> dict[str, float]:
  """Returns the numbers that the step reads: those of the terms in use."""
  fields = config.super_resolution
  names = [name for name in WEIGHTS if fields[name] or name == "pixel_weight"]
  settings = {name: fields[name] for name in (*names, "ema_decay")}
  if fields.generator == "sparse":
    settings |= {name: fields[name] for name in OF_CODE} | {"rho": config.code.rho}
  return settings


def _opponent(config: Any, image_shape: tuple[int, ...]) -> Opponent | None:
  fields = config.super_resolution
  if not fields.adversarial_weight:
    return None
  network = build_discriminator(config, image_shape)
  return Opponent(network, ADVERSARIAL_LOSSES[fields.loss])


def _features(config: Any, mean_image_hwc: np.ndarray) -> Features | None:
  if not config.super_resolution.feature_weight:
    return None
  return build_network(config.classifier, mean_image_hwc.shape).features


def _fixed_networks(
  config: Any, mean_image_hwc: np.ndarray
) -> dict[str, Classifier | Autoencoder]:
  """Returns the networks of earlier phases that are kept as they are."""
  fields, networks = config.super_resolution, {}
  if fields.feature_weight:
    networks["features"] = build_network(config.classifier, mean_image_hwc.shape)
  if fields.generator == "sparse":
    networks["autoencoder"] = build_autoencoder(config, mean_image_hwc)
  return networks


def _functions(
  generator: Generator, opponent: Opponent | None, factor: int
) -> dict[str, Callable[..., jax.Array]]:
  """Returns the public functions; `build` says what they take and return."""

  def upscale(state, small_bhwc):
    images_bhwc, _ = generator.apply(state.ema_params, small_bhwc, train=False)
    return images_bhwc.clip(-1, 1)

  def smaller(state, images_bhwc):
    del state
    return downscale(images_bhwc, factor)

  functions = {"upscale": upscale, "downscale": smaller}
  if opponent is None:
    return functions

  def discriminate(state, images_bhwc):
    params = state.discriminator.params
    return opponent.network.apply(params, images_bhwc, train=False)[0]

  return functions | {"discriminate": discriminate}
