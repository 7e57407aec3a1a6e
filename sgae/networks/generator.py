"""Generators: noise -> image, with a sparse code between or without one."""

from collections.abc import Callable
from typing import NamedTuple

import jax

from sgae.networks.network import Network, Params
from sgae.networks.sparsity import Code, SparsityMap


class Generator(NamedTuple):
  """A generator as pure functions.

  Attributes:
    init: `init(key) -> params`.
    apply: `apply(params, latents_bz, *, train, axis) -> (images_bhwc, code)`; the
      code is None for a generator that has none.
    after_update: `after_update(params, code, axis) -> params`.
  """

  init: Callable[[jax.Array], Params]
  apply: Callable[..., tuple[jax.Array, Code | None]]
  after_update: Callable[..., Params]


def make_sparse_generator(
  coder: Network, sparsity: SparsityMap, decoder: Network, num_latents: int
) -> Generator:
  """decoder(code(z)): the autoencoder's structure as a generator.

  `params['sparsity']` and `params['decoder']` have the shape of the autoencoder's
  branches of the same names, which is what lets them be transferred.

  Args:
    coder: latents_bz -> pre_bk.
    sparsity: pre_bk -> code_bk, the autoencoder's.
    decoder: code_bk -> images_bhwc, the autoencoder's.
    num_latents: length K of the code.
  """

  def init(key):
    coder_key, decoder_key = jax.random.split(key)
    return {
      "coder": coder.init(coder_key),
      "sparsity": sparsity.init(num_latents),
      "decoder": decoder.init(decoder_key),
    }

  def apply(params, latents_bz, *, train, axis=None):
    pre_bk = coder.apply(params["coder"], latents_bz)
    code = sparsity.apply(params["sparsity"], pre_bk, train=train, axis=axis)
    return decoder.apply(params["decoder"], code.values), code

  def after_update(params, code, axis):
    updated = sparsity.after_update(params["sparsity"], code.values, axis)
    return params | {"sparsity": updated}

  return Generator(init, apply, after_update)


def make_plain_generator(network: Network) -> Generator:
  """Wraps a network latents_bz -> images_bhwc that has no code."""

  def apply(params, latents_bz, *, train, axis=None):
    del train, axis
    return network.apply(params, latents_bz), None

  def after_update(params, code, axis):
    del code, axis
    return params

  return Generator(network.init, apply, after_update)
