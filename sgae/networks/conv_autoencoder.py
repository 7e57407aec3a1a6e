"""Encoder and decoder of a convolutional autoencoder, whose code has places.

The code is [B, h, w, K]: K latents at each place of a grid. A latent is one atom of the
dictionary, wherever it fires.
"""

import functools
from collections.abc import Callable, Sequence
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np

from sgae.kernels.convolution import convolve_transposed
from sgae.kernels.sparse import Preactivations
from sgae.networks import layers, network
from sgae.networks.attention import NO_ATTENTION, Attention, attention_at
from sgae.networks.mlp import start_of_bias, unit_norm
from sgae.networks.network import Network, Params
from sgae.networks.normalization import NONE
from sgae.networks.plain_layers import TransposedLayer, transposed_layers
from sgae.networks.sparsity import values_of


def spatial_encoder(
  mean_image_hwc: np.ndarray,
  hidden: Sequence[int],
  num_latents: int,
  kernel_size: int,
  activation: str,
  attention: Attention = NO_ATTENTION,
) -> Network:
  """Image -> pre-activations of the code, the data mean subtracted first.

  The mean is kept with the weights and never trained, as in `mlp.mlp_encoder`.

  Args:
    mean_image_hwc: float [H, W, C] in [-1, 1], mean of the training images.
    hidden: channels of the convolutions before the code's; each has stride 2.
    num_latents: latents K at each place.
    kernel_size: side of the kernels, in pixels.
    activation: a name in `network.ACTIVATIONS`.
    attention: which maps of convolutions are attended, the pre-activations of the code
      as well.

  Returns:
    Network with `apply(params, images_bhwc in [-1, 1], select=None)`, which returns
    `Preactivations`, float32 [B, h, w, K]; with places none of them are selected.
  """
  mean = np.asarray(mean_image_hwc, np.float32)
  widths = [mean.shape[2], *hidden, num_latents]
  act, stack = network.ACTIVATIONS[activation], {}
  for i, (inputs, outputs) in enumerate(pairwise(widths)):
    inner = i < len(hidden)
    name, size = f"convolution_{i}", layers.halved(mean.shape, i + 1)
    init_kernel = network.HIDDEN_INIT if inner else network.OUTPUT_INIT
    layer = layers.convolution(inputs, outputs, kernel_size, init_kernel, stride=2)
    stack[name] = layer.then(act) if inner else layer
    stack |= attention_at(name, attention, size, outputs, NONE)
  # the layers hold their own activations
  body = layers.chain(stack, network.identity)

  def init(key):
    return {"mean": jnp.array(mean), "layers": body.init(key)}

  def apply(params, images_bhwc, select=None):
    del select
    centred = images_bhwc - jax.lax.stop_gradient(params["mean"])[None]
    return Preactivations(body.apply(params["layers"], centred, train=False)[0])

  return Network(init, apply)


def tied_to_atoms(params: Params, atoms_khwc: jax.Array) -> Params:
  """Returns parameters of an encoder without hidden layers as the atoms' transpose."""
  ((name, layer),) = params["layers"].items()
  tied = layer | {"kernel": jnp.moveaxis(atoms_khwc, 0, -1)}
  return params | {"layers": {name: tied}}


def spatial_decoder(
  mean_image_hwc: np.ndarray,
  hidden: Sequence[int],
  num_latents: int,
  kernel_size: int,
  activation: str,
  output: str,
  attention: Attention = NO_ATTENTION,
) -> Network:
  """Sparse code -> image. Each latent owns `params['atoms'][k]`, a patch.

  Every layer is a transposed convolution of stride 2. Without hidden layers an atom is
  a patch of the image, drawn wherever its latent fires; with them it is a patch of the
  first hidden layer. Atoms start as random unit vectors; the last bias, one for each
  pixel, starts where the decoder of an all-zero code shows the mean image.

  Args:
    mean_image_hwc: float [H, W, C] in [-1, 1], mean of the training images.
    hidden: channels of the layers between code and image.
    num_latents: latents K at each place.
    kernel_size: side of the kernels, in pixels.
    activation: a name in `network.ACTIVATIONS`.
    output: a name in `network.OUTPUT_ACTIVATIONS`.
    attention: which maps of hidden layers are attended.

  Returns:
    Network with `apply(params, code) -> float32 [B, H, W, C]`, of a `Code` or an array
    [B, h, w, K].
  """
  mean = np.asarray(mean_image_hwc, np.float32)
  widths = [*hidden, mean.shape[2]]
  sizes = [layers.halved(mean.shape, i) for i in range(len(hidden), -1, -1)]
  activate = network.ACTIVATIONS[activation]
  output_activation = network.OUTPUT_ACTIVATIONS[output]
  tail = _tail(widths, kernel_size, sizes, activate, attention)
  body = layers.chain(tail, network.identity) if tail else None

  def init(key):
    atoms_key, tail_key = jax.random.split(key)
    shape = (num_latents, kernel_size, kernel_size, widths[0])
    params = {
      "atoms": unit_norm(jax.random.normal(atoms_key, shape)),
      "pixels": jnp.array(start_of_bias(mean, output)),
    }
    if body is not None:
      params |= {"bias": jnp.zeros(widths[0]), "layers": body.init(tail_key)}
    return params

  def apply(params, code):
    kernel = jnp.moveaxis(params["atoms"], 0, -1)
    x = convolve_transposed(values_of(code), kernel, 2, sizes[0])
    if body is not None:
      x = activate(x + params["bias"][None, None, None])
      x, _ = body.apply(params["layers"], x, train=False)
    return output_activation(x + params["pixels"][None])

  plain = functools.partial(_plain_layers, sizes, activation, output)
  return Network(init, apply, layers=None if attention.resolutions else plain)


def _plain_layers(
  sizes: Sequence[tuple[int, int]], activation: str, output: str, params: Params
) -> tuple[TransposedLayer, ...]:
  """Returns the decoder's layers as plain arrays."""
  host = jax.device_get(params)
  if "layers" not in host:
    return (TransposedLayer(host["atoms"], host["pixels"], output, sizes[0]),)
  first = TransposedLayer(host["atoms"], host["bias"], activation, sizes[0])
  *inner, last = transposed_layers(host["layers"], sizes[1:], activation, output)
  return (first, *inner, last._replace(bias=last.bias + host["pixels"]))


def _tail(
  widths: Sequence[int],
  kernel_size: int,
  sizes: Sequence[tuple[int, int]],
  activate: Callable[[jax.Array], jax.Array],
  attention: Attention,
) -> dict[str, network.BatchNetwork]:
  """Returns the layers from the patches of atoms to the image, by name."""
  stack, hidden = {}, widths[:-1]
  if hidden:
    stack |= attention_at("atoms", attention, sizes[0], hidden[0], NONE)
  for i, (inputs, outputs) in enumerate(pairwise(widths)):
    inner = i < len(hidden) - 1
    name, size = f"transposed_{i}", sizes[i + 1]
    init = layers.TRANSPOSED_HIDDEN_INIT if inner else layers.TRANSPOSED_OUTPUT_INIT
    layer = layers.transposed_convolution(inputs, outputs, kernel_size, size, init)
    stack[name] = layer.then(activate) if inner else layer
    if inner:
      stack |= attention_at(name, attention, size, outputs, NONE)
  return stack
