"""A sparse autoencoder in one call, for use from Python."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import numpy as np

from sgae.networks import mlp
from sgae.networks.autoencoder import make_autoencoder
from sgae.networks.network import Params
from sgae.networks.sparsity import (
  SparsityMap,
  make_batch_topk,
  make_gated,
  make_jumprelu,
  make_relu,
  make_sigmoid,
  make_topk,
)

topk = make_topk
batch_topk = make_batch_topk
jumprelu = make_jumprelu
relu = make_relu
gated = make_gated
sigmoid = make_sigmoid


class SparseAutoencoder(NamedTuple):
  """A sparse autoencoder as pure functions.

  Attributes:
    init: `init(key) -> params`, with the branches encoder, sparsity and decoder.
    encode: `encode(params, images_bhwc in [-1, 1]) -> codes float32 [B, K]`.
    decode: `decode(params, codes) -> images_bhwc in [-1, 1]`.
  """

  init: Callable[[jax.Array], Params]
  encode: Callable[[Params, jax.Array], jax.Array]
  decode: Callable[[Params, jax.Array], jax.Array]


def sparse_autoencoder(
  image_shape: tuple[int, int, int],
  num_latents: int,
  sparsity: SparsityMap,
  encoder_hidden: Sequence[int] = (),
  decoder_hidden: Sequence[int] = (),
  activation: str = "leaky_relu",
  output: str = "tanh",
  mean_image: np.ndarray | None = None,
) -> SparseAutoencoder:
  """Returns a dense sparse autoencoder.

  >>> import jax
  >>> from sgae import networks
  >>> model = networks.sparse_autoencoder(
  ...   (28, 28, 1), num_latents=512, sparsity=networks.topk(64)
  ... )
  >>> params = model.init(jax.random.key(0))
  >>> codes = model.encode(params, jax.numpy.ones((2, 28, 28, 1)))
  >>> codes.shape, int((codes > 0).sum(axis=1).max()) <= 64
  ((2, 512), True)
  >>> model.decode(params, codes.at[:, 17].set(3.0)).shape
  (2, 28, 28, 1)

  Args:
    image_shape: (H, W, C).
    num_latents: length K of the code.
    sparsity: such as `topk(64)`.
    encoder_hidden, decoder_hidden: widths of hidden layers; none: a dictionary, whose
      encoder starts as the decoder's transpose.
    activation: of hidden layers: 'leaky_relu', 'relu', 'silu' or 'tanh'.
    output: of the decoder: 'linear' or 'tanh'.
    mean_image: float32 [H, W, C] in [-1, 1], mean of the training images; None: 0.
  """
  mean = np.zeros(image_shape, np.float32) if mean_image is None else mean_image
  linear = not encoder_hidden and not decoder_hidden
  autoencoder = make_autoencoder(
    mlp.mlp_encoder(mean, encoder_hidden, num_latents, activation),
    sparsity,
    mlp.mlp_decoder(mean, decoder_hidden, num_latents, activation, output),
    num_latents,
    mlp.tied_to_atoms if linear else None,
  )

  def encode(params, images_bhwc):
    return autoencoder.encode(params, images_bhwc, train=False)[0].values

  return SparseAutoencoder(autoencoder.init, encode, autoencoder.decode)
