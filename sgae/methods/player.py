"""What all steps share: a batch of named arrays, the state of one network."""

from collections.abc import Mapping
from typing import Any

import jax
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
