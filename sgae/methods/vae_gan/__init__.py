"""VAE-GAN: a variational autoencoder whose error is in a discriminator's features.

`config` (its fields), `checks`, `discriminator` (its network), `losses` (of the three
players), `train` (state and step), `program` (binds them all), `evaluate`, `report`,
`warnings`, `method` (what the rest of the package knows). Encoder and decoder are those
of the variational autoencoder.
"""

from sgae import lazy

_HERE = "sgae.methods.vae_gan"
__getattr__ = lazy.attach(
  __name__, {"METHOD": f"{_HERE}.method", "build": f"{_HERE}.program"}
)
