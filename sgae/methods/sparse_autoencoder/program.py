"""Binds the sparse autoencoder to a config and a shape of images."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sgae import randomness
from sgae.losses.sparsity import SPARSITY_PENALTIES
from sgae.methods.method import Program, Settings
from sgae.methods.optimizers import make_optimizer
from sgae.methods.player import params_of
from sgae.methods.sparse_autoencoder import hull
from sgae.methods.sparse_autoencoder.loss import Terms
from sgae.methods.sparse_autoencoder.networks import build_autoencoder, code_shape
from sgae.methods.sparse_autoencoder.train import (
  AutoencoderState,
  init_autoencoder_state,
  make_autoencoder_step,
  of_both_sides,
)
from sgae.networks import mlp
from sgae.networks.autoencoder import Autoencoder, reconstruct
from sgae.networks.network import Params, layers_within


def build(
  config: Any, image_shape: tuple[int, ...], mean_image: np.ndarray | None = None
) -> Program:
  """Returns the program of `config.sae` and `config.code`.

  Its functions take a state: `encode(state, images_bhwc) -> codes [B, K]` (with places
  [B, h, w, K]), `decode(state, codes) -> images_bhwc`, `reconstruct(state, images_bhwc)
  -> images_bhwc`; images float32 in [-1, 1]. A transcoder encodes the first side and
  gives the second.

  Args:
    config: validated.
    image_shape: (H, W, C).
    mean_image: float32 [H, W, C] in [-1, 1], mean of the training images; None: 0.
  """
  sae = config.sae
  mean = np.zeros(image_shape, np.float32) if mean_image is None else mean_image
  autoencoder = build_autoencoder(config, mean)
  optimizer = make_optimizer(sae.optimizer, sae.steps)
  settings = {
    "sparsity_weight": sae.sparsity_weight,
    "auxiliary_weight": sae.auxiliary_weight,
    "rho": config.code.rho,
  }
  if sae.p_annealing:  # which older checkpoints do not have
    settings["p_annealing"] = sae.p_annealing

  def init(
    key: jax.Array,
    settings: Settings = settings,
    inherited: Mapping[str, Params] | None = None,
  ) -> AutoencoderState:
    params = autoencoder.init(randomness.stream_key(key, "sae/init"))
    if sae.archetypes:
      shape = (sae.archetypes, mean.size)
      params = hull.with_hull(params, (inherited or {}).get("points", jnp.zeros(shape)))
      if sae.tied_start:
        atoms = params["decoder"]["atoms"]
        params |= {"encoder": mlp.tied_to_atoms(params["encoder"], atoms)}
    return init_autoencoder_state(
      params, optimizer, config.code.num_latents, settings, key
    )

  image, code = (image_shape,), (code_shape(config, image_shape),)
  return Program(
    batch_shape=(sae.batch_size,),
    settings=settings,
    init=init,
    step=_step(config, autoencoder, optimizer),
    shown=("sae/fvu", "sae/l0", "sae/dead_fraction"),
    functions=_functions(autoencoder),
    inherits=("points",) if sae.archetypes else (),
    exportable={"encode": image, "decode": code, "reconstruct": image},
    decoder_layers=layers_within(autoencoder.decoder_layers, params_of),
  )


def _step(config: Any, autoencoder: Autoencoder, optimizer: Any) -> Callable:
  """Returns the step, of images of one side, of both, or from one to the other."""
  sae = config.sae
  step = make_autoencoder_step(
    autoencoder,
    optimizer,
    _terms(config),
    dead_after=sae.dead_after,
    unit_norm_atoms=sae.unit_norm_atoms,
    annealing_steps=sae.steps,
    relaxation=sae.relaxation,
    microbatches=config.train.microbatches,
    target="second_image" if sae.transcoder else "image",
  )
  return of_both_sides(step) if sae.both_sides else step


def _terms(config: Any) -> Terms:
  """Returns what the loss is made of."""
  sae = config.sae
  return Terms(
    SPARSITY_PENALTIES[config.code.penalty],
    auxiliary_k=sae.auxiliary_k if sae.auxiliary_weight else 0,
    prefixes=tuple(sae.matryoshka),
    by_norms=sae.penalty_by_norms,
    annealed=sae.p_annealing > 0,
    archetypal=sae.archetypes > 0,
    centred=sae.transcoder,
  )


def _functions(autoencoder: Autoencoder) -> dict[str, Callable[..., jax.Array]]:
  """Returns the public functions; `build` says what they take and return."""

  def encode(state, images_bhwc):
    return reconstruct(autoencoder, state.player.params, images_bhwc)[1].values

  def decode(state, codes):
    return autoencoder.decode(state.player.params, codes)

  def reconstruct_images(state, images_bhwc):
    return reconstruct(autoencoder, state.player.params, images_bhwc)[0]

  return {"encode": encode, "decode": decode, "reconstruct": reconstruct_images}
