"""The one shape that every network has outside this folder: two pure functions."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

Params = Any  # a nested dict of arrays


class Network(NamedTuple):
  """A pair of pure functions; the Flax module behind them stays in networks/.

  Attributes:
    init: `init(key) -> params`, a nested dict of float32 arrays.
    apply: `apply(params, inputs) -> outputs`; shapes stand with each factory.
  """

  init: Callable[[jax.Array], Params]
  apply: Callable[..., Any]


def computed_in(network: Network, precision: str) -> Network:
  """Returns a network that computes in another precision.

  Parameters and inputs are float32 and cast on the way in, outputs are cast back; so
  are gradients, which leaves optimizers and losses in float32.

  Args:
    network: whose parameters and inputs are float32.
    precision: a key of `PRECISIONS`.
  """
  dtype = PRECISIONS[precision]

  def apply(params, x):
    low = jax.tree.map(lambda leaf: leaf.astype(dtype), (params, x))
    return network.apply(*low).astype(jnp.float32)

  return Network(network.init, apply)


PRECISIONS = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}


def leaky_relu(x: jax.Array) -> jax.Array:
  """Leaky ReLU with the slope 0.2 that GANs have used since DCGAN."""
  return nn.leaky_relu(x, 0.2)


ACTIVATIONS = {
  "leaky_relu": leaky_relu,
  "relu": nn.relu,
  "silu": nn.silu,
  "tanh": nn.tanh,
}

OUTPUT_ACTIVATIONS = {
  "linear": lambda x: x,
  "tanh": nn.tanh,
}

# He et al. 2015 (arXiv 1502.01852) for layers that a rectifier follows; LeCun's
# for layers that end linearly, so that logits and codes start at unit variance.
HIDDEN_INIT = nn.initializers.variance_scaling(2.0, "fan_in", "truncated_normal")
OUTPUT_INIT = nn.initializers.variance_scaling(1.0, "fan_in", "truncated_normal")
