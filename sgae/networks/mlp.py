"""Fully connected networks of any widths, for images of any size.

Hidden layers start from He's initialiser, last layers from LeCun's, biases from zero;
the decoder's atoms start as random unit vectors (see `mlp_decoder`).
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from sgae.kernels import sparse
from sgae.kernels.dense import WIDE, dot_general
from sgae.networks import dropout, network
from sgae.networks.dropout import Inputs
from sgae.networks.network import Network, Params
from sgae.networks.plain_layers import DenseLayer
from sgae.networks.sparsity import sum_of_atoms


class _Layers(nn.Module):
  """Dense layers, an activation after each hidden one; `outputs` 0: those alone."""

  hidden: Sequence[int]
  outputs: int
  activation: Callable[[jax.Array], jax.Array]

  @nn.compact
  def __call__(self, x: jax.Array, kept_bn: jax.Array | None = None) -> jax.Array:
    def dense(width, kernel_init):
      return nn.Dense(width, kernel_init=kernel_init, dot_general=dot_general)

    units = dropout.of_layers(kept_bn, self.hidden)
    for width, kept_bw in zip(self.hidden, units, strict=True):
      x = self.activation(dense(width, network.HIDDEN_INIT)(x))
      x = x if kept_bw is None else x * kept_bw
    return dense(self.outputs, network.OUTPUT_INIT)(x) if self.outputs else x


def mlp_encoder(
  mean_image_hwc: np.ndarray,
  hidden: Sequence[int],
  num_latents: int,
  activation: str,
) -> Network:
  """Image -> pre-activations of the code, the data mean subtracted first.

  Each latent owns one row of `params['rows']`, [K, D], as of the decoder's atoms.

  The mean is stored with the weights (`params['mean']`, never trained), because a
  large |mean| / std of the inputs is what kills latents.

  Args:
    mean_image_hwc: float [H, W, C] in [-1, 1], mean of the training images.
    hidden: widths between the image and the code.
    num_latents: length K of the code.
    activation: a name in `network.ACTIVATIONS`.

  Returns:
    Network with `apply(params, images_bhwc in [-1, 1], select=None)`, which returns
    `Preactivations`, float32 [B, K]; `select` is how many of an example's are used. It
    takes `Thinned` images as well.
  """
  whole, body = (
    _Layers(hidden, outputs, network.ACTIVATIONS[activation])
    for outputs in (num_latents, 0)
  )
  mean = np.asarray(mean_image_hwc, np.float32)

  def init(key):
    layers: Any = whole.init(key, jnp.zeros((1, mean.size)))["params"]
    last = layers.pop(f"Dense_{len(hidden)}")
    rows = {"rows": last["kernel"].T, "bias": last["bias"]}
    return {"mean": jnp.array(mean), "layers": layers} | rows

  def apply(params, inputs, select=None):
    images_bhwc, kept_bn = dropout.parts(inputs)
    centred = images_bhwc - jax.lax.stop_gradient(params["mean"])[None]
    x: Any = body.apply({"params": params["layers"]}, _flatten(centred), kept_bn)
    return sparse.encode(x, params["rows"], params["bias"], select)

  return Network(init, apply)


def tied_to_atoms(params: Params, atoms_kd: jax.Array) -> Params:
  """Returns parameters of an encoder without hidden layers as the atoms' transpose."""
  return params | {"rows": jnp.copy(atoms_kd)}


def mlp_decoder(
  mean_image_hwc: np.ndarray,
  hidden: Sequence[int],
  num_latents: int,
  activation: str,
  output: str,
) -> Network:
  """Sparse code -> image. Each latent owns one row of `params['atoms']`.

  Without hidden layers an atom is an image and the decoder is a dictionary:
  `output(code @ atoms + bias)`. With them an atom is a direction in the first hidden
  layer. Atoms start as random unit vectors; the last bias starts where the
  decoder of an all-zero code shows the mean image.

  Args:
    mean_image_hwc: float [H, W, C] in [-1, 1], mean of the training images.
    hidden: widths between the code and the image.
    num_latents: length K of the code.
    activation: a name in `network.ACTIVATIONS`.
    output: a name in `network.OUTPUT_ACTIVATIONS`.

  Returns:
    Network with `apply(params, code) -> float32 [B, H, W, C]`, of a `Code` or an array
    [B, K].
  """
  mean = np.asarray(mean_image_hwc, np.float32)
  hidden_activation = network.ACTIVATIONS[activation]
  output_activation = network.OUTPUT_ACTIVATIONS[output]
  tail = _Layers(hidden[1:], mean.size, hidden_activation) if hidden else None
  start = start_of_bias(mean, output).ravel()

  def init(key):
    atoms_key, tail_key = jax.random.split(key)
    width = hidden[0] if hidden else mean.size
    atoms = jax.random.normal(atoms_key, (num_latents, width))
    params: dict[str, Any] = {"atoms": unit_norm(atoms)}
    if tail is None:
      return params | {"bias": jnp.array(start)}
    params["bias"] = jnp.zeros(width)
    params["layers"] = tail.init(tail_key, jnp.zeros((1, width)))["params"]
    last = params["layers"][f"Dense_{len(hidden) - 1}"]
    last["bias"] = jnp.array(start)
    return params

  def apply(params, code):
    x = sum_of_atoms(code, params["atoms"]) + params["bias"][None]
    if tail is not None:
      x = tail.apply({"params": params["layers"]}, hidden_activation(x))
    return output_activation(x).reshape(-1, *mean.shape)

  def layers(params):
    first, *others = [activation] * len(hidden) + [output]
    atoms, bias = jax.device_get((params["atoms"], params["bias"]))
    tail_layers = _dense_layers(params["layers"], others) if others else ()
    return (DenseLayer(atoms, bias, first), *tail_layers)

  return Network(init, apply, layers=layers)


