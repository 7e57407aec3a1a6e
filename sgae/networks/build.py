"""From a config to networks: the only file in this folder that knows config fields."""

from collections.abc import Callable
from typing import Any

import numpy as np

from sgae.networks import conv_autoencoder, dcgan, layers, mlp, residual, sparsity
from sgae.networks.autoencoder import Autoencoder, Tie, make_autoencoder
from sgae.networks.classifier import Classifier, make_classifier
from sgae.networks.generator import (
  Generator,
  make_plain_generator,
  make_sparse_generator,
)
from sgae.networks.network import (
  PIECEWISE_LINEAR,
  BatchNetwork,
  Network,
  computed_in,
  rowwise,
)
from sgae.networks.normalization import KEEP_LINES
from sgae.networks.sparsity import SparsityMap

SPARSITY_MAPS: dict[str, Callable[[Any], SparsityMap]] = {
  "none": lambda code: sparsity.make_identity(),
  "relu": lambda code: sparsity.make_relu(),
  "sigmoid": lambda code: sparsity.make_sigmoid(),
  "topk": lambda code: sparsity.make_topk(code.k),
  "batch_topk": lambda code: sparsity.make_batch_topk(code.k),
  "jumprelu": lambda code: sparsity.make_jumprelu(code.threshold, code.bandwidth),
}


def build_autoencoder(config: Any, mean_image_hwc: np.ndarray) -> Autoencoder:
  """Builds the autoencoder that `config.sae` and `config.code` describe.

  Args:
    config: a validated config.
    mean_image_hwc: float32 [H, W, C] in [-1, 1], mean of the training images.
  """
  build_encoder, _, tie = AUTOENCODERS[config.sae.architecture]
  encoder = build_encoder(config, mean_image_hwc)
  return make_autoencoder(
    computed_in(encoder, config.precision.compute),
    SPARSITY_MAPS[config.code.sparsity_map](config.code),
    _build_decoder(config, mean_image_hwc),
    config.code.num_latents,
    tie if config.sae.tied_start else None,
  )


def build_generator(config: Any, mean_image_hwc: np.ndarray) -> Generator:
  """Builds the generator that `config.gan` describes; arguments as above."""
  return GENERATORS[config.gan.generator](config, mean_image_hwc)


def build_discriminator(config: Any, image_shape: tuple[int, int, int]) -> BatchNetwork:
  """Builds the discriminator that `config.gan` describes.

  Args:
    config: a validated config.
    image_shape: (H, W, C).
  """
  build = DISCRIMINATORS[config.gan.discriminator_architecture]
  return computed_in(build(config.gan, image_shape), config.precision.compute)


def discriminator_is_piecewise_linear(config: Any) -> bool:
  """Says whether logits are so in images and in parameters named 'bias' together.

  Of a network that computes in bfloat16 they are not: its rounding shows.
  """
  gan = config.gan
  return (
    gan.discriminator_activation in PIECEWISE_LINEAR
    and gan.discriminator_normalization in KEEP_LINES
    and config.precision.compute == "float32"
  )


def build_classifier(config: Any, image_shape: tuple[int, int, int]) -> Classifier:
  """Builds the classifier that `config.classifier` describes; arguments as above."""
  fields = config.classifier
  return make_classifier(
    image_shape, fields.channels, fields.num_features, fields.num_classes
  )


def _build_decoder(config, mean_image_hwc):
  _, build, _ = AUTOENCODERS[config.sae.architecture]
  return computed_in(build(config, mean_image_hwc), config.precision.compute)


def _mlp_encoder(config, mean_image_hwc):
  sae = config.sae
  return mlp.mlp_encoder(
    mean_image_hwc, sae.encoder_hidden, config.code.num_latents, sae.activation
  )


def _mlp_decoder(config, mean_image_hwc):
  sae = config.sae
  return mlp.mlp_decoder(
    mean_image_hwc,
    sae.decoder_hidden,
    config.code.num_latents,
    sae.activation,
    sae.output,
  )


