"""From a config to the networks of the GAN."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from sgae.methods.attention import attention_of
from sgae.methods.gan.energy import ENERGIES, build_energy
from sgae.methods.sparse_autoencoder.networks import (
  build_decoder,
  build_sparsity,
  code_shape,
)
from sgae.networks import conditional, dcgan, layers, mlp, residual
from sgae.networks.attention import Attention
from sgae.networks.deviation import with_deviation
from sgae.networks.energy import only_logits
from sgae.networks.generator import (
  Generator,
  make_plain_generator,
  make_sparse_generator,
)
from sgae.networks.mixture import Mixture
from sgae.networks.network import (
  ACTIVATIONS,
  BatchNetwork,
  computed_in,
  only_channel,
  rowwise,
)
from sgae.networks.normalization import at_edges


def build_generator(config: Any, mean_image_hwc: np.ndarray) -> Generator:
  """Builds the generator that `config.gan` describes.

  Args:
    config: a validated config.
    mean_image_hwc: float32 [H, W, C] in [-1, 1], mean of the training images.

  Raises:
    UserError: `gan.generator_attention` names a map that the generator has not.
  """
  return GENERATORS[config.gan.generator](config, mean_image_hwc)


def build_discriminator(config: Any, mean_image_hwc: np.ndarray) -> BatchNetwork:
  """Builds the discriminator that `config.gan` describes.

  Args:
    config: a validated config.
    mean_image_hwc: float32 [H, W, C] in [-1, 1], mean of the training images; of all
      but autoencoders its shape alone counts. The network has `gan.packing` times as
      many channels.

  Returns:
    BatchNetwork with images_bhwc, or with classes (images_bhwc, weights [B, K]), ->
    float32 [B].

  Raises:
    UserError: `gan.discriminator_attention` names a map that it has not.
  """
  architecture = config.gan.discriminator_architecture
  mean_image_hwc = np.tile(mean_image_hwc, config.gan.packing)
  if architecture in ENERGIES:
    return build_energy(config, mean_image_hwc).then(only_logits)
  naming = build_class_discriminator(config, mean_image_hwc.shape)
  if naming is not None:
    return conditional.without_classes(naming)
  network = _discriminator_body(config.gan)(mean_image_hwc.shape, 1).then(only_channel)
  return computed_in(network, config.precision.compute)


def build_class_discriminator(
  config: Any, image_shape: tuple[int, ...]
) -> BatchNetwork | None:
  """Builds the discriminator with what it says of classes; None where there are none.

  Args:
    config: a validated config.
    image_shape: (H, W, C).
  """
  fields = config.gan.conditional
  if not fields.classes:
    return None
  network = conditional.conditional_discriminator(
    _discriminator_body(config.gan),
    image_shape,
    conditional.JUDGEMENTS[fields.discriminator],
    fields.classes,
    fields.width,
  )
  return computed_in(network, config.precision.compute)


def _discriminator_body(
  gan: Any,
) -> Callable[[tuple[int, ...], int], BatchNetwork]:
  """Returns `build((H, W, C), N)`, a discriminator images_bhwc -> float32 [B, N]."""
  build = functools.partial(DISCRIMINATORS[gan.discriminator_architecture], gan)
  if not gan.deviation_group:
    return build
  features = gan.discriminator_hidden[-1]

  def with_group(image_shape, outputs):
    body = build(image_shape, features)
    return with_deviation(
      body,
      features,
      outputs,
      gan.deviation_group,
      ACTIVATIONS[gan.discriminator_activation],
      at_edges(gan.discriminator_normalization),
    )

  return with_group


def check_networks(config: Any, image_shape: tuple[int, ...]) -> None:
  """Refuses networks that images of such a shape, (H, W, C), do not allow."""
  for build in (build_generator, build_discriminator):
    build(config, np.zeros(image_shape, np.float32))


# How often the largest map of a network that may be attended is halved.
LARGEST = {"dcgan": 1, "residual": 0}


def _attention(gan, player, shape) -> Attention:
  """Returns where a player attends that makes, or sees, arrays of a shape (H, W, C)."""
  hidden = tuple(gan[f"{player}_hidden"])
  if player == "generator":
    hidden = hidden[::-1]
  largest = LARGEST[gan[f"{player}_architecture"]]
  maps = [
    (layers.halved(shape, times)[0], channels)
    for times, channels in enumerate(hidden, largest)
  ]
  return attention_of("gan", gan, player, maps)


def _sparse(config, mean_image_hwc):
  gan, shape = config.gan, code_shape(config, mean_image_hwc.shape)
  mixture, fields = None, gan.mixture
  if gan.coder == "mixture":
    classes = gan.conditional.classes
    mixture = Mixture(shape, fields.components, fields.axes, fields.rank, classes)
  # the coder sees what was drawn
  coder = _generator_body(gan, shape, mixture.axes if mixture else 0, "linear")
  return make_sparse_generator(
    computed_in(coder, config.precision.compute),
    build_sparsity(config, mean_image_hwc.shape),
    build_decoder(config, mean_image_hwc),
    config.code.num_latents,
    mixture,
    gan.mixture.trained,
  )


def _plain(config, mean_image_hwc):
  network = _generator_body(
    config.gan, mean_image_hwc.shape, 0, config.gan.generator_output
  )
  return make_plain_generator(computed_in(network, config.precision.compute))


def _generator_body(gan, shape, more, output):
  """Returns what makes an array of latents with `more` numbers after them."""
  build, fields = GENERATOR_BODIES[gan.generator_architecture], gan.conditional
  if not fields.classes:
    return build(gan, shape, gan.latent_dim + more, output)
  return conditional.embedded(
    build(gan, shape, gan.latent_dim + fields.embedding + more, output),
    gan.latent_dim,
    fields.classes,
    fields.embedding,
    modulated=gan.generator_architecture != "mlp",
  )


GENERATORS: dict[str, Callable[..., Generator]] = {"sparse": _sparse, "plain": _plain}


def _mlp_body(gan, shape, inputs, output):
  return rowwise(
    mlp.mlp_generator(
      shape, inputs, gan.generator_hidden, gan.generator_activation, output
    )
  )


def _dcgan_body(gan, shape, inputs, output):
  return dcgan.dcgan_generator(
    shape,
    inputs,
    gan.generator_hidden,
    gan.kernel_size,
    gan.generator_activation,
    output,
    gan.generator_normalization,
    _attention(gan, "generator", shape),
    gan.conditional.classes,
  )


def _residual_body(gan, shape, inputs, output):
  return residual.residual_generator(
    shape,
    inputs,
    gan.generator_hidden,
    gan.residual.blocks,
    gan.residual.groups,
    gan.generator_activation,
    output,
    _attention(gan, "generator", shape),
    gan.conditional.classes,
  )


# Noise -> an array of a given shape: an image, or the pre-activations of a code;
# (config.gan, shape, length of the input, output activation) -> BatchNetwork. Those of
# convolutions take (noise, weights of the classes) where there are classes.
GENERATOR_BODIES: dict[str, Callable[..., BatchNetwork]] = {
  "mlp": _mlp_body,
  "dcgan": _dcgan_body,
  "residual": _residual_body,
}


def _mlp_discriminator(gan, image_shape, outputs):
  return rowwise(
    mlp.mlp_outputs(
      image_shape, outputs, gan.discriminator_hidden, gan.discriminator_activation
    )
  )


def _dcgan_discriminator(gan, image_shape, outputs):
  return dcgan.dcgan_encoder(
    image_shape,
    outputs,
    gan.discriminator_hidden,
    gan.kernel_size,
    gan.discriminator_activation,
    gan.discriminator_normalization,
    _attention(gan, "discriminator", image_shape),
  )


def _residual_discriminator(gan, image_shape, outputs):
  return residual.residual_encoder(
    image_shape,
    outputs,
    gan.discriminator_hidden,
    gan.residual.blocks,
    gan.residual.groups,
    gan.discriminator_activation,
    _attention(gan, "discriminator", image_shape),
  )


# (config.gan, image_shape, N) -> BatchNetwork with images_bhwc -> float32 [B, N]; those
# of energies are in `ENERGIES`.
DISCRIMINATORS: dict[str, Callable[..., BatchNetwork]] = {
  "mlp": _mlp_discriminator,
  "dcgan": _dcgan_discriminator,
  "residual": _residual_discriminator,
}
