"""Generators: noise -> image, with a sparse code between or without one."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from sgae.networks.mixture import Mixture
from sgae.networks.network import (
  BatchNetwork,
  Layers,
  Network,
  Params,
  layers_within,
  zero_last_layer,
)
from sgae.networks.sparsity import Code, SparsityMap


class Generated(NamedTuple):
  """What a generator makes of a batch of noise.

  Attributes:
    images: float32 [B, H, W, C].
    code: behind them; None for a generator that has none.
    statistics: means over the batch that normalizations keep.
  """

  images: jax.Array
  code: Code | None
  statistics: dict[str, Any]


class Generator(NamedTuple):
  """A generator as pure functions.

  Attributes:
    init: `init(key) -> params`.
    apply: `apply(params, latents_bz, *, train, axis) -> Generated`.
    after_update: `after_update(params, code, statistics, axis) -> params`.
    fixed: branches of the parameters that are not trained.
    decode: `decode(params, code values) -> images_bhwc`; None: there is no code.
    layers: of `decode`, or without a code of the whole, as in `Network`.
  """

  init: Callable[[jax.Array], Params]
  apply: Callable[..., Generated]
  after_update: Callable[..., Params]
  fixed: tuple[str, ...] = ()
  decode: Callable[[Params, jax.Array], jax.Array] | None = None
  layers: Layers | None = None


def make_sparse_generator(
  coder: BatchNetwork,
  sparsity: SparsityMap,
  decoder: Network,
  num_latents: int,
  mixture: Mixture | None = None,
  train_mixture: bool = False,
) -> Generator:
  """decoder(code(z)): the autoencoder's structure as a generator.

  `params['sparsity']` and `params['decoder']` have the shape of the autoencoder's
  branches of the same names, which is what lets them be transferred.

  Args:
    coder: latents_bz -> pre_bk; with a mixture, latents and what it drew -> pre_bk.
    sparsity: pre_bk -> code_bk, the autoencoder's.
    decoder: code -> images_bhwc, the autoencoder's.
    num_latents: length K of the code.
    mixture: whose pre-activations the coder's are added to. The coder then sees the
      drawn coordinates as well, without which it could not tell which Gaussian it
      corrects; its last layer starts at zero, so that the generator begins as the
      mixture alone.
    train_mixture: whether its parameters are trained.
  """

  def init(key):
    coder_key, decoder_key = jax.random.split(key)
    params = {
      "coder": coder.init(coder_key),
      "sparsity": sparsity.init(num_latents),
      "decoder": decoder.init(decoder_key),
    }
    if mixture is not None:
      params["coder"] = zero_last_layer(params["coder"])
      params["mixture"] = mixture.init()
    return params

  def apply(params, latents_bz, *, train, axis=None):
    inputs_bi, drawn_bk = latents_bz, None
    if mixture is not None:
      drawn_bk, coordinates_bp = mixture.draw(params["mixture"], latents_bz)
      inputs_bi = jnp.concatenate([latents_bz, coordinates_bp], axis=1)
    pre_bk, statistics = coder.apply(params["coder"], inputs_bi, train=train, axis=axis)
    if drawn_bk is not None:
      pre_bk += drawn_bk
    code = sparsity.apply(params["sparsity"], pre_bk, train=train, axis=axis)
    images_bhwc = decoder.apply(params["decoder"], code)
    return Generated(images_bhwc, code, statistics)

  def after_update(params, code, statistics, axis):
    return params | {
      "coder": coder.after_update(params["coder"], statistics),
      "sparsity": sparsity.after_update(params["sparsity"], code.values, axis),
    }

  def decode(params, values_bk):
    return decoder.apply(params["decoder"], values_bk)

  fixed = ("mixture",) if mixture is not None and not train_mixture else ()
  layers = layers_within(decoder.layers, lambda params: params["decoder"])
  return Generator(init, apply, after_update, fixed, decode, layers)


def make_plain_generator(network: BatchNetwork) -> Generator:
  """Wraps a network latents_bz -> images_bhwc that has no code."""

  def apply(params, latents_bz, *, train, axis=None):
    images_bhwc, statistics = network.apply(params, latents_bz, train=train, axis=axis)
    return Generated(images_bhwc, None, statistics)

  def after_update(params, code, statistics, axis):
    del code, axis
    return network.after_update(params, statistics)

  return Generator(network.init, apply, after_update, layers=network.layers)
