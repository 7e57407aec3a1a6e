"""From a config to the attention of both players, refused where it fits no map."""

from collections.abc import Iterator, Sequence
from typing import Any

from sgae.errors import UserError
from sgae.networks.attention import Attention, key_width, value_width
from sgae.networks.layers import halved

# How often the largest map of a network that may be attended is halved.
LARGEST = {"dcgan": 1, "residual": 0}


def attention_of(gan: Any, player: str, shape: Sequence[int]) -> Attention:
  """Returns where a player attends.

  Args:
    gan: the section, checked.
    player: 'generator' or 'discriminator', of an architecture in `LARGEST`.
    shape: (H, W, C) of the images, or of the code that the generator makes.

  Raises:
    UserError: no map of the network has such a size, or the heads do not divide it.
  """
  field = f"{player}_attention"
  resolutions = tuple(gan[field])
  maps = list(_maps(gan, player, shape))
  sizes = sorted({rows for rows, _ in maps})
  for rows in resolutions:
    if rows not in sizes:
      raise UserError(
        f"gan.{field}={resolutions} names {rows}, and the {player} has maps of "
        f"{' and '.join(map(str, sizes))} rows: choose from them, or ()"
      )
  heads = gan.attention_heads
  for rows, channels in maps:
    widths = key_width(channels), value_width(channels)
    if rows in resolutions and any(width % heads for width in widths):
      raise UserError(
        f"gan.attention_heads={heads} does not divide {widths[0]} and {widths[1]}, the "
        f"lengths of keys and values at {rows} rows of the {player}: choose a divisor"
      )
  return Attention(resolutions, heads)


def _maps(gan, player, shape) -> Iterator[tuple[int, int]]:
  """Yields rows and channels of the maps, from the largest one on."""
  hidden = tuple(gan[f"{player}_hidden"])
  if player == "generator":
    hidden = hidden[::-1]
  largest = LARGEST[gan[f"{player}_architecture"]]
  for times, channels in enumerate(hidden, largest):
    yield halved(shape, times)[0], channels
