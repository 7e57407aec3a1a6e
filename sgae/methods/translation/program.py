"""Binds translation to a config and a shape of images."""

from collections.abc import Callable, Collection, Mapping
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
from sgae.methods.translation.losses import Losses, make_losses
from sgae.methods.translation.networks import (
  DIRECTIONS,
  SIDES,
  Translators,
  build_discriminators,
  build_translators,
  initial,
)
from sgae.methods.translation.train import (
  TranslationState,
  init_translation_state,
  make_translation_step,
)
from sgae.networks import classifier as classifiers
from sgae.networks.classifier import Classifier
from sgae.networks.network import BatchNetwork, Params

TERMS = (
  "adversarial_weight",
  "cycle_weight",
  "identity_weight",
  "pair_weight",
  "semantic_weight",
  "sparsity_weight",
)


def build(
  config: Any, image_shape: tuple[int, ...], mean_image: np.ndarray | None = None
) -> Program:
  """Returns the program of `config.translation`.

  Its functions take a state and float32 images in [-1, 1], and give such:
  `translate_ab(state, images_bhwc)` from the first side to the second and
  `translate_ba(state, images_bhwc)` back, by the average of the generators' weights;
  with a code also `encode_a(state, images_bhwc) -> codes` and `encode_b`.

  Args:
    config: validated.
    image_shape: (H, W, C), of both sides.
    mean_image: float32 [H, W, C] in [-1, 1], mean of the first side's training images;
      None: 0.
  """
  fields = config.translation
  mean = np.zeros(image_shape, np.float32) if mean_image is None else mean_image
  translators = build_translators(config, mean)
  discriminator = build_discriminators(config, image_shape)
  terms, settings = _settings(config)
  classifier = _classifier(config, image_shape)
  optimizers = {
    name: make_optimizer(fields[f"{name}_optimizer"], fields.steps)
    for name in ("generator", "discriminator")
  }
  height, width, channels = image_shape
  seen_channels = channels * (2 if "pair_weight" in terms else 1)

  def init(
    key: jax.Array,
    settings: Settings = settings,
    inherited: Mapping[str, Params] | None = None,
  ) -> TranslationState:
    keys = jax.random.split(randomness.stream_key(key, "translation/init"))
    given = inherited or {}
    own = {name: given[name] for name in translators.branches if name in given}
    params = {
      "generator": translators.init(keys[0], own),
      "discriminator": initial(discriminator.init, keys[1]),
    }
    fixed = _fixed(classifier, key, given)
    shape = (fields.history, height, width, seen_channels)
    return init_translation_state(params, fixed, optimizers, shape, settings, key)

  step = make_translation_step(
    translators,
    discriminator,
    _losses(config, translators, discriminator, terms, classifier),
    optimizers,
    fields.batch_size,
    adversarial="adversarial_weight" in terms,
    microbatches=config.train.microbatches,
  )
  functions = _functions(translators, _is_coded(fields))
  return Program(
    batch_shape=(fields.batch_size,),
    settings=settings,
    init=init,
    step=step,
    shown=("translation/cycle", "translation/adversarial", "translation/d_loss"),
    functions=functions,
    exportable={name: (image_shape,) for name in functions},
    inherits=(*translators.branches, *(classifiers.BRANCHES if classifier else ())),
  )


def _is_coded(fields: Any) -> bool:
  return fields.generator_architecture == "sparse"


def _classifier(config: Any, image_shape: tuple[int, ...]) -> Classifier | None:
  """Returns the network whose classes are kept, where they are."""
  if not config.translation.semantic_weight:
    return None
  return build_network(config.classifier, image_shape)


def _fixed(
  classifier: Classifier | None, key: jax.Array, inherited: Mapping[str, Params]
) -> dict[str, Params]:
  """Returns the parameters that are not trained: those of an earlier phase."""
  if classifier is None:
    return {}
  own_key = randomness.stream_key(key, "translation/classifier")
  return {"classifier": replace_branches(classifier.init(own_key), inherited)}


def _losses(
  config: Any,
  translators: Translators,
  discriminator: BatchNetwork,
  terms: Collection[str],
  classifier: Classifier | None,
) -> Losses:
  fields = config.translation
  penalty = config.code.penalty if _is_coded(fields) else "none"
  return make_losses(
    translators,
    discriminator,
    ADVERSARIAL_LOSSES[fields.loss],
    SPARSITY_PENALTIES[penalty],
    terms,
    None if classifier is None else classifier.classify,
  )


def _settings(config: Any) -> tuple[dict[str, float], dict[str, float]]:
  """Returns the weights of the terms that there are, and these with other numbers."""
  fields = config.translation
  terms = {name: fields[name] for name in TERMS if fields[name]}
  settings = terms | {"ema_decay": fields.ema_decay}
  if "sparsity_weight" in terms:
    settings["rho"] = config.code.rho
  return terms, settings


def _functions(
  translators: Translators, coded: bool
) -> dict[str, Callable[..., jax.Array]]:
  """Returns the public functions; `build` says what they take and return."""

  def translate(source):
    return lambda state, images_bhwc: translators.one(
      state.ema_params, source, images_bhwc
    )[0]

  def encode(source):
    def codes(state, images_bhwc):
      _, code = translators.one(state.ema_params, source, images_bhwc)
      assert code is not None
      return code.values

    return codes

  found = {f"translate_{name}": translate(i) for i, name in enumerate(DIRECTIONS)}
  if coded:
    found |= {f"encode_{side}": encode(i) for i, side in enumerate(SIDES)}
  return found
