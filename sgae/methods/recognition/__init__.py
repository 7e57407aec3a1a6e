"""Recognition: a semi-supervised GAN, which learns classes from few labels.

`config` (its fields), `checks`, `networks`, `train` (state and step), `start` (of the
discriminator: from an encoder, fitted to images), `program` (binds them all),
`evaluate`, `report`, `warnings`, `method` (what the rest of the package knows).
"""

from sgae import lazy

_HERE = "sgae.methods.recognition"
__getattr__ = lazy.attach(
  __name__, {"METHOD": f"{_HERE}.method", "build": f"{_HERE}.program"}
)
