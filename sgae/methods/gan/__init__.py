"""The GAN: a generator, with or without a sparse code, against a discriminator.

`config` (its fields), `checks`, `networks`, `noise`, `mixture` (fitted to codes before
the first round), `starts` (the discriminator from the encoder), `discriminator` and
`generator` (one update each), `conditional` (classes in both), `train` (state and
round), `program` (all of them bound), `evaluate`, `report`, `warnings`, `method` (what
the rest of the package knows).
"""

from sgae import lazy

_HERE = "sgae.methods.gan"
__getattr__ = lazy.attach(
  __name__, {"METHOD": f"{_HERE}.method", "build": f"{_HERE}.program"}
)
