"""From a config to the networks of recognition, and the noise of the discriminator."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import jax
import numpy as np
from flax import linen as nn

from sgae import randomness
from sgae.networks import layers, network
from sgae.networks.network import BatchNetwork, computed_in
from sgae.networks.noisy_mlp import NoisyMlp, noisy_mlp
from sgae.networks.normalization import NONE, make_batch


def build_generator(config: Any, image_shape: tuple[int, ...]) -> BatchNetwork:
  """Returns the network latents_bz [B, Z] -> images_bhwc in (-1, 1).

  Softplus and batch normalization behind each hidden layer, tanh(x / 2) at the end:
  the sigmoid of the paper, in units of [-1, 1].
  """
  fields = config.recognition
  widths = (fields.latent_dim, *fields.generator_hidden)
  stack = {
    f"dense_{number}": layers.dense(inputs, (units,), network.HIDDEN_INIT, make_batch())
    for number, (inputs, units) in enumerate(pairwise(widths))
  }
  pixels = int(np.prod(image_shape))
  stack["output"] = layers.dense(widths[-1], (pixels,), network.OUTPUT_INIT, NONE)
  body = layers.chain(stack, nn.softplus)
  whole = body.then(lambda flat: nn.tanh(0.5 * flat).reshape(-1, *image_shape))
  return computed_in(whole, config.precision.compute)


def build_discriminator(config: Any, mean_image_hwc: np.ndarray) -> NoisyMlp:
  """Returns the network (images_bhwc, noise) -> (logits_bk, features_bf)."""
  fields = config.recognition
  built = noisy_mlp(mean_image_hwc, fields.discriminator_hidden, fields.num_classes)
  return built._replace(network=computed_in(built.network, config.precision.compute))


def draw_noise(
  key: jax.Array,
  positions_b: jax.Array,
  widths: Sequence[int],
  settings: Mapping[str, Any],
) -> tuple[jax.Array, ...]:
  """Returns the noise before each layer, float32 [B, width], by place in the batch.

  Args:
    key: of the step and the use.
    positions_b: int32 [B], in the global batch.
    widths: of what goes into each layer.
    settings: its deviations, `input_noise` and `hidden_noise`.
  """
  deviations = [settings["input_noise"]] + [settings["hidden_noise"]] * len(widths)
  drawn = randomness.normal(key, positions_b, (sum(widths),))
  ends = np.cumsum(widths)[:-1].tolist()
  parts = jax.numpy.split(drawn, ends, axis=1)
  return tuple(d * part for d, part in zip(deviations, parts, strict=False))
