"""The sparse autoencoder: encoder, sparsity map and decoder as one set of functions."""

from collections.abc import Callable
from typing import NamedTuple

import jax

from sgae.kernels.sparse import Few
from sgae.networks.network import Network, Params
from sgae.networks.sparsity import Code, SparsityMap

# (encoder's params, decoder's atoms) -> encoder's params
Tie = Callable[[Params, jax.Array], Params]


class Autoencoder(NamedTuple):
  """A sparse autoencoder as pure functions of one parameter tree.

  The tree has three branches: `encoder`, `sparsity` and `decoder`. The code `_bk` is
  [B, K], or [B, h, w, K] where it has places.

  Attributes:
    init: `init(key) -> params`.
    preactivate: `preactivate(params, images_bhwc) -> (pre_bk, few)`, `few` the largest
      of each example where a code is made of these few alone, else None.
    sparsify: `sparsify(params, pre_bk, few=None, *, train, axis) -> Code`.
    decode: `decode(params, code_bk, few=None) -> images_bhwc`, `few` as in a `Code`.
    after_update: `after_update(params, code_bk, axis) -> params`.
  """

  init: Callable[[jax.Array], Params]
  preactivate: Callable[[Params, jax.Array], tuple[jax.Array, Few | None]]
  sparsify: Callable[..., Code]
  decode: Callable[..., jax.Array]
  after_update: Callable[..., Params]


def make_autoencoder(
  encoder: Network,
  sparsity: SparsityMap,
  decoder: Network,
  num_latents: int,
  tie: Tie | None,
) -> Autoencoder:
  """Composes an autoencoder.

  Args:
    encoder: (images_bhwc, active) -> (pre_bk, the `active` largest of each or None).
    sparsity: pre_bk -> code_bk.
    decoder: (code_bk, few) -> images_bhwc.
    num_latents: length K of the code.
    tie: starts the encoder as the decoder's transpose, which keeps latents alive (Gao
      et al. 2024); both must be single layers. None: it starts by itself.
  """

  def init(key):
    encoder_key, decoder_key = jax.random.split(key)
    params = {
      "encoder": encoder.init(encoder_key),
      "sparsity": sparsity.init(num_latents),
      "decoder": decoder.init(decoder_key),
    }
    if tie is not None:
      params["encoder"] = tie(params["encoder"], params["decoder"]["atoms"])
    return params

  def preactivate(params, images_bhwc):
    return encoder.apply(params["encoder"], images_bhwc, active=sparsity.active)

  def sparsify(params, pre_bk, few=None, *, train, axis=None):
    return sparsity.apply(params["sparsity"], pre_bk, train=train, axis=axis, few=few)

  def decode(params, code_bk, few=None):
    return decoder.apply(params["decoder"], code_bk, few=few)

  def after_update(params, code_bk, axis):
    updated = sparsity.after_update(params["sparsity"], code_bk, axis)
    return params | {"sparsity": updated}

  return Autoencoder(init, preactivate, sparsify, decode, after_update)


def reconstruct(
  autoencoder: Autoencoder, params: Params, images_bhwc: jax.Array
) -> tuple[jax.Array, Code]:
  """Encodes and decodes as at inference.

  Returns:
    (reconstructions_bhwc, code), each row a function of its own image alone.
  """
  code = autoencoder.sparsify(
    params, *autoencoder.preactivate(params, images_bhwc), train=False
  )
  return autoencoder.decode(params, code.values, code.few), code
