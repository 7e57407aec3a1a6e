"""From a config to the networks of super-resolution, and its small images."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sgae.data.resident import to_model_range
from sgae.methods.sparse_autoencoder.networks import build_decoder, build_sparsity
from sgae.networks import dcgan, mlp
from sgae.networks.autoencoder import Autoencoder, make_autoencoder
from sgae.networks.network import BatchNetwork, Network, Params, computed_in
from sgae.networks.resampling import resample
from sgae.networks.upscaler import upscaler
from sgae.reporting.pictures import to_bytes

FILTER = "bicubic"  # that makes the small images


class Generator(NamedTuple):
  """What makes large images of small ones.

  Attributes:
    init: `init(key) -> params`.
    apply: `apply(params, small_bhwc, *, train, axis) -> (images_bhwc, code)`, images
      float32 and not clipped; the code is None where there is none.
    after_update: `after_update(params, code, axis) -> params`.
  """

  init: Callable[[jax.Array], Params]
  apply: Callable[..., tuple[jax.Array, Any]]
  after_update: Callable[..., Params]


def small_shape(image_shape: tuple[int, ...], factor: int) -> tuple[int, ...]:
  """Returns (H, W, C) of the small images."""
  height, width, channels = image_shape
  return height // factor, width // factor, channels


def resample_bytes(
  images_bhwc: jax.Array, size: tuple[int, int], name: str
) -> jax.Array:
  """Returns images of another size as Pillow makes them of bytes: rounded and clipped.

  Args:
    images_bhwc: float32 in [-1, 1].
    size: (rows, columns).
    name: of `FILTERS`.

  Returns:
    float32 in [-1, 1], of 256 levels, without a gradient.
  """
  return resample(images_bhwc, size, name, lambda x: to_model_range(to_bytes(x)))


def downscale(images_bhwc: jax.Array, factor: int) -> jax.Array:
  """Returns the small images, as a file of bytes would hold them.

  Args:
    images_bhwc: float32 in [-1, 1].
    factor: how many times as few rows and columns they have.

  Returns:
    float32 in [-1, 1], of 256 levels, without a gradient.
  """
  height, width, _ = small_shape(images_bhwc.shape[1:], factor)
  return resample_bytes(images_bhwc, (height, width), FILTER)


def build_generator(config: Any, mean_image_hwc: np.ndarray) -> Generator:
  """Returns the generator that `config.super_resolution` describes.

  Args:
    config: validated.
    mean_image_hwc: float32 [H, W, C] in [-1, 1], mean of the training images.
  """
  return GENERATORS[config.super_resolution.generator](config, mean_image_hwc)


def build_discriminator(config: Any, image_shape: tuple[int, ...]) -> BatchNetwork:
  """Returns the network images_bhwc -> logits, float32 [B]."""
  height, width, channels = image_shape
  network = dcgan.dcgan_discriminator(
    (height, width, channels),
    config.super_resolution.discriminator_hidden,
    kernel_size=config.super_resolution.kernel_size,
    activation="leaky_relu",
    normalization="spectral",
  )
  return computed_in(network, config.precision.compute)


def _residual(config: Any, mean_image_hwc: np.ndarray) -> Generator:
  fields = config.super_resolution
  network: Network = computed_in(
    upscaler(mean_image_hwc.shape[2], fields.factor, fields.channels, fields.blocks),
    config.precision.compute,
  )

  def apply(params, small_bhwc, *, train, axis=None):
    del train, axis
    return network.apply(params, small_bhwc), None

  return Generator(network.init, apply, lambda params, code, axis: params)


def _sparse(config: Any, mean_image_hwc: np.ndarray) -> Generator:
  autoencoder = _coupled_autoencoder(config, mean_image_hwc)

  def apply(params, small_bhwc, *, train, axis=None):
    code, _ = autoencoder.encode(params, small_bhwc, train=train, axis=axis)
    return autoencoder.decode(params, code), code

  def after_update(params, code, axis):
    return autoencoder.after_update(params, code.values, axis)

  return Generator(autoencoder.init, apply, after_update)


def _coupled_autoencoder(config: Any, mean_image_hwc: np.ndarray) -> Autoencoder:
  """Returns the autoencoder's sparsity map and decoder, with another encoder."""
  fields = config.super_resolution
  encoder = mlp.mlp_encoder(
    np.asarray(downscale(jnp.asarray(mean_image_hwc)[None], fields.factor)[0]),
    fields.encoder_hidden,
    config.code.num_latents,
    config.sae.activation,
  )
  return make_autoencoder(
    computed_in(encoder, config.precision.compute),
    build_sparsity(config, mean_image_hwc.shape),
    build_decoder(config, mean_image_hwc),
    config.code.num_latents,
    None,
  )


# What makes the images, (config, mean_image_hwc) -> Generator.
GENERATORS: dict[str, Callable[..., Generator]] = {
  "residual": _residual,
  "sparse": _sparse,
}
