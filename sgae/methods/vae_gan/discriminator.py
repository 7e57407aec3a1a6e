"""The discriminator, whose features are what reconstructions are compared by."""

from typing import Any, NamedTuple

import jax
import numpy as np

from sgae.methods.vae.networks import ARCHITECTURES
from sgae.networks import mlp
from sgae.networks.network import ACTIVATIONS, Network, computed_in


class _Body(NamedTuple):
  """What describes the layers before the features, named as for an encoder."""

  encoder_hidden: tuple[int, ...]
  activation: str
  kernel_size: int


def build_discriminator(config: Any, mean_image_hwc: np.ndarray) -> Network:
  """Builds the discriminator: features, and a logit that is linear in them.

  Args:
    config: validated.
    mean_image_hwc: float32 [H, W, C] in [-1, 1], which is subtracted from images.

  Returns:
    Network with `apply(params, images_bhwc in [-1, 1]) -> (logits, features)`, float32
    [B] and [B, F]; logits are higher for images that look real.
  """
  fields = config.vae_gan
  *hidden, count = fields.discriminator_hidden
  activation = fields.discriminator_activation
  body = _Body(tuple(hidden), activation, config.vae.kernel_size)
  build_features, _ = ARCHITECTURES[config.vae.architecture]
  features: Any = build_features(body, mean_image_hwc, count)
  head = mlp.mlp_discriminator((1, 1, count), (), activation)

  def init(key):
    features_key, head_key = jax.random.split(key)
    return {"features": features.init(features_key), "head": head.init(head_key)}

  def apply(params, images_bhwc):
    outputs_bf = features.apply(params["features"], images_bhwc)
    features_bf = ACTIVATIONS[activation](outputs_bf)
    return head.apply(params["head"], features_bf), features_bf

  return computed_in(Network(init, apply), config.precision.compute)
