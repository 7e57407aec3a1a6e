"""Sparse coding: a dictionary learnt for codes of least objective, and LISTA for them.

`config` (its fields), `checks`, `solvers` (codes for a dictionary), `dictionary` (its
updates), `train` (state and step), `program` (binds them all), `evaluate`, `report`,
`warnings`, `method` (what the rest of the package knows). The networks are those of the
sparse autoencoder: a dictionary is a linear decoder.
"""

from sgae import lazy

_HERE = "sgae.methods.sparse_coding"
__getattr__ = lazy.attach(
  __name__, {"METHOD": f"{_HERE}.method", "build": f"{_HERE}.program"}
)
