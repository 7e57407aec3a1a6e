"""What all steps share: a batch of named arrays, the state of one network."""

from collections.abc import Mapping
from typing import Any

import jax
from flax import struct

from sgae.networks.network import Params

# Named arrays of one step; images float32 [B, H, W, C] in [-1, 1], or [U, B, H, W, C]
# for U updates, labels int32 [B] or [U, B], position int32 [B] in the global batch.
Batch = Mapping[str, jax.Array]


class PlayerState(struct.PyTreeNode):
  """One trained network: its parameters and its optimizer's state."""

  params: Params
  optimizer: Any


def params_of(state: Any) -> Params:
  """Returns the parameters of a state that has one `player`."""
  return state.player.params
