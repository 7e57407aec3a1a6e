"""Weights of a trained state in a fresh one, whose steps and optimizers start anew."""

import functools
from collections.abc import Mapping
from typing import Any

import jax

from sgae.methods import METHODS

Weights = Mapping[str, Any]  # path in the state, such as 'player.params' -> parameters


def weights_of(name: str, state: Any) -> dict[str, Any]:
  """Returns the weights of a method's state, by their paths in it."""
  return {
    path: functools.reduce(getattr, path.split("."), state)
    for path in METHODS[name].weights
  }


def with_weights(state: Any, weights: Weights) -> Any:
  """Returns a state with other weights, which it takes as they are."""
  for path, values in weights.items():
    state = _replaced(state, path.split("."), values)
  return state


def _replaced(state: Any, path: list[str], values: Any) -> Any:
  name, *rest = path
  if rest:
    values = _replaced(getattr(state, name), rest, values)
  return state.replace(**{name: values})


def misfit(wanted: Weights, given: Weights) -> str:
  """Names the first weight that two states do not have in one shape; '' for none.

  Args:
    wanted, given: of arrays, or of their shapes.
  """
  here, there = (_shapes(weights) for weights in (wanted, given))
  for leaf in sorted(here.keys() | there.keys()):
    if here.get(leaf) != there.get(leaf):
      return (
        f"{leaf} is {there.get(leaf, 'not')} there and {here.get(leaf, 'not')} here"
      )
  return ""


def describe(weights: Weights) -> str:
  """Says in words what weights there are: `player.params (1,234 numbers)`."""
  parts = []
  for path, values in weights.items():
    numbers = sum(leaf.size for leaf in jax.tree.leaves(values))
    parts.append(f"{path} ({numbers:,} numbers)")
  return ", ".join(parts)


def _shapes(weights: Weights) -> dict[str, tuple[int, ...]]:
  leaves = jax.tree_util.tree_leaves_with_path(dict(weights))
  return {
    jax.tree_util.keystr(keys, simple=True, separator="/"): leaf.shape
    for keys, leaf in leaves
  }
