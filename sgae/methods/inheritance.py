"""Moves the trained autoencoder's structure into the generator."""

import jax
import jax.numpy as jnp

from sgae.networks.network import Params

# Branch of the autoencoder's parameters -> branch of the generator's.
TRANSFERRED = {"decoder": "decoder", "sparsity": "sparsity"}


def transfer_autoencoder(autoencoder: Params, generator: Params) -> Params:
  """Returns the generator's parameters with the autoencoder's branches copied in.

  Raises:
    ValueError: if a branch differs in structure or in the shape of a leaf.
  """
  copied = {}
  for source, target in TRANSFERRED.items():
    wanted = jax.tree.map(jnp.shape, generator[target])
    given = jax.tree.map(jnp.shape, autoencoder[source])
    if wanted != given:
      raise ValueError(
        f"autoencoder {source!r} does not fit generator {target!r}: {given}, {wanted}"
      )
    # buffers of their own: the two states are donated at different times
    copied[target] = jax.tree.map(jnp.copy, autoencoder[source])
  return generator | copied


def describe_transfer(autoencoder: Params, generator: Params) -> str:
  """Names what `transfer_autoencoder` copied into a generator, for the console."""
  parts = []
  for source, target in TRANSFERRED.items():
    leaves = jax.tree.leaves(autoencoder[source])
    if target in generator and leaves:
      numbers = sum(leaf.size for leaf in leaves)
      parts.append(f"{source} -> generator {target} ({numbers:,} numbers)")
  return "transferred: " + (
    ", ".join(parts) or "nothing, a plain generator has no code"
  )
