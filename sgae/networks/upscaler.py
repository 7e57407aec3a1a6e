"""Small images to large ones: residual blocks, then sub-pixel convolution.

The blocks are those of EDSR (Lim et al. 2017, arXiv 1707.02921), without normalization;
all of them see the small image. The last convolution makes all pixels of a block at
once (ESPCN, Shi et al. 2016, arXiv 1609.05158).
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from sgae.networks import layers, network
from sgae.networks.network import Network, Params
from sgae.networks.resampling import resample


def upscaler(channels: int, factor: int, width: int, blocks: int) -> Network:
  """Returns bicubic interpolation plus what a network adds to it, at first nothing.

  Args:
    channels: C of the images.
    factor: how many times as many rows and columns the result has.
    width: channels of the residual blocks.
    blocks: how many there are.

  Returns:
    Network with `apply(params, images_bhwc in [-1, 1])` -> float32 [B, factor * H,
    factor * W, C], not clipped.
  """
  parts = {"first": layers.convolution(channels, width, 3, network.HIDDEN_INIT)}
  for i in range(blocks):
    parts[f"block_{i}"] = layers.convolution(width, width, 3, network.HIDDEN_INIT)
    parts[f"block_{i}_last"] = layers.convolution(
      width, width, 3, nn.initializers.zeros
    )
  pixels = channels * factor**2
  parts["pixels"] = layers.convolution(width, pixels, 3, nn.initializers.zeros)

  def apply(params: Params, images_bhwc):
    def layer(name, x):
      return parts[name].apply(params[name], x, train=False)[0]

    x = layer("first", images_bhwc)
    for i in range(blocks):
      x = x + layer(f"block_{i}_last", nn.relu(layer(f"block_{i}", x)))
    height, width = images_bhwc.shape[1:3]
    size = (factor * height, factor * width)
    return resample(images_bhwc, size, "bicubic") + from_cells(
      layer("pixels", x), factor
    )

  return Network(layers.init_of(parts), apply)


def from_cells(cells_bhwc: jax.Array, factor: int) -> jax.Array:
  """Lays the channels of each place out as a block of pixels (depth to space).

  >>> from_cells(jnp.arange(4.0).reshape(1, 1, 1, 4), 2)[0, :, :, 0].tolist()
  [[0.0, 1.0], [2.0, 3.0]]

  Args:
    cells_bhwc: float [B, H, W, factor * factor * C].
    factor: rows and columns of a block.

  Returns:
    float [B, factor * H, factor * W, C].
  """
  height, width, numbers = cells_bhwc.shape[1:]
  channels = numbers // factor**2
  cells = cells_bhwc.reshape(-1, height, width, factor, factor, channels)
  rows = jnp.swapaxes(cells, 2, 3)
  return rows.reshape(-1, factor * height, factor * width, channels)
