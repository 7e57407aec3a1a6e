"""The GAN: a generator, with or without a sparse code, against a discriminator.

`config` (its fields), `checks` with those of classes, energies and overfitting,
`networks`, `noise`, `mixture` (fitted to codes before the first round), `starts` (the
discriminator from the encoder), `discriminator` and `generator` (one update each),
`conditional` (classes in both), `energy` (an autoencoder as discriminator),
`presentation` (how it sees images: altered, in packs, thinned), `overfitting` (terms
and moving numbers against it), `held_out` (its logits of test images), `train` (state
and round), `program` (all of them bound), `evaluate`, `report`, `warnings`, `method`
(what the rest of the package knows).
"""

from sgae import lazy

_HERE = "sgae.methods.gan"
__getattr__ = lazy.attach(
  __name__, {"METHOD": f"{_HERE}.method", "build": f"{_HERE}.program"}
)
