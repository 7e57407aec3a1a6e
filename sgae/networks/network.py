"""The shapes that every network has outside this folder: a few pure functions."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from flax import linen as nn

from sgae.networks.plain_layers import PlainLayer

Params = Any  # a nested dict of arrays
# the layers of a chain of them, in order
Layers = Callable[[Params], tuple[PlainLayer, ...]]


class Network(NamedTuple):
  """A pair of pure functions; the Flax module behind them stays in networks/.

  Attributes:
    init: `init(key) -> params`, a nested dict of float32 arrays.
    apply: `apply(params, inputs) -> outputs`; shapes stand with each factory.
    piecewise_linear: whether, around any inputs, the outputs are linear in the inputs
      and in the parameters named 'bias' together: f(c x, c b) = c f(x, b) for c > 0.
      The penalties' gradients are silently wrong where this is claimed and not so.
    layers: `layers(params)`: the layers that it is a chain of, on the host; None: it is
      no chain of such layers.
  """

  init: Callable[[jax.Array], Params]
  apply: Callable[..., Any]
  piecewise_linear: bool = False
  layers: Layers | None = None


class BatchNetwork(NamedTuple):
  """A network that may look at its whole batch, and keep something of what it saw.

  Attributes:
    init: `init(key) -> params`.
    apply: `apply(params, inputs, *, train, axis) -> (outputs, statistics)`. `train`
      says whether rows may see the others of the batch, over all devices of `axis`;
      without it each row depends on itself alone. `statistics` is a dict of means over
      the batch, empty without normalization.
    after_update: `after_update(params, statistics) -> params`, run after each
      optimizer update with what the training batch gave.
    piecewise_linear, layers: as in `Network`.
  """

  init: Callable[[jax.Array], Params]
  apply: Callable[..., tuple[Any, dict[str, Any]]]
  after_update: Callable[[Params, dict[str, Any]], Params]
  piecewise_linear: bool = False
  layers: Layers | None = None

  def then(self, function: Callable[[Any], jax.Array]) -> "BatchNetwork":
    """Returns the network with a function of its outputs put behind it.

    It stays piecewise linear where `function` is one of `PIECEWISE_LINEAR`.
    """

    def apply(params, x, *, train, axis=None):
      outputs, statistics = self.apply(params, x, train=train, axis=axis)
      return function(outputs), statistics

    linear = self.piecewise_linear and function in PIECEWISE_LINEAR
    return self._replace(apply=apply, piecewise_linear=linear, layers=None)


def rowwise(network: Network) -> BatchNetwork:
  """Returns a network as one that could look at its batch, and does not."""

  def apply(params, x, *, train, axis=None):
    del train, axis
    return network.apply(params, x), {}

  return BatchNetwork(
    network.init,
    apply,
    lambda params, statistics: params,
    network.piecewise_linear,
    network.layers,
  )


def layers_within(
  layers: Layers | None, own: Callable[[Any], Params]
) -> Callable[[Any], tuple[PlainLayer, ...]] | None:
  """Returns `layers` as a function of what `own(whole)` takes its parameters from."""
  return None if layers is None else lambda whole: layers(own(whole))


AnyNetwork = TypeVar("AnyNetwork", Network, BatchNetwork)


def computed_in(network: AnyNetwork, precision: str) -> AnyNetwork:
  """Returns a network that computes in another precision.

  Parameters and inputs are cast on the way in, outputs are cast back (integers, as the
  places of active latents, stay). So are gradients, which leaves optimizers and losses
  in float32. In bfloat16 no network is piecewise linear: its rounding shows.

  Args:
    network: whose parameters and inputs are float32.
    precision: a key of `PRECISIONS`.
  """
  dtype = PRECISIONS[precision]

  def apply(params, x, **how):
    outputs = network.apply(*cast((params, x), dtype), **how)
    return cast(outputs, jnp.float32)

  def cast(tree, dtype):
    def cast_leaf(leaf):
      floating = jnp.issubdtype(leaf.dtype, jnp.floating)
      return leaf.astype(dtype) if floating else leaf

    return jax.tree.map(cast_leaf, tree)

  linear = network.piecewise_linear and dtype == jnp.float32
  return network._replace(apply=apply, piecewise_linear=linear)


PRECISIONS = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}


def zero_last_layer(params: Params) -> Params:
  """Returns fresh parameters whose last branch, in the order of layers, is all zero."""
  *_, last = params
  return params | {last: jax.tree.map(jnp.zeros_like, params[last])}


def along_last(values_c: jax.Array, like: jax.Array) -> jax.Array:
  """Returns [C] as [1, ..., 1, C], to stand beside every place of `like` [..., C]."""
  return jnp.expand_dims(values_c, range(like.ndim - 1))


def leaky_relu(x: jax.Array) -> jax.Array:
  """Leaky ReLU with the slope 0.2 that GANs have used since DCGAN."""
  return nn.leaky_relu(x, 0.2)


def identity(x: jax.Array) -> jax.Array:
  """Returns its argument: what chains of layers with activations of their own use."""
  return x


def only_channel(x: jax.Array) -> jax.Array:
  """[..., 1] -> [...], as the logits of a layer with one output."""
  return x[..., 0]


ACTIVATIONS = {
  "leaky_relu": leaky_relu,
  "relu": nn.relu,
  "silu": nn.silu,
  "tanh": nn.tanh,
}
OUTPUT_ACTIVATIONS = {
  "linear": identity,
  "tanh": nn.tanh,
}

# Functions with f(c x) = c f(x) for c > 0. Others leave no network piecewise linear.
PIECEWISE_LINEAR = (identity, only_channel, leaky_relu, nn.relu)

# He et al. 2015 (arXiv 1502.01852) for layers that a rectifier follows; LeCun's
# for layers that end linearly, so that logits and codes start at unit variance.
HIDDEN_GAIN, OUTPUT_GAIN = 2.0, 1.0
HIDDEN_INIT, OUTPUT_INIT = (
  nn.initializers.variance_scaling(gain, "fan_in", "truncated_normal")
  for gain in (HIDDEN_GAIN, OUTPUT_GAIN)
)
