"""A small convolutional classifier, whose hidden layer is what measures look at."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from sgae.kernels.convolution import convolve
from sgae.networks import network
from sgae.networks.network import Params

# Branches of the parameters: those that features are made by, and all of them.
FEATURES = ("conv_0", "conv_1", "conv_2", "hidden")
BRANCHES = (*FEATURES, "output")
KERNELS = (5, 5, 3)  # sides of the kernels; each layer halves height and width


class Classifier(NamedTuple):
  """A classifier as pure functions.

  Attributes:
    init: `init(key) -> params`.
    features: `features(params, images_bhwc in [-1, 1]) -> float32 [B, D]`, rectified.
    logits: `logits(params, features_bd) -> float32 [B, K]`.
  """

  init: Callable[[jax.Array], Params]
  features: Callable[[Params, jax.Array], jax.Array]
  logits: Callable[[Params, jax.Array], jax.Array]

  def classify(self, params: Params, images_bhwc: jax.Array) -> jax.Array:
    """Returns the logits of images, float32 [B, K]."""
    return self.logits(params, self.features(params, images_bhwc))


def make_classifier(
  image_shape: tuple[int, ...],
  channels: Sequence[int],
  num_features: int,
  num_classes: int,
) -> Classifier:
  """Three convolutions of stride 2, one hidden layer, one linear layer.

  Args:
    image_shape: (H, W, C).
    channels: widths of the three convolutions.
    num_features: width D of the hidden layer.
    num_classes: K.
  """
  height, width, inputs = image_shape
  halvings = 2 ** len(channels)
  flat = math.ceil(height / halvings) * math.ceil(width / halvings) * channels[-1]

  def init(key):
    keys = jax.random.split(key, len(channels) + 2)
    params, fan = {}, inputs
    for i, (outputs, side) in enumerate(zip(channels, KERNELS, strict=True)):
      kernel = network.HIDDEN_INIT(keys[i], (side, side, fan, outputs))
      params[f"conv_{i}"] = {"kernel": kernel, "bias": jnp.zeros(outputs)}
      fan = outputs
    hidden = network.HIDDEN_INIT(keys[-2], (flat, num_features))
    params["hidden"] = {"kernel": hidden, "bias": jnp.zeros(num_features)}
    output = network.OUTPUT_INIT(keys[-1], (num_features, num_classes))
    params["output"] = {"kernel": output, "bias": jnp.zeros(num_classes)}
    return params

  def features(params, x):
    for i in range(len(channels)):
      layer = params[f"conv_{i}"]
      x = nn.relu(convolve(x, layer["kernel"], 2) + layer["bias"][None, None, None])
    return nn.relu(_dense(params["hidden"], x.reshape(x.shape[0], -1)))

  def logits(params, features_bd):
    return _dense(params["output"], features_bd)

  return Classifier(init, features, logits)


def _dense(layer, x):
  return x @ layer["kernel"] + layer["bias"][None]
