"""Noise that generators start from, by name of its distribution."""

from collections.abc import Callable
from typing import Any

import jax

from sgae import randomness
from sgae.methods.gan.conditional import with_classes

# (key, positions_b, shape) -> latents [B, *shape]
LATENT_DISTRIBUTIONS: dict[str, Callable[..., jax.Array]] = {
  "normal": randomness.normal,
  "uniform": lambda *args: 2 * randomness.uniform(*args) - 1,
}


def make_draw_latents(config: Any) -> Callable[..., jax.Array]:
  """Returns `(key, positions_b, labels_b=None) -> latents_bz` for the config's noise.

  Labels are for a conditional GAN, see `with_classes`.
  """
  distribution = LATENT_DISTRIBUTIONS[config.gan.latent_distribution]
  size, classes = config.gan.latent_dim, config.gan.conditional.classes

  def draw(key, positions_b, labels_b=None):
    noise_bz = distribution(key, positions_b, (size,))
    if not classes:
      return noise_bz
    return with_classes(noise_bz, positions_b, labels_b, classes)

  return draw
