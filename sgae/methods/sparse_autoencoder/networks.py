"""From a config to the networks of the sparse autoencoder."""

from collections.abc import Callable
from typing import Any

import numpy as np

from sgae.data.dataset import Dataset
from sgae.errors import UserError
from sgae.methods.attention import attention_of
from sgae.networks import conv_autoencoder, layers, lista, mlp, sparsity
from sgae.networks.autoencoder import Autoencoder, Tie, make_autoencoder
from sgae.networks.network import Network, computed_in
from sgae.networks.sparsity import SparsityMap

SPARSITY_MAPS: dict[str, Callable[[Any], SparsityMap]] = {
  "none": lambda code: sparsity.make_identity(),
  "relu": lambda code: sparsity.make_relu(),
  "gated": lambda code: sparsity.make_gated(),
  "sigmoid": lambda code: sparsity.make_sigmoid(),
  "topk": lambda code: sparsity.make_topk(code.k),
  "batch_topk": lambda code: sparsity.make_batch_topk(code.k),
  "jumprelu": lambda code: sparsity.make_jumprelu(code.threshold, code.bandwidth),
}
WITH_K = ("topk", "batch_topk")  # maps that keep code.k numbers


def build_autoencoder(config: Any, mean_image_hwc: np.ndarray) -> Autoencoder:
  """Builds the autoencoder that `config.sae` and `config.code` describe.

  Args:
    config: a validated config.
    mean_image_hwc: float32 [H, W, C] in [-1, 1], mean of the training images.

  Raises:
    UserError: the section's attention names a map that encoder or decoder has not, or
      `code.k` is more than the code has numbers.
  """
  build_encoder, _, tie = AUTOENCODERS[config.sae.architecture]
  encoder = build_encoder(config, mean_image_hwc)
  return make_autoencoder(
    computed_in(encoder, config.precision.compute),
    build_sparsity(config, mean_image_hwc.shape),
    build_decoder(config, mean_image_hwc),
    config.code.num_latents,
    tie if config.sae.tied_start else None,
  )


def build_sparsity(config: Any, image_shape: tuple[int, ...]) -> SparsityMap:
  """Builds the sparsity map that `config.code` describes, for images (H, W, C).

  Raises:
    UserError: `code.k` is more than the code of an image has numbers.
  """
  code, shape = config.code, code_shape(config, image_shape)
  if code.sparsity_map in WITH_K and code.k > np.prod(shape):
    raise UserError(
      f"code.k={code.k} is more than the {np.prod(shape)} numbers of a code "
      f"{shape}: choose fewer"
    )
  return SPARSITY_MAPS[code.sparsity_map](code)


def build_decoder(config: Any, mean_image_hwc: np.ndarray) -> Network:
  """Builds the decoder alone; arguments as for `build_autoencoder`."""
  _, build, _ = AUTOENCODERS[config.sae.architecture]
  return computed_in(build(config, mean_image_hwc), config.precision.compute)


def check_data(config: Any, dataset: Dataset) -> None:
  """Refuses networks that the images of the data do not allow."""
  image_shape = dataset.train.images.shape[1:]
  build_autoencoder(config, np.zeros(image_shape, np.float32))


def code_shape(config: Any, image_shape: tuple[int, ...]) -> tuple[int, ...]:
  """Returns the shape of one image's code: (K,), or (h, w, K) with places."""
  if config.sae.architecture != "convolutional":
    return (config.code.num_latents,)
  strides = 1 + len(config.sae.decoder_hidden)
  return (*layers.halved(image_shape, strides), config.code.num_latents)


def _mlp_encoder(config, mean_image_hwc):
  sae = config.sae
  return mlp.mlp_encoder(
    mean_image_hwc, sae.encoder_hidden, config.code.num_latents, sae.activation
  )


def _mlp_decoder(config, mean_image_hwc):
  sae = config.sae
  width = sae.target_width  # of vectors, which are standardised: their mean is 0
  return mlp.mlp_decoder(
    np.zeros((1, 1, width), np.float32) if width else mean_image_hwc,
    sae.decoder_hidden,
    config.code.num_latents,
    sae.activation,
    sae.output,
  )


def _lista_encoder(config, mean_image_hwc):
  return lista.lista_encoder(
    mean_image_hwc,
    config.code.num_latents,
    config.sae.lista_iterations,
    signed=config.code.sparsity_map == "none",
  )


def _spatial_encoder(config, mean_image_hwc):
  sae = config.sae
  channels = (*sae.encoder_hidden, config.code.num_latents)
  maps = [
    (layers.halved(mean_image_hwc.shape, i + 1)[0], width)
    for i, width in enumerate(channels)
  ]
  return conv_autoencoder.spatial_encoder(
    mean_image_hwc,
    sae.encoder_hidden,
    config.code.num_latents,
    sae.kernel_size,
    sae.activation,
    attention_of("sae", sae, "encoder", maps),
  )


def _spatial_decoder(config, mean_image_hwc):
  sae = config.sae
  maps = [
    (layers.halved(mean_image_hwc.shape, i + 1)[0], width)
    for i, width in enumerate(reversed(sae.decoder_hidden))
  ]
  return conv_autoencoder.spatial_decoder(
    mean_image_hwc,
    sae.decoder_hidden,
    config.code.num_latents,
    sae.kernel_size,
    sae.activation,
    sae.output,
    attention_of("sae", sae, "decoder", maps),
  )


# The architectures whose maps may be attended.
WITH_MAPS = ("convolutional",)

# Encoder and decoder of the autoencoder, (config, mean_image_hwc) -> Network each, and
# what ties the one to the other, see `make_autoencoder`.
AUTOENCODERS: dict[str, tuple[Callable[..., Network], Callable[..., Network], Tie]] = {
  "mlp": (_mlp_encoder, _mlp_decoder, mlp.tied_to_atoms),
  "lista": (_lista_encoder, _mlp_decoder, lista.tied_to_atoms),
  "convolutional": (_spatial_encoder, _spatial_decoder, conv_autoencoder.tied_to_atoms),
}
