"""Images in, codes out, and back with a change: what inversion and editing need.

    python launch.py --config=configs/edit.py
    python launch.py --mode=invert --workdir=runs/edit --images=images.npz
    python launch.py --mode=edit --workdir=runs/edit --towards=8:10
    python -m sgae.editing sparse=runs/edit vae=runs/edit_vae --output=runs/edits

`configs/edit.py:KIND` chooses the data and the generator, with the settings of mnist.py
and vae.py:

    :mnist, :fashion_mnist          a top-k autoencoder and a GAN from it
    :mnist-vae, :fashion_mnist-vae  a variational autoencoder of 16 latents, the control

`:mnist`, three seeds, 4 minutes 24 seconds of training on one shared core of a Xeon:
test images invert to an error of .0056 (autoencoder: .0176; `:mnist-vae`: .0334 and
.0422); 98.8 % of edits towards a class succeed (`:mnist-vae`: 87.3 %), 80.9 % by 10 of
512 latents. On Fashion-MNIST, three seeds, 92.0 and 63.5 % (VAE: 67.4 %).
configs/README.md says more.
"""

from typing import Any

from configs import mnist, vae
from sgae.config_checks import chosen

KINDS = ("mnist", "fashion_mnist", "mnist-vae", "fashion_mnist-vae")


def get_config(arg: str = "") -> Any:
  """Returns the config; `arg` is one of `KINDS`, or '' for the first.

  Raises:
    UserError: there is no such kind.
  """
  data, _, model = chosen("kind", arg, KINDS).partition("-")
  config = (vae if model else mnist).get_config()
  config.data.name = data
  return config
