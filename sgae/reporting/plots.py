"""What the plots of matplotlib have in common."""

import io

# The object interface alone: pyplot looks for a display and keeps global state.
from matplotlib.figure import Figure


def png_of(figure: Figure) -> bytes:
  """Returns a figure as the bytes of a PNG file, at 120 dots per inch."""
  data = io.BytesIO()
  figure.savefig(data, format="png", dpi=120)
  return data.getvalue()
