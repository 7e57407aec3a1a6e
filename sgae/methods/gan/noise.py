"""Noise that generators start from, by name of its distribution."""

from collections.abc import Callable
from typing import Any

import jax

from sgae import randomness

# (key, positions_b, shape) -> latents [B, *shape]
LATENT_DISTRIBUTIONS: dict[str, Callable[..., jax.Array]] = {
  "normal": randomness.normal,
  "uniform": lambda *args: 2 * randomness.uniform(*args) - 1,
}


def make_draw_latents(config: Any) -> Callable[[jax.Array, jax.Array], jax.Array]:
  """Returns `(key, positions_b) -> latents_bz` for the config's noise."""
  distribution = LATENT_DISTRIBUTIONS[config.gan.latent_distribution]
  return lambda key, positions_b: distribution(
    key, positions_b, (config.gan.latent_dim,)
  )
