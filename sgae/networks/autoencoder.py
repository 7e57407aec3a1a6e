"""The sparse autoencoder: encoder, sparsity map and decoder as one set of functions."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from sgae.networks.network import Layers, Network, Params, layers_within
from sgae.networks.sparsity import Code, SparsityMap

# Branches of an autoencoder's parameters.
BRANCHES = ("encoder", "decoder", "sparsity")
# (encoder's params, decoder's atoms) -> encoder's params
Tie = Callable[[Params, jax.Array], Params]


class Autoencoder(NamedTuple):
  """A sparse autoencoder as pure functions of one parameter tree.

  The tree has the branches `encoder`, `sparsity` and `decoder`, and with archetypes
  `hull`. The code `_bk` is
  [B, K], or [B, h, w, K] where it has places.

  Attributes:
    init: `init(key) -> params`.
    encode: `encode(params, images_bhwc, *, train, axis) -> (Code, pre_bk)`, the code
      and the pre-activations that it is made from.
    sparsify: `sparsify(params, pre_bk, *, train, axis) -> Code`.
    decode: `decode(params, code) -> images_bhwc`, of a `Code` or an array of values.
    after_update: `after_update(params, code_bk, axis) -> params`.
    gates: as in `SparsityMap`.
    decoder_layers: the decoder's as plain arrays, of all parameters; None: it is no
      chain of such layers.
  """

  init: Callable[[jax.Array], Params]
  encode: Callable[..., tuple[Code, jax.Array]]
  sparsify: Callable[..., Code]
  decode: Callable[[Params, Code | jax.Array], jax.Array]
  after_update: Callable[..., Params]
  gates: Callable[[jax.Array], jax.Array] | None = None
  decoder_layers: Layers | None = None


def make_autoencoder(
  encoder: Network,
  sparsity: SparsityMap,
  decoder: Network,
  num_latents: int,
  tie: Tie | None,
) -> Autoencoder:
  """Composes an autoencoder.

  Args:
    encoder: (images_bhwc, select) -> Preactivations, with the `select` largest of each
      example where the encoder finds it worth while.
    sparsity: pre_bk -> code_bk.
    decoder: code -> images_bhwc.
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

  def encode(params, images_bhwc, *, train, axis=None):
    selects = sparsity.selects
    pre = encoder.apply(params["encoder"], images_bhwc, select=selects)
    taken = pre.values if selects is None else pre
    return sparsify(params, taken, train=train, axis=axis), pre.values

  def sparsify(params, pre_bk, *, train, axis=None):
    return sparsity.apply(params["sparsity"], pre_bk, train=train, axis=axis)

  def decode(params, code):
    return decoder.apply(params["decoder"], code)

  def after_update(params, code_bk, axis):
    updated = sparsity.after_update(params["sparsity"], code_bk, axis)
    return params | {"sparsity": updated}

  return Autoencoder(
    init,
    encode,
    sparsify,
    decode,
    after_update,
    sparsity.gates,
    layers_within(decoder.layers, lambda params: params["decoder"]),
  )


def decode_first(
  autoencoder: Autoencoder, params: Params, code: Code, count: int
) -> jax.Array:
  """Returns what the first `count` latents of a code make alone: images_bhwc."""
  decoder = params["decoder"]
  if count == len(decoder["atoms"]):
    return autoencoder.decode(params, code)
  first = decoder | {"atoms": decoder["atoms"][:count]}
  return autoencoder.decode(params | {"decoder": first}, code.values[..., :count])


def norms_of_atoms(params: Params) -> jax.Array:
  """Returns the Euclidean norms of the decoder's atoms, float32 [K]."""
  atoms = params["decoder"]["atoms"]
  squares_k = jnp.sum(atoms**2, axis=range(1, atoms.ndim))
  return jnp.sqrt(squares_k + 1e-12)  # an atom of zeros has a gradient, too


def reconstruct(
  autoencoder: Autoencoder, params: Params, images_bhwc: jax.Array
) -> tuple[jax.Array, Code]:
  """Encodes and decodes as at inference.

  Returns:
    (reconstructions_bhwc, code), each row a function of its own image alone.
  """
  code, _ = autoencoder.encode(params, images_bhwc, train=False)
  return autoencoder.decode(params, code), code
