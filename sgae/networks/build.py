"""From a config to networks: the only file in this folder that knows config fields."""

from collections.abc import Callable
from typing import Any

import numpy as np

from sgae.networks import mlp, sparsity
from sgae.networks.autoencoder import Autoencoder, make_autoencoder
from sgae.networks.classifier import Classifier, make_classifier
from sgae.networks.generator import (
  Generator,
  make_plain_generator,
  make_sparse_generator,
)
from sgae.networks.network import Network, computed_in
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
  encoder = mlp.mlp_encoder(
    mean_image_hwc,
    config.sae.encoder_hidden,
    config.code.num_latents,
    config.sae.activation,
  )
  return make_autoencoder(
    computed_in(encoder, config.precision.compute),
    SPARSITY_MAPS[config.code.sparsity_map](config.code),
    _build_decoder(config, mean_image_hwc),
    config.code.num_latents,
    config.sae.tied_start,
  )


def build_generator(config: Any, mean_image_hwc: np.ndarray) -> Generator:
  """Builds the generator that `config.gan` describes; arguments as above."""
  return GENERATORS[config.gan.generator](config, mean_image_hwc)


def build_discriminator(config: Any, image_shape: tuple[int, int, int]) -> Network:
  """Builds the discriminator that `config.gan` describes.

  Args:
    config: a validated config.
    image_shape: (H, W, C).
  """
  discriminator = mlp.mlp_discriminator(
    image_shape, config.gan.discriminator_hidden, config.gan.discriminator_activation
  )
  return computed_in(discriminator, config.precision.compute)


def build_classifier(config: Any, image_shape: tuple[int, int, int]) -> Classifier:
  """Builds the classifier that `config.classifier` describes; arguments as above."""
  fields = config.classifier
  return make_classifier(
    image_shape, fields.channels, fields.num_features, fields.num_classes
  )


def _build_decoder(config, mean_image_hwc):
  decoder = mlp.mlp_decoder(
    mean_image_hwc,
    config.sae.decoder_hidden,
    config.code.num_latents,
    config.sae.activation,
    config.sae.output,
  )
  return computed_in(decoder, config.precision.compute)


def _sparse(config, mean_image_hwc):
  coder = mlp.mlp_coder(
    config.gan.latent_dim,
    config.gan.generator_hidden,
    config.code.num_latents,
    config.gan.generator_activation,
  )
  return make_sparse_generator(
    computed_in(coder, config.precision.compute),
    SPARSITY_MAPS[config.code.sparsity_map](config.code),
    _build_decoder(config, mean_image_hwc),
    config.code.num_latents,
  )


def _plain(config, mean_image_hwc):
  network = mlp.mlp_generator(
    mean_image_hwc.shape,
    config.gan.latent_dim,
    config.gan.generator_hidden,
    config.gan.generator_activation,
    config.gan.generator_output,
  )
  return make_plain_generator(computed_in(network, config.precision.compute))


GENERATORS: dict[str, Callable[..., Generator]] = {"sparse": _sparse, "plain": _plain}
