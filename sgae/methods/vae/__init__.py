"""The variational autoencoder: encoder and decoder, trained to bound log p(x).

`config` (its fields), `checks`, `posteriors` (with their priors), `likelihoods`,
`networks`, `train` (state and step), `program` (binds them all), `importance` (a bound
on log p(x) from many draws), `evaluate`, `report`, `warnings`, `method` (what the rest
of the package knows).
"""

from sgae import lazy

_HERE = "sgae.methods.vae"
__getattr__ = lazy.attach(
  __name__, {"METHOD": f"{_HERE}.method", "build": f"{_HERE}.program"}
)
