"""What all steps share: a batch of named arrays, the state of one network, its EMA."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import struct

from sgae.networks.network import Params

# Named arrays of one step; images float32 [B, H, W, C] in [-1, 1], or [U, B, H, W, C]
# for U updates, labels int32 [B] or [U, B], position int32 [B] in the global batch.
Batch = Mapping[str, jax.Array]


class PlayerState(struct.PyTreeNode):
  """One trained network: its parameters and its optimizer's state."""

  params: Params
  optimizer: Any


def start_players(
  params: Mapping[str, Params], optimizers: Mapping[str, optax.GradientTransformation]
) -> dict[str, PlayerState]:
  """Returns the state of each player before its first update, by its name."""
  return {
    name: PlayerState(params=own, optimizer=optimizers[name].init(own))
    for name, own in params.items()
  }


def params_of(state: Any) -> Params:
  """Returns the parameters of a state that has one `player`."""
  return state.player.params


def with_slower_decoder(updates: Params, factor: jax.Array) -> Params:
  """Returns updates of a generator in which those of its decoder are multiplied."""
  decoder = jax.tree.map(lambda leaf: factor * leaf, updates["decoder"])
  return updates | {"decoder": decoder}


def split_fixed(params: Params, fixed: tuple[str, ...]) -> tuple[Params, Params]:
  """Returns the branches that are trained, and those that are not."""
  return (
    {name: branch for name, branch in params.items() if name not in fixed},
    {name: params[name] for name in fixed},
  )


def update_ema(
  ema_params: Params,
  params: Params,
  decay: jax.Array,
  updates: jax.Array,
  fixed: tuple[str, ...] = (),
) -> Params:
  """Moves the EMA of a player's parameters by one update.

  ema <- d * ema + (1 - d) * params, d = min(decay, (1 + n) / (10 + n)): after
  few updates n the EMA forgets its random start fast.

  Args:
    ema_params, params: trees of the same structure.
    decay: scalar in [0, 1).
    updates: number of updates done before this one.
    fixed: branches that are not trained, and stay as they are.
  """
  count = jnp.asarray(updates, jnp.float32)
  d = jnp.minimum(decay, (1 + count) / (10 + count))
  averaged, kept = split_fixed(ema_params, fixed)
  trained, _ = split_fixed(params, fixed)
  return jax.tree.map(lambda a, p: d * a + (1 - d) * p, averaged, trained) | kept
