"""Section `sparse_coding` of a config, beside the sections `sae` and `code`.

Its dictionary is the decoder that these describe, its learnt encoder is theirs; so a
later phase starts from both as from an autoencoder's. All
fields belong to the experiment but `steps`, `evaluate_every` and `save_every`, which
may change when a run is resumed.
"""

from typing import Any

from sgae.methods.config_fields import cadence_fields, optimizer_fields
from sgae.methods.sparse_autoencoder import config as autoencoder


def defaults() -> dict[str, Any]:
  """Returns the section `sparse_coding`."""
  return {
    # Weight of |u|_1 in 1/2 |x - u D|^2 + alpha |u|_1, where x is an image in [-1, 1]
    # minus the mean image, all pixels in one row.
    "alpha": 0.1,
    # How codes are found in training: 'fista', 'ista' or 'coordinate_descent', and
    # iterations, for the last one times through all latents. They are non-negative
    # for code.sparsity_map='relu' and signed for 'none'.
    "solver": "fista",
    "iterations": 60,
    # How the dictionary is learnt: 'online', by means of codes and images (Mairal et
    # al. 2009), 'gradient', by the optimizer, or 'fixed', which trains the encoder
    # alone. Atoms have norm 1 at most.
    "dictionary": "online",
    # Steps that the means of 'online' are over.
    "window": 256,
    # An atom that no code used in this many steps is replaced by an example.
    "replace_after": 100,
    # Images per step, over all devices.
    "batch_size": 256,
    # Of the encoder, which is trained to give the codes that the solver found, and of
    # the dictionary for 'gradient'.
    "optimizer": optimizer_fields(
      learning_rate=1e-3, beta1=0.9, beta2=0.999, schedule="cosine"
    ),
    **cadence_fields(steps=1000),
  }


SECTIONS = {"sparse_coding": defaults, **autoencoder.SECTIONS}
