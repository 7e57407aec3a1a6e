"""Fields of a config that a step reads from its state, so that members may differ.

Each is a function `(state, value) -> state`; see `Method.swept`.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax

Put = Callable[[Any, jax.Array], Any]


def _always(config: Any) -> bool:
  del config
  return True


class Setting(NamedTuple):
  """Puts a value among the state's `settings`, by those of its names that are there.

  Attributes:
    names: of the settings.
    reads: `reads(config)`: whether a step reads them, where they are.
  """

  names: tuple[str, ...]
  reads: Callable[[Any], bool] = _always

  def __call__(self, state, value):
    # a term that no member has is not among them
    own = {name: value for name in self.names if name in state.settings}
    return state.replace(settings=state.settings | own)


def setting(*names: str) -> Setting:
  """Returns what puts a value among the state's `settings`, by the names in use."""
  return Setting(names)


# What the penalty 'kl' reads; the state has it with any, as older checkpoints do.
RHO = Setting(("rho",), lambda config: config.code.penalty == "kl")


def is_read(put: Put, config: Any, settings: Mapping[str, Any]) -> bool:
  """Returns whether what `put` puts is used in a program of these settings."""
  if not isinstance(put, Setting):
    return True
  return put.reads(config) and any(name in settings for name in put.names)


def learning_rate(player: str) -> Put:
  """Returns what puts a learning rate into the optimizer of a field of the state."""

  def put(state, value):
    trained = getattr(state, player)
    injected, *others = trained.optimizer  # as `make_optimizer` chains them
    hyperparams = injected.hyperparams | {"learning_rate": value}
    optimizer = (injected._replace(hyperparams=hyperparams), *others)
    return state.replace(**{player: trained.replace(optimizer=optimizer)})

  return put
