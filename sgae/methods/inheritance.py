"""What a phase starts from of the phases before it: whole branches of parameters."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from sgae.methods import METHODS, population
from sgae.networks.network import Params


def inherit(name: str, finished: Mapping[str, Any]) -> dict[str, Params]:
  """Returns the branches of parameters that a method takes from finished phases.

  Args:
    name: of the method.
    finished: earlier phase -> its last state. Where two phases give the same branch,
      the later one counts.
  """
  return {target: branch for _, _, target, branch in _links(name, finished)}


def replace_branches(params: Params, inherited: Mapping[str, Params]) -> Params:
  """Returns fresh parameters with the inherited branches that they have a place for.

  Raises:
    ValueError: a branch differs in structure or in the shape of a leaf.
  """
  copied = {}
  for branch, values in inherited.items():
    if branch not in params:
      continue
    wanted, given = (jax.tree.map(jnp.shape, tree) for tree in (params[branch], values))
    if wanted != given:
      raise ValueError(f"what is inherited does not fit {branch!r}: {given}, {wanted}")
    # buffers of their own: the two states are donated at different times
    copied[branch] = jax.tree.map(jnp.copy, values)
  return params | copied


def describe(name: str, finished: Mapping[str, Any], used: Collection[str]) -> str:
  """Says in one line what a method has taken over from finished phases.

  Args:
    name: of the method.
    finished: earlier phase -> its last state.
    used: branches that its program starts from.
  """
  parts = []
  for earlier, source, target, branch in _links(name, finished):
    numbers = sum(leaf.size for leaf in jax.tree.leaves(branch))
    if target in used and numbers:
      parts.append(f"{earlier} {source} -> {name} {target} ({numbers:,} numbers)")
  return "transferred: " + (", ".join(parts) or f"nothing, {name} has no place for it")


def _links(name: str, finished: Mapping[str, Any]) -> Iterator[tuple]:
  """Yields (earlier phase, its branch, own branch, parameters) of each one taken."""
  for earlier, state in finished.items():
    given = METHODS[earlier].gives(population.of_all(state))
    for source, target in METHODS[name].takes.get(earlier, {}).items():
      yield earlier, source, target, given[source]