def start_of_bias(mean_image_hwc: np.ndarray, output: str) -> np.ndarray:
  """Returns what a decoder's last activation turns into the mean image."""
  # tanh has no inverse at +-1, where most backgrounds lie
  return np.arctanh(0.98 * mean_image_hwc) if output == "tanh" else mean_image_hwc


def unit_norm(atoms: jax.Array) -> jax.Array:
  """Scales each atom of float [K, ...] to Euclidean norm 1 (a zero one stays zero)."""
  flat = atoms.reshape(len(atoms), -1)
  if len(atoms) < WIDE:
    squares = jnp.sum(flat**2, axis=1)
  else:
    # A product, since within a sum XLA's CPU backend computes the optimizer's update
    # anew and writes out each of its scalars at the atoms' size (JAX 0.10.2).
    squares = jnp.dot(flat**2, jnp.ones(flat.shape[1]), precision="highest")
  norms = jnp.sqrt(squares).reshape(-1, *(1,) * (atoms.ndim - 1))
  return atoms / jnp.maximum(norms, 1e-12)


def mlp_generator(
  shape: tuple[int, ...],
  latent_dim: int,
  hidden: Sequence[int],
  activation: str,
  output: str,
) -> Network:
  """Noise -> image (the seed article's generator), or noise -> pre-activations.

  Args:
    shape: (H, W, C) of an image, or (K,) of a code.
    latent_dim: length of the noise z.
    hidden: widths between noise and image.
    activation: a name in `network.ACTIVATIONS`.
    output: a name in `network.OUTPUT_ACTIVATIONS`.

  Returns:
    Network with `apply(params, latents_bz [B, latent_dim]) -> float32 [B, *shape]`.
  """
  body = _flat_network(latent_dim, hidden, int(np.prod(shape)), activation)
  output_activation = network.OUTPUT_ACTIVATIONS[output]

  def apply(params, latents_bz):
    return output_activation(body.apply(params, latents_bz)).reshape(-1, *shape)

  def layers(params):
    return _dense_layers(params, [activation] * len(hidden) + [output])

  linear = body.piecewise_linear and output_activation in network.PIECEWISE_LINEAR
  return Network(body.init, apply, linear, layers)


def mlp_discriminator(
  image_shape: tuple[int, int, int], hidden: Sequence[int], activation: str
) -> Network:
  """Image -> one logit, higher for images that look real.

  Args:
    image_shape: (H, W, C).
    hidden: widths between image and logit.
    activation: a name in `network.ACTIVATIONS`.

  Returns:
    Network with `apply(params, images_bhwc in [-1, 1]) -> float32 [B]`.
  """
  body = mlp_outputs(image_shape, 1, hidden, activation)

  def apply(params, images_bhwc):
    return network.only_channel(body.apply(params, images_bhwc))

  return Network(body.init, apply, body.piecewise_linear)


def mlp_outputs(
  image_shape: tuple[int, int, int],
  outputs: int,
  hidden: Sequence[int],
  activation: str,
) -> Network:
  """Image -> a vector, with the layers of the discriminator.

  Args:
    image_shape: (H, W, C).
    outputs: length N of the vector.
    hidden: widths between image and vector.
    activation: a name in `network.ACTIVATIONS`.

  Returns:
    Network with `apply(params, images_bhwc) -> float32 [B, N]`, which takes `Thinned`
    images as well.
  """
  body = _flat_network(int(np.prod(image_shape)), hidden, outputs, activation)

  def apply(params, inputs: Inputs):
    images_bhwc, kept_bn = dropout.parts(inputs)
    return body.apply(params, _flatten(images_bhwc), kept_bn=kept_bn)

  return Network(body.init, apply, body.piecewise_linear)


def _flat_network(inputs, hidden, outputs, activation) -> Network:
  function = network.ACTIVATIONS[activation]
  module = _Layers(hidden, outputs, function)

  def init(key):
    return module.init(key, jnp.zeros((1, inputs)))["params"]

  def apply(params, x, kept_bn=None):
    return module.apply({"params": params}, x, kept_bn)

  return Network(init, apply, function in network.PIECEWISE_LINEAR)


def _dense_layers(params, activations) -> tuple[DenseLayer, ...]:
  """Returns the layers of `_Layers`, an activation for each."""
  host = jax.device_get(params)
  found = [host[f"Dense_{i}"] for i in range(len(activations))]
  return tuple(
    DenseLayer(layer["kernel"], layer["bias"], name)
    for layer, name in zip(found, activations, strict=True)
  )


def _flatten(images_bhwc):
  return images_bhwc.reshape(images_bhwc.shape[0], -1)
