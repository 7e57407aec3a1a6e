"""Super-resolution: large images of small ones, which are made of the data themselves.

`config` (its fields), `checks`, `networks` (of images, or from image to sparse code to
image), `losses` (of both players), `train` (state and step), `program` (binds them
all), `evaluate`, `report`, `warnings`, `method` (what the rest of the package knows).
"""

from sgae import lazy

_HERE = "sgae.methods.super_resolution"
__getattr__ = lazy.attach(
  __name__, {"METHOD": f"{_HERE}.method", "build": f"{_HERE}.program"}
)
