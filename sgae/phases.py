"""What differs between the phases in training: their start and their step."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from sgae import randomness
from sgae.devices.backend import full_float32_products, targets_gpu
from sgae.diagnostics.rules import Rule
from sgae.losses.adversarial import ADVERSARIAL_LOSSES
from sgae.losses.penalties import PENALTIES
from sgae.losses.sparsity import SPARSITY_PENALTIES
from sgae.methods.classifier.report import REPORT as CLASSIFIER_REPORT
from sgae.methods.classifier.train import init_classifier_state, make_classifier_step
from sgae.methods.gan.discriminator import make_discriminator_update
from sgae.methods.gan.generator import make_generator_update
from sgae.methods.gan.noise import make_draw_latents
from sgae.methods.gan.report import REPORT as GAN_REPORT
from sgae.methods.gan.train import init_gan_state, make_adversarial_step
from sgae.methods.gan.warnings import WARNINGS as GAN_WARNINGS
from sgae.methods.inheritance import transfer_autoencoder
from sgae.methods.optimizers import make_optimizer
from sgae.methods.sparse_autoencoder.report import REPORT as AUTOENCODER_REPORT
from sgae.methods.sparse_autoencoder.train import (
  init_autoencoder_state,
  make_autoencoder_step,
)
from sgae.methods.sparse_autoencoder.warnings import (
  WARNINGS as AUTOENCODER_WARNINGS,
)
from sgae.networks.build import (
  build_autoencoder,
  build_classifier,
  build_discriminator,
  build_generator,
  discriminator_is_piecewise_linear,
)
from sgae.reporting.contents import Shown


class Phase(NamedTuple):
  """A phase as the loop sees it.

  Attributes:
    name: its name in config.phases, and its section of the config.
    batch_shape: shape of the indices of one step's examples.
    step: `step(state, batch, *, axis=None) -> (state, metrics)`.
    init: `init(finished) -> state`; `finished` maps the names of finished phases to
      their last states.
    shown: metrics worth a place beside the progress bar; see `to_show`.
  """

  name: str
  batch_shape: tuple[int, ...]
  step: Callable[..., tuple[Any, dict[str, jax.Array]]]
  init: Callable[[dict[str, Any]], Any]
  shown: tuple[str, ...]

  def to_show(self, metrics: Mapping[str, Any]) -> dict[str, float]:
    """Returns the metrics that are shown while it runs, by their short names.

    Args:
      metrics: by name, each the values of one call's steps.
    """
    return {
      name.split("/")[1]: float(np.mean(metrics[name]))
      for name in self.shown
      if name in metrics
    }


def make_autoencoder_phase(config: Any, mean_image_hwc: np.ndarray) -> Phase:
  """Binds the `sae` phase.

  Args:
    config: a validated config.
    mean_image_hwc: float32 [H, W, C] in [-1, 1], mean of the training images.
  """
  sae = config.sae
  autoencoder = build_autoencoder(config, mean_image_hwc)
  optimizer = make_optimizer(sae.optimizer, sae.steps)
  step = make_autoencoder_step(
    autoencoder,
    optimizer,
    SPARSITY_PENALTIES[config.code.penalty],
    dead_after=sae.dead_after,
    auxiliary_k=sae.auxiliary_k if sae.auxiliary_weight else 0,
    unit_norm_atoms=sae.unit_norm_atoms,
    microbatches=config.train.microbatches,
  )
  root = randomness.root_key(config.seed)

  def init(finished):
    del finished
    settings = {
      "sparsity_weight": sae.sparsity_weight,
      "auxiliary_weight": sae.auxiliary_weight,
      "rho": config.code.rho,
    }
    return init_autoencoder_state(
      autoencoder,
      optimizer,
      config.code.num_latents,
      settings,
      randomness.stream_key(root, "sae/init"),
      root,
    )

  return Phase(
    "sae",
    (sae.batch_size,),
    step,
    init,
    ("sae/fvu", "sae/l0", "sae/dead_fraction"),
  )


def make_gan_phase(config: Any, mean_image_hwc: np.ndarray) -> Phase:
  """Binds the `gan` phase; arguments as above."""
  gan = config.gan
  generator = build_generator(config, mean_image_hwc)
  discriminator = build_discriminator(config, mean_image_hwc.shape)
  generator_optimizer = make_optimizer(
    gan.generator_optimizer, gan.steps * gan.generator_updates
  )
  discriminator_optimizer = make_optimizer(
    gan.discriminator_optimizer, gan.steps * gan.discriminator_updates
  )
  adversarial = ADVERSARIAL_LOSSES[gan.loss]
  penalties = tuple(name for name in PENALTIES if gan.penalties[name])
  draw_latents = make_draw_latents(config)
  step = make_adversarial_step(
    make_discriminator_update(
      generator,
      discriminator,
      discriminator_optimizer,
      adversarial,
      penalties,
      config.train.microbatches,
      by_pieces=full_float32_products() and discriminator_is_piecewise_linear(config),
      one_pass=targets_gpu() and gan.discriminator_normalization != "batch",
    ),
    make_generator_update(
      generator,
      discriminator,
      generator_optimizer,
      adversarial,
      SPARSITY_PENALTIES[config.code.penalty],
      config.train.microbatches,
    ),
    draw_latents,
    discriminator_updates=gan.discriminator_updates,
    generator_updates=gan.generator_updates,
  )
  root = randomness.root_key(config.seed)

  def init(finished):
    transfer = _nothing
    if gan.generator == "sparse" and "sae" in finished:
      trained = finished["sae"].player.params

      def transfer(params):
        return transfer_autoencoder(trained, params)

    return init_gan_state(
      generator,
      discriminator,
      generator_optimizer,
      discriminator_optimizer,
      _gan_settings(config, penalties),
      randomness.stream_key(root, "gan/init"),
      root,
      transfer,
    )

  updates = max(gan.discriminator_updates, gan.generator_updates)
  return Phase(
    "gan",
    (updates, gan.batch_size),
    step,
    init,
    ("gan/d_loss", "gan/g_loss", "gan/code_l0"),
  )


def _gan_settings(config, penalties) -> dict[str, float]:
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


def _nothing(params):
  return params


def make_classifier_phase(config: Any, mean_image_hwc: np.ndarray) -> Phase:
  """Binds the `classifier` phase; arguments as above."""
  fields = config.classifier
  classifier = build_classifier(config, mean_image_hwc.shape)
  optimizer = make_optimizer(fields.optimizer, fields.steps)
  root = randomness.root_key(config.seed)

  def init(finished):
    del finished
    key = randomness.stream_key(root, "classifier/init")
    return init_classifier_state(classifier, optimizer, key, root)

  step = make_classifier_step(
    classifier,
    optimizer,
    shift=fields.shift,
    flip=fields.flip,
    dropout=fields.dropout,
    microbatches=config.train.microbatches,
  )
  return Phase(
    "classifier",
    (fields.batch_size,),
    step,
    init,
    ("classifier/loss", "classifier/accuracy"),
  )


PHASES: dict[str, Callable[[Any, np.ndarray], Phase]] = {
  "sae": make_autoencoder_phase,
  "gan": make_gan_phase,
  "classifier": make_classifier_phase,
}

SHOWN = {
  "sae": Shown("Sparse autoencoder", AUTOENCODER_REPORT),
  "gan": Shown("GAN", GAN_REPORT),
  "classifier": Shown("Classifier", CLASSIFIER_REPORT),
}

WARNINGS: tuple[Rule, ...] = GAN_WARNINGS + AUTOENCODER_WARNINGS

# The metric whose least value marks the best state of a phase; None: it has none.
SELECTS_BY: dict[str, str | None] = {
  "sae": None,
  "gan": "gan/frechet",
  "classifier": None,
}
