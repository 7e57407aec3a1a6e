"""Fields of a config that a step reads from its state, so that members may differ.

Each is a function `(state, value) -> state`; see `Method.swept`.
"""

from collections.abc import Callable
from typing import Any

import jax

Put = Callable[[Any, jax.Array], Any]


def setting(*names: str) -> Put:
  """Returns what puts a value among the state's `settings`, by the names in use."""

  def put(state, value):
    # a term that no member has is not among them
    own = {name: value for name in names if name in state.settings}
    return state.replace(settings=state.settings | own)

  return put


def learning_rate(player: str) -> Put:
  """Returns what puts a learning rate into the optimizer of a field of the state."""

  def put(state, value):
    trained = getattr(state, player)
    injected, *others = trained.optimizer  # as `make_optimizer` chains them
    hyperparams = injected.hyperparams | {"learning_rate": value}
    optimizer = (injected._replace(hyperparams=hyperparams), *others)
    return state.replace(**{player: trained.replace(optimizer=optimizer)})

  return put
