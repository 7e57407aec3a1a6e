"""Binds sparse coding to a config and a shape of images."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from sgae import randomness
from sgae.methods.method import Program, Settings
from sgae.methods.optimizers import make_optimizer
from sgae.methods.player import params_of
from sgae.methods.sparse_autoencoder.networks import build_autoencoder, code_shape
from sgae.methods.sparse_coding.solvers import solve
from sgae.methods.sparse_coding.train import (
  SparseCodingState,
  init_sparse_coding_state,
  make_sparse_coding_step,
  signals_of,
)
from sgae.networks.autoencoder import BRANCHES, Autoencoder
from sgae.networks.network import Params, layers_within


def build(
  config: Any, image_shape: tuple[int, ...], mean_image: np.ndarray | None = None
) -> Program:
  """Returns the program of `config.sparse_coding`.

  Its functions take a state: `encode(state, images_bhwc) -> codes [B, K]` by the
  solver, `approximate(state, images_bhwc) -> codes [B, K]` by the encoder,
  `decode(state, codes) -> images_bhwc`, `reconstruct(state, images_bhwc) ->
  images_bhwc`; images float32 in [-1, 1].

  Args:
    config: validated.
    image_shape: (H, W, C).
    mean_image: float32 [H, W, C] in [-1, 1], mean of the training images; None: 0.
  """
  fields = config.sparse_coding
  mean = np.zeros(image_shape, np.float32) if mean_image is None else mean_image
  autoencoder = build_autoencoder(config, mean)
  optimizer = make_optimizer(fields.optimizer, fields.steps)
  solve_codes = make_solve(config)
  settings = {"alpha": fields.alpha}

  def init(
    key: jax.Array,
    settings: Settings = settings,
    inherited: Mapping[str, Params] | None = None,
  ) -> SparseCodingState:
    init_key = randomness.stream_key(key, "sparse_coding/init")
    return init_sparse_coding_state(
      autoencoder, optimizer, settings, init_key, key, inherited or {}
    )

  return Program(
    batch_shape=(fields.batch_size,),
    settings=settings,
    init=init,
    step=make_sparse_coding_step(
      autoencoder,
      optimizer,
      solve_codes,
      learning=fields.dictionary,
      signed=are_signed(config),
      window=fields.window,
      replace_after=fields.replace_after,
      microbatches=config.train.microbatches,
    ),
    shown=("sparse_coding/objective", "sparse_coding/fvu", "sparse_coding/l0"),
    functions=_functions(autoencoder, solve_codes),
    exportable={
      "encode": (image_shape,),
      "approximate": (image_shape,),
      "decode": (code_shape(config, image_shape),),
      "reconstruct": (image_shape,),
    },
    inherits=BRANCHES,
    decoder_layers=layers_within(autoencoder.decoder_layers, params_of),
  )


def are_signed(config: Any) -> bool:
  """Says whether codes may be negative: no map makes them positive."""
  return config.code.sparsity_map == "none"


def make_solve(config: Any) -> Callable[..., jax.Array]:
  """Returns `solve(atoms_kd, signals_bd, alpha) -> codes_bk` as in training."""
  fields, signed = config.sparse_coding, are_signed(config)

  def solve_codes(atoms_kd, signals_bd, alpha):
    return solve(
      atoms_kd,
      signals_bd,
      alpha,
      solver=fields.solver,
      iterations=fields.iterations,
      signed=signed,
    )

  return solve_codes


def _functions(
  autoencoder: Autoencoder, solve_codes: Callable[..., jax.Array]
) -> dict[str, Callable[..., jax.Array]]:
  """Returns the public functions; `build` says what they take and return."""

  def encode(state, images_bhwc):
    params = state.player.params
    signals_bd = signals_of(params, images_bhwc)
    return solve_codes(params["decoder"]["atoms"], signals_bd, state.settings["alpha"])

  def approximate(state, images_bhwc):
    code, _ = autoencoder.encode(state.player.params, images_bhwc, train=False)
    return code.values

  def decode(state, codes):
    return autoencoder.decode(state.player.params, codes)

  def reconstruct(state, images_bhwc):
    return decode(state, encode(state, images_bhwc))

  functions = (encode, approximate, decode, reconstruct)
  return {function.__name__: function for function in functions}