def _spatial_encoder(config, mean_image_hwc):
  sae = config.sae
  return conv_autoencoder.spatial_encoder(
    mean_image_hwc,
    sae.encoder_hidden,
    config.code.num_latents,
    sae.kernel_size,
    sae.activation,
  )


def _spatial_decoder(config, mean_image_hwc):
  sae = config.sae
  return conv_autoencoder.spatial_decoder(
    mean_image_hwc,
    sae.decoder_hidden,
    config.code.num_latents,
    sae.kernel_size,
    sae.activation,
    sae.output,
  )


# Encoder and decoder of the autoencoder, (config, mean_image_hwc) -> Network each, and
# what ties the one to the other, see `make_autoencoder`.
AUTOENCODERS: dict[str, tuple[Callable[..., Network], Callable[..., Network], Tie]] = {
  "mlp": (_mlp_encoder, _mlp_decoder, mlp.tied_to_atoms),
  "convolutional": (_spatial_encoder, _spatial_decoder, conv_autoencoder.tied_to_atoms),
}


def _sparse(config, mean_image_hwc):
  gan, num_latents = config.gan, config.code.num_latents
  places = ()
  if config.sae.architecture == "convolutional":
    strides = 1 + len(config.sae.decoder_hidden)
    places = layers.halved(mean_image_hwc.shape, strides)
  coder = GENERATOR_BODIES[gan.generator_architecture](
    gan, (*places, num_latents), "linear"
  )
  return make_sparse_generator(
    computed_in(coder, config.precision.compute),
    SPARSITY_MAPS[config.code.sparsity_map](config.code),
    _build_decoder(config, mean_image_hwc),
    num_latents,
  )


def _plain(config, mean_image_hwc):
  gan = config.gan
  network = GENERATOR_BODIES[gan.generator_architecture](
    gan, mean_image_hwc.shape, gan.generator_output
  )
  return make_plain_generator(computed_in(network, config.precision.compute))


GENERATORS: dict[str, Callable[..., Generator]] = {"sparse": _sparse, "plain": _plain}


def _mlp_body(gan, shape, output):
  return rowwise(
    mlp.mlp_generator(
      shape, gan.latent_dim, gan.generator_hidden, gan.generator_activation, output
    )
  )


def _dcgan_body(gan, shape, output):
  return dcgan.dcgan_generator(
    shape,
    gan.latent_dim,
    gan.generator_hidden,
    gan.kernel_size,
    gan.generator_activation,
    output,
    gan.generator_normalization,
  )


def _residual_body(gan, shape, output):
  return residual.residual_generator(
    shape,
    gan.latent_dim,
    gan.generator_hidden,
    gan.residual.blocks,
    gan.residual.groups,
    gan.generator_activation,
    output,
  )


# Noise -> an array of some shape: an image, or the pre-activations of a code;
# (config.gan, shape, output activation) -> BatchNetwork.
GENERATOR_BODIES: dict[str, Callable[..., BatchNetwork]] = {
  "mlp": _mlp_body,
  "dcgan": _dcgan_body,
  "residual": _residual_body,
}


def _mlp_discriminator(gan, image_shape):
  return rowwise(
    mlp.mlp_discriminator(
      image_shape, gan.discriminator_hidden, gan.discriminator_activation
    )
  )


def _dcgan_discriminator(gan, image_shape):
  return dcgan.dcgan_discriminator(
    image_shape,
    gan.discriminator_hidden,
    gan.kernel_size,
    gan.discriminator_activation,
    gan.discriminator_normalization,
  )


def _residual_discriminator(gan, image_shape):
  return residual.residual_discriminator(
    image_shape,
    gan.discriminator_hidden,
    gan.residual.blocks,
    gan.residual.groups,
    gan.discriminator_activation,
  )


# (config.gan, image_shape) -> BatchNetwork
DISCRIMINATORS: dict[str, Callable[..., BatchNetwork]] = {
  "mlp": _mlp_discriminator,
  "dcgan": _dcgan_discriminator,
  "residual": _residual_discriminator,
}
