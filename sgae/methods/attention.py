"""From fields of a config to the attention of a network, refused where it fits no map.

A section with such fields has `attention_heads`, and `<network>_attention` for each of
its networks that may attend.
"""

from collections.abc import Collection, Sequence
from typing import Any

from sgae.errors import UserError
from sgae.networks.attention import Attention, key_width, value_width

# Rows and channels of each map that a network may attend.
Maps = Sequence[tuple[int, int]]


def check_attention(
  name: str, section: Any, network: str, architecture: str, with_maps: Collection[str]
) -> None:
  """Refuses sizes that are no sizes, or of a network without maps.

  `attention_of` refuses the others, when the size of the images is known.

  Args:
    name: of the section.
    section: the section.
    network: as in the name of its field.
    architecture: name of the field that says of what kind it is.
    with_maps: the kinds that have maps.
  """
  field, kind = f"{name}.{network}_attention", section[architecture]
  resolutions = tuple(section[f"{network}_attention"])
  if not all(isinstance(rows, int) and rows >= 1 for rows in resolutions):
    raise UserError(f"{field}={resolutions} is not allowed: choose whole sizes >= 1")
  if resolutions and kind not in with_maps:
    raise UserError(
      f"{field}={resolutions} is not for {name}.{architecture}='{kind}': set it to (), "
      f"or choose {' or '.join(map(repr, with_maps))}"
    )


def attention_of(name: str, section: Any, network: str, maps: Maps) -> Attention:
  """Returns where a network attends.

  Args:
    name: of the section.
    section: the section, checked.
    network: as in the name of its field.
    maps: of the network.

  Raises:
    UserError: no map of the network has such a size, or the heads do not divide it.
  """
  field, heads = f"{name}.{network}_attention", section.attention_heads
  resolutions = tuple(section[f"{network}_attention"])
  sizes = sorted({rows for rows, _ in maps})
  for rows in resolutions:
    if rows not in sizes:
      has = f"has maps of {' and '.join(map(str, sizes))} rows" if sizes else "has none"
      raise UserError(
        f"{field}={resolutions} names {rows}, and the {network} {has}: "
        f"{'choose from them, or ()' if sizes else 'set it to ()'}"
      )
  for rows, channels in maps:
    widths = key_width(channels), value_width(channels)
    if rows in resolutions and any(width % heads for width in widths):
      raise UserError(
        f"{name}.attention_heads={heads} does not divide {widths[0]} and {widths[1]}, "
        f"the lengths of keys and values at {rows} rows of the {network}: choose a "
        "divisor"
      )
  return Attention(resolutions, heads)
