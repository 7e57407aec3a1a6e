"""The one way in which every step takes a gradient over the global batch."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from sgae.kernels import collectives
from sgae.kernels.microbatches import deal, rejoin
from sgae.methods.player import PlayerState
from sgae.networks.network import Params


def mean_gradient(
  loss: Callable[..., Any], axis: str | None, microbatches: int = 1
) -> Callable[..., Any]:
  """Differentiates a loss in its first argument, over the global batch.

  Args:
    loss: `loss(params, examples, *args) -> (scalar, (metrics, extras))`; `examples` is
      a tree of arrays with a leading axis of B examples, the scalar and `metrics` are
      means over them, `extras` is a tree of arrays with the same leading axis.
    axis: mapped axis over which the batch is spread, or None.
    microbatches: parts that the batch is taken in, one after the other, to need less
      memory; divides B. The result is that of the whole batch, as long as the loss is a
      mean over examples of terms that depend on one example each.

  Returns:
    A function `(params, examples, *args) -> (gradients, metrics, extras)`; gradients
    and metrics are averaged over devices, extras are of the examples at hand.
  """

  def local_loss(params, examples, *args):
    value, (metrics, extras) = loss(params, examples, *args)
    # A term that is equal on all devices already (KL of a global mean) must count as
    # each device's own before the mean over devices, or it is taken N-fold or refused.
    local = collectives.varying(jnp.zeros(()), axis)
    return value + local, (jax.tree.map(lambda m: m + local, metrics), extras)

  def compute(params, examples, *args):
    params = collectives.varying(params, axis)
    differentiate = jax.grad(local_loss, has_aux=True)
    if microbatches == 1:
      gradients, (metrics, extras) = differentiate(params, examples, *args)
    else:

      def add(total, part):
        gradients, (metrics, extras) = differentiate(params, part, *args)
        return jax.tree.map(jnp.add, total, (gradients, metrics)), extras

      parts = jax.tree.map(lambda leaf: deal(leaf, microbatches), examples)
      first = jax.tree.map(lambda leaf: leaf[0], parts)
      shapes = jax.eval_shape(lambda p, x: differentiate(p, x, *args), params, first)
      nothing = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
      start = collectives.varying((nothing[0], nothing[1][0]), axis)
      total, extras = jax.lax.scan(add, start, parts)
      gradients, metrics = jax.tree.map(lambda leaf: leaf / microbatches, total)
      extras = jax.tree.map(rejoin, extras)
    return collectives.mean(gradients, axis), collectives.mean(metrics, axis), extras

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


def norm(tree: Params) -> jax.Array:
  """Returns the Euclidean norm of all leaves together, a scalar."""
  # behind a barrier, or XLA's CPU backend takes these squares and those of Adam for one
  # and, since two need them, writes them out (JAX 0.10.2)
  return optax.tree.norm(jax.lax.optimization_barrier(tree))
