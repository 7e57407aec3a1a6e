"""The pair of DCGAN for images of any size. Radford et al. 2016 (arXiv 1511.06434).

Convolutions of stride 2, a dense layer at the narrow end. Normalizations of what a
layer puts out leave out the generator's last layer and the discriminator's first and
last, as in the paper; spectral normalization takes all, those of attention too.
"""

import functools
import math
from collections.abc import Sequence
from itertools import pairwise

import jax
import numpy as np

from sgae.networks import layers, network
from sgae.networks.attention import NO_ATTENTION, Attention, attention_at
from sgae.networks.conditional import modulated_chain
from sgae.networks.network import BatchNetwork, Params
from sgae.networks.normalization import NORMALIZATIONS, at_edges
from sgae.networks.plain_layers import DenseLayer, PlainLayer, transposed_layers


def dcgan_generator(
  image_shape: tuple[int, int, int],
  latent_dim: int,
  hidden: Sequence[int],
  kernel_size: int,
  activation: str,
  output: str,
  normalization: str,
  attention: Attention = NO_ATTENTION,
  classes: int = 0,
) -> BatchNetwork:
  """Noise -> image, or noise -> pre-activations of a spatial code.

  A dense layer makes `hidden[0]` channels at 1 / 2**len(hidden) of the image's size,
  and each transposed convolution doubles that.

  Args:
    image_shape: (H, W, C) of what is made.
    latent_dim: length of the noise z.
    hidden: channels of the hidden layers, at least one.
    kernel_size: side of the kernels, in pixels.
    activation: a name in `network.ACTIVATIONS`.
    output: a name in `network.OUTPUT_ACTIVATIONS`.
    normalization: a name in `NORMALIZATIONS`.
    attention: which maps of hidden layers are attended, after the activation.
    classes: K, of which each has gains and shifts of its own in all hidden layers.

  Returns:
    BatchNetwork with latents_bz [B, latent_dim] -> float32 [B, H, W, C]; with classes
    of (latents_bz, weights [B, K]).
  """
  sizes = [layers.halved(image_shape, i) for i in range(len(hidden), -1, -1)]
  inner, edge = NORMALIZATIONS[normalization](), at_edges(normalization)
  act = network.ACTIVATIONS[activation]

  def hidden_layer(layer):
    return layer if classes else layer.then(act)  # the class comes before it

  first = layers.dense(latent_dim, (*sizes[0], hidden[0]), network.HIDDEN_INIT, inner)
  stack, modulated = {"dense": hidden_layer(first)}, {"dense": hidden[0]}
  stack |= attention_at("dense", attention, sizes[0], hidden[0], edge)
  for i, (inputs, outputs) in enumerate(pairwise(hidden)):
    name, size = f"transposed_{i}", sizes[i + 1]
    layer = layers.transposed_convolution(
      inputs, outputs, kernel_size, size, layers.TRANSPOSED_HIDDEN_INIT, inner
    )
    stack[name], modulated[name] = hidden_layer(layer), outputs
    stack |= attention_at(name, attention, size, outputs, edge)
  stack[f"transposed_{len(hidden) - 1}"] = layers.transposed_convolution(
    hidden[-1],
    image_shape[2],
    kernel_size,
    sizes[-1],
    layers.TRANSPOSED_OUTPUT_INIT,
    edge,
  )
  if classes:
    body = modulated_chain(stack, modulated, classes, act)
  else:  # the layers hold their own activations
    body = layers.chain(stack, network.identity)
  made = body.then(network.OUTPUT_ACTIVATIONS[output])
  if normalization != "none" or attention.resolutions or classes:
    return made
  plain = functools.partial(_plain_layers, sizes, activation, output)
  return made._replace(layers=plain)


def _plain_layers(
  sizes: Sequence[tuple[int, int]], activation: str, output: str, params: Params
) -> tuple[PlainLayer, ...]:
  """Returns the layers of a generator without normalization as plain arrays."""
  host = jax.device_get(params)
  kernel, bias = host["dense"]["kernel"], host["dense"]["bias"]
  dense = DenseLayer(kernel, np.tile(bias, math.prod(sizes[0])), activation)
  return (dense, *transposed_layers(host, sizes[1:], activation, output))


def dcgan_discriminator(
  image_shape: tuple[int, int, int],
  hidden: Sequence[int],
  kernel_size: int,
  activation: str,
  normalization: str,
  attention: Attention = NO_ATTENTION,
) -> BatchNetwork:
  """Image -> one logit, higher for images that look real.

  Args:
    image_shape, hidden, kernel_size, activation, normalization, attention: as of
      `dcgan_encoder`.

  Returns:
    BatchNetwork with images_bhwc in [-1, 1] -> float32 [B].
  """
  body = dcgan_encoder(
    image_shape, 1, hidden, kernel_size, activation, normalization, attention
  )
  return body.then(network.only_channel)


def dcgan_encoder(
  image_shape: tuple[int, int, int],
  outputs: int,
  hidden: Sequence[int],
  kernel_size: int,
  activation: str,
  normalization: str,
  attention: Attention = NO_ATTENTION,
) -> BatchNetwork:
  """Image -> a vector, with the layers of the discriminator.

  Args:
    image_shape: (H, W, C).
    outputs: length N of the vector.
    hidden: channels of the convolutions, each of which halves height and width.
    kernel_size: side of the kernels, in pixels.
    activation: a name in `network.ACTIVATIONS`.
    normalization: a name in `NORMALIZATIONS`.
    attention: which maps of convolutions are attended, after the activation.

  Returns:
    BatchNetwork with images_bhwc -> float32 [B, N].
  """
  inner, edge = NORMALIZATIONS[normalization](), at_edges(normalization)
  widths, act = [image_shape[2], *hidden], network.ACTIVATIONS[activation]
  stack = {}
  for i, (before, after) in enumerate(pairwise(widths)):
    name, size = f"convolution_{i}", layers.halved(image_shape, i + 1)
    layer = layers.convolution(
      before,
      after,
      kernel_size,
      network.HIDDEN_INIT,
      inner if i else edge,
      stride=2,
    )
    stack[name] = layer.then(act)
    stack |= attention_at(name, attention, size, after, edge)
  rows, columns = layers.halved(image_shape, len(hidden))
  flat = rows * columns * widths[-1]
  stack["dense"] = layers.dense(flat, (outputs,), network.OUTPUT_INIT, edge)
  # the layers hold their own activations
  return layers.chain(stack, network.identity)
