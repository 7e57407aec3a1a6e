"""Noise that generators start from, by name of its distribution."""

from collections.abc import Callable

import jax

from sgae import randomness

# (key, positions_b, shape) -> latents [B, *shape]
LATENT_DISTRIBUTIONS: dict[str, Callable[..., jax.Array]] = {
  "normal": randomness.normal,
  "uniform": lambda *args: 2 * randomness.uniform(*args) - 1,
}
