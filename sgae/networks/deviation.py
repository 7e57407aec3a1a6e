"""Minibatch standard deviation: a discriminator sees how much its images differ.

Karras et al. 2018 (arXiv 1710.10196), section 3.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from sgae.kernels import collectives
from sgae.networks import layers, network
from sgae.networks.network import BatchNetwork
from sgae.networks.normalization import RUNNING_DECAY, Normalization

_LEAST_VARIANCE = 1e-8  # below it the root's gradient is bounded


def with_deviation(
  body: BatchNetwork,
  features: int,
  outputs: int,
  group: int,
  activation: Callable[[jax.Array], jax.Array],
  normalization: Normalization,
) -> BatchNetwork:
  """Image -> numbers of its features, and of how much they differ within a group.

  A group is of neighbours in the batch, which lie on one device. Without `train` each
  row is of its own image alone, by the mean deviation of training images, which moves
  with each update and is kept with the parameters.

  Args:
    body: images_bhwc -> float [B, features], before an activation.
    features: length F.
    outputs: how many numbers, N: 1 is a logit.
    group: examples in a group, 2 or more; divides a device's share of the batch.
    activation: of the features.
    normalization: of the layer that follows.

  Returns:
    BatchNetwork with images_bhwc -> float [B, N]. It is not piecewise linear.
  """
  last = layers.dense(features + 1, (outputs,), network.OUTPUT_INIT, normalization)
  parts = {"body": body, "logit": last}

  def init(key):
    return layers.init_of(parts)(key) | {"deviation": jnp.zeros(())}

  def apply(params, images_bhwc, *, train, axis=None):
    how = {"train": train, "axis": axis}
    outputs_bf, of_body = body.apply(params["body"], images_bhwc, **how)
    features_bf = activation(outputs_bf)
    statistics: dict[str, Any] = {"body": of_body}
    if train:
      deviations_b = group_deviations(features_bf, group)
      statistics["deviation"] = collectives.batch_mean(deviations_b, axis)
    else:
      deviations_b = jnp.full(len(features_bf), params["deviation"])
    deviations_b1 = deviations_b[:, None].astype(features_bf.dtype)
    seen_bf = jnp.concatenate([features_bf, deviations_b1], axis=1)
    outputs_bn, statistics["logit"] = last.apply(params["logit"], seen_bf, **how)
    return outputs_bn, statistics

  def after_update(params, statistics):
    new = statistics["deviation"]
    moved = RUNNING_DECAY * params["deviation"] + (1 - RUNNING_DECAY) * new
    return layers.after_update_of(parts)(params, statistics) | {"deviation": moved}

  return BatchNetwork(init, apply, after_update)


def group_deviations(features_bf: jax.Array, group: int) -> jax.Array:
  """Returns the mean over features of their standard deviations in each one's group.

  Args:
    features_bf: float [B, F].
    group: examples of a group, neighbours; divides B.

  Returns:
    float32 [B], equal within a group.
  """
  grouped = features_bf.astype(jnp.float32).reshape(-1, group, features_bf.shape[1])
  variances = jnp.mean((grouped - grouped.mean(axis=1, keepdims=True)) ** 2, axis=1)
  deviations = jnp.sqrt(variances + _LEAST_VARIANCE).mean(axis=1)
  return jnp.repeat(deviations, group)
