"""A fully connected network with weight normalization, and noise before each layer.

Weight normalization: Salimans & Kingma 2016 (arXiv 1602.07868); as a discriminator that
names classes: Salimans et al. 2016 (arXiv 1606.03498).
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from sgae.kernels.dense import dot_general
from sgae.networks.network import Network, Params

LEAST_DEVIATION = 1e-6  # of a unit over examples; one that is below it stays as it is
# Of fresh kernels. Only their directions count, but the longer they are the less a step
# of Adam turns them; this one is that of the paper's code.
START_DEVIATION = 0.1

Noise = Sequence[jax.Array]  # before each layer, float32 [B, its inputs]


class NoisyMlp(NamedTuple):
  """Image -> logits, with the features that they are linear in.

  Each unit is scale * direction . x + bias with a direction of length 1, and ReLU
  behind hidden ones. The scales of hidden units are not trained.

  Attributes:
    widths: numbers that go into each layer, for which there is noise.
    network: its parameters are layers `Dense_0`, `Dense_1` and so on, and `mean`. It
      takes (images_bhwc, noise), images float32 in [-1, 1] and the noise as it is
      added, None for none; and gives (logits_bk, features_bf), the features before
      the last layer's noise.
    fitted: `fitted(params, images_bhwc, noise) -> params` whose units have mean 0 and
      deviation 1 over these images before their activation.
  """

  widths: tuple[int, ...]
  network: Network
  fitted: Callable[[Params, jax.Array, Noise], Params]


def noisy_mlp(
  mean_image_hwc: np.ndarray, hidden: Sequence[int], outputs: int
) -> NoisyMlp:
  """Builds the network.

  Args:
    mean_image_hwc: float [H, W, C] in [-1, 1], which is subtracted from images and kept
      with the weights, never trained.
    hidden: widths between image and logits, at least one.
    outputs: how many logits, K.
  """
  mean = np.asarray(mean_image_hwc, np.float32)
  sizes = list(pairwise((mean.size, *hidden, outputs)))

  def init(key):
    params: dict[str, Any] = {"mean": jnp.array(mean)}
    keys = jax.random.split(key, len(sizes))
    for number, (inputs, units) in enumerate(sizes):
      params[f"Dense_{number}"] = {
        "kernel": START_DEVIATION * jax.random.normal(keys[number], (inputs, units)),
        "scale": jnp.ones(units),
        "bias": jnp.zeros(units),
      }
    return params

  def centred(params, images_bhwc):
    flat = images_bhwc - jax.lax.stop_gradient(params["mean"])[None]
    return flat.reshape(images_bhwc.shape[0], -1)

  def apply(params, inputs):
    images_bhwc, noise = inputs
    x = features = centred(params, images_bhwc)
    for number in range(len(sizes)):
      last = number == len(sizes) - 1
      features = x
      x = x if noise is None else x + noise[number]
      x = _layer(params[f"Dense_{number}"], x, trained_scale=last)
      x = x if last else nn.relu(x)
    return x, features

  def fitted(params, images_bhwc, noise: Noise):
    params, x = dict(params), centred(params, images_bhwc)
    for number in range(len(sizes)):
      name, x = f"Dense_{number}", x + noise[number]
      layer = params[name] | {"scale": jnp.ones(sizes[number][1])}
      product = _layer(layer | {"bias": jnp.zeros(sizes[number][1])}, x, False)
      spread = product.std(axis=0)
      deviation = jnp.where(spread > LEAST_DEVIATION, spread, 1.0)
      bias = -product.mean(axis=0) / deviation
      params[name] = layer | {"scale": 1 / deviation, "bias": bias}
      x = nn.relu(_layer(params[name], x, False))
    return params

  inputs = tuple(inputs for inputs, _ in sizes)
  return NoisyMlp(inputs, Network(init, apply), fitted)


def _layer(layer: Params, x: jax.Array, trained_scale: bool) -> jax.Array:
  kernel, scale = layer["kernel"], layer["scale"]
  scale = scale if trained_scale else jax.lax.stop_gradient(scale)
  norms = jnp.sqrt(jnp.sum(kernel**2, axis=0))
  factors = scale / jnp.maximum(norms, 1e-12)
  # of the product, which is smaller than the kernel
  product = dot_general(x, kernel, (((1,), (0,)), ((), ())))
  return product * factors[None] + layer["bias"][None]
