"""The one way in which every step takes a gradient over the global batch."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from sgae import reduction
from sgae.networks.network import Params
from sgae.training.states import PlayerState


def mean_gradient(loss: Callable[..., Any], axis: str | None) -> Callable[..., Any]:
  """Differentiates a loss in its first argument, averaged over devices.

  Args:
    loss: `loss(params, *args) -> (scalar, (metrics, extras))`, means over the batch at
      hand. `metrics` are averaged over devices, `extras` are left as they are.
    axis: mapped axis over which the batch is spread, or None.

  Returns:
    A function `(params, *args) -> (gradients, metrics, extras)`.
  """

  def local_loss(params, *args):
    value, (metrics, extras) = loss(params, *args)
    # A term that is equal on all devices already (KL of a global mean) must count as
    # each device's own before the mean over devices, or it is taken N-fold or refused.
    local = reduction.varying(jnp.zeros(()), axis)
    return value + local, (jax.tree.map(lambda m: m + local, metrics), extras)

  def compute(params, *args):
    gradients, (metrics, extras) = jax.grad(local_loss, has_aux=True)(
      reduction.varying(params, axis), *args
    )
    return reduction.mean(gradients, axis), reduction.mean(metrics, axis), extras

  return compute


def apply_gradients(
  player: PlayerState,
  optimizer: optax.GradientTransformation,
  gradients: Params,
  scale: Callable[[Params], Params] = lambda updates: updates,
) -> PlayerState:
  """Returns the player after one optimizer step; `scale` may reshape the updates."""
  updates, state = optimizer.update(gradients, player.optimizer, player.params)
  params = optax.apply_updates(player.params, scale(updates))
  return PlayerState(params=params, optimizer=state)
