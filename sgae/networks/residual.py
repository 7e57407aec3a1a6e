"""A residual pair in the style of R3GAN. Huang et al. 2024 (arXiv 2501.05441).

No normalization: blocks start as the identity (Zhang et al. 2019, arXiv 1901.09321),
images are resampled bilinearly between stages, and the 3x3 convolutions may be grouped.
A stage may end with attention.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn

from sgae.networks import layers, network
from sgae.networks.attention import NO_ATTENTION, Attention, attention_at
from sgae.networks.conditional import modulated_chain
from sgae.networks.network import BatchNetwork, Network, rowwise
from sgae.networks.normalization import NONE

EXPANSION = 2  # of the channels inside a block


def residual_generator(
  image_shape: tuple[int, int, int],
  latent_dim: int,
  hidden: Sequence[int],
  blocks: int,
  groups: int,
  activation: str,
  output: str,
  attention: Attention = NO_ATTENTION,
  classes: int = 0,
) -> BatchNetwork:
  """Noise -> image, or noise -> pre-activations of a spatial code.

  A learned basis, weighted by the noise, then a stage for each of `hidden`, of which
  all but the first start by making the image twice as large.

  Args:
    image_shape: (H, W, C) of what is made.
    latent_dim: length of the noise z.
    hidden: channels of the stages; the last one is of the image's size.
    blocks: residual blocks in a stage.
    groups: of the 3x3 convolutions; divides EXPANSION * each of `hidden`.
    activation: a name in `network.ACTIVATIONS`.
    output: a name in `network.OUTPUT_ACTIVATIONS`.
    attention: after which stages the map is attended.
    classes: K, of which each has gains and shifts of its own after each stage's blocks.

  Returns:
    BatchNetwork with latents_bz [B, latent_dim] -> float32 [B, H, W, C]; with classes
    of (latents_bz, weights [B, K]).
  """
  stages = len(hidden)
  smallest = layers.halved(image_shape, stages - 1)
  parts = {"basis": _basis(latent_dim, smallest, hidden[0])}
  for i, outputs in enumerate(hidden):
    size = layers.halved(image_shape, stages - 1 - i)
    if i:
      parts[f"enlarge_{i}"] = _transition(hidden[i - 1], outputs, size)
    parts |= _blocks(f"stage_{i}", outputs, stages * blocks, blocks, groups, activation)
    parts |= attention_at(f"stage_{i}", attention, size, outputs, NONE)
  channels = image_shape[2]
  parts["image"] = layers.convolution(hidden[-1], channels, 1, network.OUTPUT_INIT)
  # the blocks hold their own activations
  if classes:
    ends = {f"stage_{i}_block_{blocks - 1}": width for i, width in enumerate(hidden)}
    body = modulated_chain(parts, ends, classes, network.identity)
  else:
    body = layers.chain(parts, network.identity)
  return body.then(network.OUTPUT_ACTIVATIONS[output])


def residual_discriminator(
  image_shape: tuple[int, int, int],
  hidden: Sequence[int],
  blocks: int,
  groups: int,
  activation: str,
  attention: Attention = NO_ATTENTION,
) -> BatchNetwork:
  """Image -> one logit: the generator's stages the other way round.

  Args:
    image_shape, hidden, blocks, groups, activation, attention: as of
      `residual_encoder`.

  Returns:
    BatchNetwork with images_bhwc in [-1, 1] -> float32 [B].
  """
  body = residual_encoder(image_shape, 1, hidden, blocks, groups, activation, attention)
  return body.then(network.only_channel)


def residual_encoder(
  image_shape: tuple[int, int, int],
  outputs: int,
  hidden: Sequence[int],
  blocks: int,
  groups: int,
  activation: str,
  attention: Attention = NO_ATTENTION,
) -> BatchNetwork:
  """Image -> a vector, with the layers of the discriminator.

  Args:
    image_shape: (H, W, C).
    outputs: length N of the vector.
    hidden: channels of the stages; the first one is of the image's size.
    blocks, groups, activation, attention: as for the generator.

  Returns:
    BatchNetwork with images_bhwc -> float32 [B, N].
  """
  stages, channels = len(hidden), image_shape[2]
  parts = {"image": layers.convolution(channels, hidden[0], 1, network.HIDDEN_INIT)}
  for i, width in enumerate(hidden):
    size = layers.halved(image_shape, i)
    if i:
      parts[f"reduce_{i}"] = _transition(hidden[i - 1], width, size)
    parts |= _blocks(f"stage_{i}", width, stages * blocks, blocks, groups, activation)
    parts |= attention_at(f"stage_{i}", attention, size, width, NONE)
  parts["basis"] = _weighted_sum(layers.halved(image_shape, stages - 1), hidden[-1])
  parts["logit"] = layers.dense(hidden[-1], (outputs,), network.OUTPUT_INIT)
  return layers.chain(parts, network.identity)


def _basis(latent_dim, size, channels) -> BatchNetwork:
  """Noise -> a learned image for each channel, times a linear function of the noise."""
  weight = layers.dense(latent_dim, (channels,), network.OUTPUT_INIT)

  def init(key):
    basis_key, weight_key = jax.random.split(key)
    basis = jax.random.normal(basis_key, (*size, channels))
    return {"basis": basis, "weight": weight.init(weight_key)}

  def apply(params, latents_bz):
    weights_bc, _ = weight.apply(params["weight"], latents_bz, train=False)
    return params["basis"][None] * weights_bc[:, None, None]

  return rowwise(Network(init, apply, piecewise_linear=True))


def _weighted_sum(size, channels) -> BatchNetwork:
  """[B, h, w, C] -> [B, C]: each channel summed with weights of its own."""

  def init(key):
    shape = (*size, channels)
    return {"basis": jax.random.normal(key, shape) / jnp.sqrt(size[0] * size[1])}

  def apply(params, x_bhwc):
    return jnp.sum(x_bhwc * params["basis"][None], axis=(1, 2))

  return rowwise(Network(init, apply, piecewise_linear=True))


def _transition(inputs, outputs, size) -> BatchNetwork:
  """Resamples to `size`, smoothed when it gets smaller, and changes the width."""
  narrow = layers.convolution(inputs, outputs, 1, network.OUTPUT_INIT)

  def apply(params, x_bhwc, *, train, axis=None):
    shape = (x_bhwc.shape[0], *size, inputs)
    resampled = jax.image.resize(x_bhwc, shape, "bilinear", antialias=True)
    return narrow.apply(params, resampled, train=train, axis=axis)

  return narrow._replace(apply=apply)


def _blocks(name, channels, in_all, count, groups, activation):
  return {
    f"{name}_block_{i}": _block(channels, in_all, groups, activation)
    for i in range(count)
  }


def _block(channels, blocks_in_all, groups, activation) -> BatchNetwork:
  """x + narrow(act(conv3x3(act(wide(x))))), where `narrow` starts from zero."""
  # so that the depth of the network does not matter to the size of its first steps
  scale = network.HIDDEN_GAIN * blocks_in_all**-0.5
  init = nn.initializers.variance_scaling(scale, "fan_in", "truncated_normal")
  wide = EXPANSION * channels
  branch = layers.chain(
    {
      "wide": layers.convolution(channels, wide, 1, init),
      "spatial": layers.convolution(wide, wide, 3, init, groups=groups),
      "narrow": layers.convolution(wide, channels, 1, nn.initializers.zeros),
    },
    network.ACTIVATIONS[activation],
  )

  def apply(params, x_bhwc, *, train, axis=None):
    y_bhwc, statistics = branch.apply(params, x_bhwc, train=train, axis=axis)
    return x_bhwc + y_bhwc, statistics

  return branch._replace(apply=apply)
