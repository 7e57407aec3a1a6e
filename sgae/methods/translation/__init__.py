"""Translation: CycleGAN, images of one domain to another and back, without pairs.

`config` (its fields), `checks`, `networks` (both directions), `history` (of translated
images), `losses`, `train` (state and step), `program` (binds them all), `evaluate`,
`report`, `warnings`, `method` (what the rest of the package knows).
"""

from sgae import lazy

_HERE = "sgae.methods.translation"
__getattr__ = lazy.attach(
  __name__, {"METHOD": f"{_HERE}.method", "build": f"{_HERE}.program"}
)
