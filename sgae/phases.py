"""What differs between the phases: their start, their step, their evaluation."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from sgae import parallel, randomness
from sgae.data import resident
from sgae.data.dataset import Split
from sgae.evaluation.codes import code_measures, reconstruction_measures
from sgae.evaluation.samples import sample_measures
from sgae.losses.adversarial import ADVERSARIAL_LOSSES
from sgae.losses.penalties import PENALTIES
from sgae.losses.sparsity import SPARSITY_PENALTIES
from sgae.networks.autoencoder import reconstruct
from sgae.networks.build import (
  build_autoencoder,
  build_discriminator,
  build_generator,
)
from sgae.reporting import pictures
from sgae.training.adversarial_round import init_gan_state, make_adversarial_step
from sgae.training.autoencoder_step import (
  init_autoencoder_state,
  make_autoencoder_step,
)
from sgae.training.discriminator_step import make_discriminator_update
from sgae.training.generator_step import make_generator_update
from sgae.training.latents import LATENT_DISTRIBUTIONS
from sgae.training.optimizers import make_optimizer
from sgae.training.transfer import transfer_autoencoder

EVALUATION_BATCH = 500
SAMPLE_ROWS, SAMPLE_COLUMNS = 4, 10


class Phase(NamedTuple):
  """A phase as the loop sees it.

  Attributes:
    name: its name in config.phases, and its section of the config.
    batch_shape: shape of the indices of one step's examples.
    step: `step(state, batch, *, axis=None) -> (state, metrics)`.
    init: `init(finished) -> state`; `finished` maps the names of finished phases to
      their last states.
    measure: `measure(state, split) -> {name: number}` on images of a split.
    draw: `draw(state, split) -> {name: uint8 picture}`.
    shown: metrics worth a place beside the progress bar.
  """

  name: str
  batch_shape: tuple[int, ...]
  step: Callable[..., tuple[Any, dict[str, jax.Array]]]
  init: Callable[[dict[str, Any]], Any]
  measure: Callable[[Any, Split], dict[str, float]]
  draw: Callable[[Any, Split], dict[str, np.ndarray]]
  shown: tuple[str, ...]


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
  run = parallel.compile_function(lambda params, x: reconstruct(autoencoder, params, x))
  decode = parallel.compile_function(autoencoder.decode)

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

  def measure(state, split):
    images, outputs, codes = [], [], []
    for start in range(0, len(split.images), EVALUATION_BATCH):
      some = resident.to_model_range(split.images[start : start + EVALUATION_BATCH])
      output, code = run(state.player.params, some)
      images.append(np.asarray(some))
      outputs.append(np.asarray(output))
      codes.append(np.asarray(code.values))
    measures = reconstruction_measures(
      np.concatenate(images), np.concatenate(outputs), mean_image_hwc
    )
    measures |= code_measures(np.concatenate(codes))
    return {f"sae/test_{name}": value for name, value in measures.items()}

  def draw(state, split):
    points = pictures.are_points(mean_image_hwc.shape)
    count = pictures.POINTS_SHOWN if points else 20
    images = np.asarray(resident.to_model_range(split.images[:count]))
    outputs, _ = run(state.player.params, images)
    if points:  # their atoms would be a picture of nothing
      return {"reconstructions": pictures.points(images, np.asarray(outputs))}
    return {
      "reconstructions": pictures.pairs(images, np.asarray(outputs), SAMPLE_COLUMNS),
      "atoms": pictures.atoms(atom_images(decode, state.player.params), 20),
    }

  return Phase(
    "sae",
    (sae.batch_size,),
    step,
    init,
    measure,
    draw,
    ("sae/fvu", "sae/l0", "sae/dead_fraction"),
  )


def atom_images(decode: Callable[..., jax.Array], params: Any) -> np.ndarray:
  """Returns what each of the first 200 latents adds to an image of an empty code.

  Args:
    decode: the autoencoder's `decode`.
    params: its parameters.

  Returns:
    float32 [min(K, 200), H, W, C].
  """
  num_latents = params["decoder"]["atoms"].shape[0]
  unit_codes = np.eye(num_latents, dtype=np.float32)[:200]
  silent = decode(params, np.zeros_like(unit_codes[:1]))
  return np.asarray(decode(params, unit_codes)) - np.asarray(silent)


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
  sample = make_sampler(config, mean_image_hwc)

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

  def measure(state, split):
    real = np.asarray(resident.to_model_range(split.images[:1000]))
    measures = sample_measures(sample(state, len(real)), real)
    return {f"gan/{name}": value for name, value in measures.items()}

  def draw(state, split):
    if pictures.are_points(mean_image_hwc.shape):
      real = np.asarray(resident.to_model_range(split.images))
      return {"samples": pictures.points(real, sample(state, pictures.POINTS_SHOWN))}
    images = sample(state, SAMPLE_ROWS * SAMPLE_COLUMNS)
    return {"samples": pictures.grid(images, SAMPLE_COLUMNS)}

  updates = max(gan.discriminator_updates, gan.generator_updates)
  return Phase(
    "gan",
    (updates, gan.batch_size),
    step,
    init,
    measure,
    draw,
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


def make_draw_latents(config: Any) -> Callable[[jax.Array, jax.Array], jax.Array]:
  """Returns `(key, positions_b) -> latents_bz` for the config's noise."""
  distribution = LATENT_DISTRIBUTIONS[config.gan.latent_distribution]
  return lambda key, positions_b: distribution(
    key, positions_b, (config.gan.latent_dim,)
  )


def make_sampler(
  config: Any, mean_image_hwc: np.ndarray
) -> Callable[[Any, int], np.ndarray]:
  """Returns `sample(state, count)`: images of the averaged generator.

  Sample i depends on the run's seed and on i alone, so a longer set begins with the
  shorter one. float32 [count, H, W, C]; a linear output may leave [-1, 1] a little.
  """
  generator = build_generator(config, mean_image_hwc)
  draw_latents = make_draw_latents(config)

  def some(average, key, positions_b):
    latents = draw_latents(randomness.stream_key(key, "samples"), positions_b)
    return generator.apply(average, latents, train=False)[0]

  some = parallel.compile_function(some)

  def sample(state, count):
    # whole batches, so that one program makes every count, then cut
    starts = range(0, count, EVALUATION_BATCH)
    images = [
      np.asarray(some(state.average, state.key, start + np.arange(EVALUATION_BATCH)))
      for start in starts
    ]
    return np.concatenate(images)[:count]

  return sample


def _nothing(params):
  return params


PHASES: dict[str, Callable[[Any, np.ndarray], Phase]] = {
  "sae": make_autoencoder_phase,
  "gan": make_gan_phase,
}
