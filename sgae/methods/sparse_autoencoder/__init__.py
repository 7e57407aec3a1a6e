"""The sparse autoencoder: encoder, sparsity map and decoder, trained on images.

`config` (its fields), `checks`, `networks`, `loss` (with its variants), `hull`
(archetypal dictionaries), `transcoder` (from one layer to another), `train` (state and
step), `program` (binds them all), `evaluate`, `report`, `warnings`, `controls`
(generative models built on it), `saelens` (files of another package), `method` (what
the rest of the package knows).
"""

from sgae import lazy

_HERE = "sgae.methods.sparse_autoencoder"
__getattr__ = lazy.attach(
  __name__, {"METHOD": f"{_HERE}.method", "build": f"{_HERE}.program"}
)
