"""MNIST: VAE-GAN, whose reconstructions are compared in a discriminator's features.

    python launch.py --config=configs/vae_gan.py

`configs/vae_gan.py:KIND` chooses what is trained (not measured yet):

    :small          the networks of `configs/vae.py:small`, dense; the default
    :started        the same, which start as the trained ones of that config
    :convolutional  convolutions of stride 2 throughout

The balance of the paper's code is on: the discriminator rests while it wins clearly.
"""

from typing import Any

from configs import base, vae
from sgae.errors import UserError

KINDS = ("small", "started", "convolutional")


def get_config(arg: str = "") -> Any:
  """Returns the config; `arg` is one of `KINDS`, or '' for the first.

  Raises:
    UserError: there is no such kind.
  """
  kind = arg or KINDS[0]
  if kind not in KINDS:
    raise UserError(f"the kind :{arg} is unknown: choose one of {', '.join(KINDS)}")
  small = vae.get_config("small")
  config = base.get_config(("vae", "vae_gan"))
  for section in ("data", "evaluation", "vae"):
    config[section] = small[section]
  if kind != "started":
    config.phases = ("vae_gan",)
  config.vae_gan.update(log_every=100, evaluate_every=2000, save_every=2000)
  if kind == "convolutional":
    config.vae.update(architecture="convolutional")
    config.vae.update(encoder_hidden=(32, 64), decoder_hidden=(64, 32))
    config.vae_gan.discriminator_hidden = (32, 64, 256)
  return config
