"""The check that keeps a broadcast from passing for a loss."""

import jax


def require_same_shape(a: jax.Array, b: jax.Array) -> None:
  """Raises ValueError unless both arrays have the same shape."""
  if a.shape != b.shape:
    raise ValueError(f"arrays must have one shape, got {a.shape} and {b.shape}")
