"""Fields of a config that a step reads from its state, so that members may differ.

Each is a function `(state, value) -> state`; see `Method.swept`.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax

Put = Callable[[Any, jax.Array], Any]


class Setting(NamedTuple):
  """Puts a value among the state's `settings`, by those of its names that are there."""

  names: tuple[str, ...]

  def __call__(self, state, value):
    # a term that no member has is not among them
    own = {name: value for name in self.names if name in state.settings}
    return state.replace(settings=state.settings | own)


def setting(*names: str) -> Setting:
  """Returns what puts a value among the state's `settings`, by the names in use."""
  return Setting(names)


def is_read(put: Put, settings: Mapping[str, Any]) -> bool:
  """Returns whether what `put` puts is used in a program of these settings."""
  return not isinstance(put, Setting) or any(name in settings for name in put.names)


def learning_rate(player: str) -> Put:
  """Returns what puts a learning rate into the optimizer of a field of the state."""

  def put(state, value):
    trained = getattr(state, player)
    injected, *others = trained.optimizer  # as `make_optimizer` chains them
    hyperparams = injected.hyperparams | {"learning_rate": value}
    optimizer = (injected._replace(hyperparams=hyperparams), *others)
    return state.replace(**{player: trained.replace(optimizer=optimizer)})

  return put
