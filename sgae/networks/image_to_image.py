"""Networks from images to images of the same shape, and what judges their patches.

The pair of CycleGAN in small: an encoder of strided convolutions, residual blocks and
transposed convolutions (Johnson et al. 2016, arXiv 1603.08155), and a discriminator
with a logit for each patch (Isola et al. 2017, arXiv 1611.07004).
"""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from flax import linen as nn

from sgae.networks import layers, mlp, network
from sgae.networks.network import BatchNetwork, rowwise
from sgae.networks.normalization import (
  NONE,
  Normalization,
  make_group,
  make_spectral,
)

# Of what a convolution puts out: `instance` has mean 0 and variance 1 over the places
# of each channel of each image. Ulyanov et al. 2016 (arXiv 1607.08022).
NORMALIZATIONS = {"instance": lambda: make_group(1), "none": lambda: NONE}
# Of a discriminator also that of its kernels.
PATCH_NORMALIZATIONS = NORMALIZATIONS | {"spectral": make_spectral}
SIDE = 3  # of the generators' kernels, in pixels
PATCH_SIDE = 4  # of the discriminators'


def residual_translator(
  image_shape: tuple[int, int, int],
  hidden: Sequence[int],
  blocks: int,
  normalization: str,
) -> BatchNetwork:
  """Image -> image, with residual blocks where it is smallest.

  Args:
    image_shape: (H, W, C).
    hidden: channels; the first one at the image's size, each further one at half of the
      size before it.
    blocks: residual blocks at the smallest size.
    normalization: a key of `NORMALIZATIONS`, of all layers but the last.

  Returns:
    BatchNetwork with images_bhwc -> float32 [B, H, W, C] in (-1, 1).
  """
  inner, channels = NORMALIZATIONS[normalization](), image_shape[2]

  def rectified(layer):
    return layer.then(nn.relu)

  def convolution(inputs, outputs, stride):
    return layers.convolution(
      inputs, outputs, SIDE, network.HIDDEN_INIT, inner, stride=stride
    )

  parts = {"first": rectified(convolution(channels, hidden[0], 1))}
  for i, (before, after) in enumerate(pairwise(hidden)):
    parts[f"reduce_{i}"] = rectified(convolution(before, after, 2))
  for i in range(blocks):
    parts[f"block_{i}"] = _block(hidden[-1], inner)
  for i, (before, after) in enumerate(pairwise(reversed(hidden))):
    size = layers.halved(image_shape, len(hidden) - 2 - i)
    enlarged = layers.transposed_convolution(
      before, after, SIDE, size, layers.TRANSPOSED_HIDDEN_INIT, inner
    )
    parts[f"enlarge_{i}"] = rectified(enlarged)
  parts["last"] = layers.convolution(hidden[0], channels, SIDE, network.OUTPUT_INIT)
  # the layers hold their own activations
  return layers.chain(parts, network.identity).then(nn.tanh)


def _block(channels: int, normalization: Normalization) -> BatchNetwork:
  """x + conv(relu(conv(x))), both normalised."""

  def convolution(init):
    return layers.convolution(channels, channels, SIDE, init, normalization)

  branch = layers.chain(
    {
      "first": convolution(network.HIDDEN_INIT),
      "second": convolution(network.OUTPUT_INIT),
    },
    nn.relu,
  )

  def apply(params, x_bhwc, *, train, axis=None):
    y_bhwc, statistics = branch.apply(params, x_bhwc, train=train, axis=axis)
    return x_bhwc + y_bhwc, statistics

  return branch._replace(apply=apply)


def mlp_translator(
  image_shape: tuple[int, int, int], hidden: Sequence[int]
) -> BatchNetwork:
  """Image -> image, by dense layers with ReLU between them.

  Args:
    image_shape: (H, W, C).
    hidden: widths.

  Returns:
    BatchNetwork with images_bhwc -> float32 [B, H, W, C] in (-1, 1).
  """
  body = mlp.mlp_outputs(image_shape, prod(image_shape), hidden, "relu")
  return rowwise(body).then(lambda flat: nn.tanh(flat).reshape(-1, *image_shape))


def patch_discriminator(
  channels: int, hidden: Sequence[int], normalization: str
) -> BatchNetwork:
  """Image -> a logit for each patch, higher where it looks real.

  Args:
    channels: C of the images.
    hidden: channels of the convolutions, each of which halves height and width.
    normalization: a key of `PATCH_NORMALIZATIONS`; 'instance' leaves out the first
      convolution and the last.

  Returns:
    BatchNetwork with images_bhwc -> float32 [B, h, w].
  """
  inner = PATCH_NORMALIZATIONS[normalization]()
  edge = inner if normalization == "spectral" else NONE
  parts = {}
  for i, (before, after) in enumerate(pairwise((channels, *hidden))):
    parts[f"convolution_{i}"] = layers.convolution(
      before,
      after,
      PATCH_SIDE,
      network.HIDDEN_INIT,
      inner if i else edge,
      stride=2,
    )
  parts["logits"] = layers.convolution(hidden[-1], 1, SIDE, network.OUTPUT_INIT, edge)
  return layers.chain(parts, network.leaky_relu).then(network.only_channel)
