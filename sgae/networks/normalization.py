"""Normalizations of a layer, by name.

Each has four functions. `batch`, `layer` and `group` normalise what comes out of a
layer's product and keep a scale for each channel; `spectral` divides the kernel itself.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from sgae.kernels import collectives
from sgae.networks.network import Params, along_last

EPSILON = 1e-5
RUNNING_DECAY = 0.9  # of the batch statistics that are kept, per update
GROUP_CHANNELS = 16  # one of the paper's choices, and good for narrow layers too


class Normalization(NamedTuple):
  """What a layer does beside its product.

  Attributes:
    init: `init(key, kernel, channels) -> params`, kept beside the kernel.
    kernel: `kernel(params) -> kernel`, the one that is used; `params` is the layer's.
    outputs: `outputs(params, x, *, train, axis) -> (x, statistics)` for x [..., C].
    after_update: `after_update(params, statistics) -> params`.
    piecewise_linear: whether the layer stays linear in its input and bias.
  """

  init: Callable[[jax.Array, jax.Array, int], Params]
  kernel: Callable[[Params], jax.Array]
  outputs: Callable[..., tuple[jax.Array, Params]]
  after_update: Callable[[Params, Params], Params]
  piecewise_linear: bool = False


def _plain_kernel(params):
  return params["kernel"]


def _unchanged(params, statistics):
  del statistics
  return params


def _plain_outputs(params, x, *, train, axis):
  del params, train, axis
  return x, {}


# Leaves the layer as it is.
NONE = Normalization(
  lambda key, kernel, channels: {},
  _plain_kernel,
  _plain_outputs,
  _unchanged,
  piecewise_linear=True,
)


def make_batch() -> Normalization:
  """Mean 0 and variance 1 over the global batch and all places, for each channel.

  Without `train`, by the running statistics, which move with each update and are part
  of the parameters: saved, and averaged, with them. Ioffe & Szegedy 2015
  (arXiv 1502.03167).
  """

  def init(key, kernel, channels):
    kept = {"mean": jnp.zeros(channels), "variance": jnp.ones(channels)}
    return _scale(key, kernel, channels) | kept

  def outputs(params, x, *, train, axis):
    wide = x.astype(jnp.float32)
    if train:
      places = tuple(range(x.ndim - 1))
      mean = collectives.mean(wide.mean(places), axis)
      variance = collectives.mean(
        ((wide - along_last(mean, x)) ** 2).mean(places), axis
      )
      statistics = {"mean": mean, "variance": variance}
    else:
      mean, variance = params["mean"], params["variance"]
      statistics = {}
    normal = (wide - along_last(mean, x)) * along_last(
      jax.lax.rsqrt(variance + EPSILON), x
    )
    return _with_scale(params, normal, x), statistics

  def after_update(params, statistics):
    moved = {
      name: RUNNING_DECAY * params[name] + (1 - RUNNING_DECAY) * value
      for name, value in statistics.items()
    }
    return params | moved

  return Normalization(init, _plain_kernel, outputs, after_update)


def make_group(group_channels: int | None) -> Normalization:
  """Mean 0 and variance 1 over a group of channels at all places, for each example.

  Wu & He 2018 (arXiv 1803.08494).

  Args:
    group_channels: channels in a group (fewer where they do not divide the width);
      None: all, which is layer normalization (Ba et al. 2016, arXiv 1607.06450).
  """

  def outputs(params, x, *, train, axis):
    del train, axis
    channels = x.shape[-1]
    size = channels if group_channels is None else math.gcd(channels, group_channels)
    grouped = x.astype(jnp.float32).reshape(x.shape[0], -1, channels // size, size)
    mean = grouped.mean((1, 3), keepdims=True)
    variance = ((grouped - mean) ** 2).mean((1, 3), keepdims=True)
    normal = (grouped - mean) * jax.lax.rsqrt(variance + EPSILON)
    return _with_scale(params, normal.reshape(x.shape), x), {}

  return Normalization(_scale, _plain_kernel, outputs, _unchanged)


def make_spectral() -> Normalization:
  """Divides the kernel [..., O] by its largest singular value as a matrix.

  Estimated by the power method, one turn an update, from a vector that is kept; the
  gradient sees the division. Miyato et al. 2018 (arXiv 1802.05957).
  """

  def init(key, kernel, channels):
    del channels
    start = jax.random.normal(key, (kernel.shape[-1],))
    params = {"kernel": kernel, "singular": start / jnp.linalg.norm(start)}
    for _ in range(10):
      params = after_update(params, {})
    return {"singular": params["singular"]}

  def kernel(params):
    matrix = params["kernel"].reshape(-1, params["kernel"].shape[-1])
    # of unit length again: the EMA of unit vectors is shorter
    right = jax.lax.stop_gradient(_unit(params["singular"]))
    left = jax.lax.stop_gradient(_unit(matrix @ right))
    largest = left @ matrix @ right
    return params["kernel"] / jnp.maximum(largest, EPSILON)

  def after_update(params, statistics):
    del statistics
    matrix = params["kernel"].reshape(-1, params["kernel"].shape[-1])
    turned = _unit(_unit(matrix @ params["singular"]) @ matrix)
    return params | {"singular": turned}

  return Normalization(
    init, kernel, _plain_outputs, after_update, piecewise_linear=True
  )


NORMALIZATIONS: dict[str, Callable[[], Normalization]] = {
  "none": lambda: NONE,
  "batch": make_batch,
  "layer": lambda: make_group(None),
  "group": lambda: make_group(GROUP_CHANNELS),
  "spectral": make_spectral,
}


def at_edges(name: str) -> Normalization:
  """Returns what the first and last layers do, whose outputs are not normalised."""
  return make_spectral() if name == "spectral" else NONE


def _scale(key, kernel, channels):
  del key, kernel
  return {"scale": jnp.ones(channels)}


def _with_scale(params, normal, like):
  return normal.astype(like.dtype) * along_last(params["scale"], like)


def _unit(vector):
  return vector / jnp.maximum(jnp.linalg.norm(vector), EPSILON)
