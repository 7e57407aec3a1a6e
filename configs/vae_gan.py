"""MNIST: VAE-GAN, whose reconstructions are compared in a discriminator's features.

    python launch.py --config=configs/vae_gan.py

`configs/vae_gan.py:KIND` chooses what is trained:

    :small          the networks of `configs/vae.py:small`, dense; the default
    :started        the same, which start as the trained ones of that config
    :convolutional  convolutions of stride 2 throughout

The balance of the paper's code is on: the discriminator rests while it wins clearly.

`:small` in a short form (`--config.vae_gan.steps=4000`), seed 0, commit 93721a1, 2
cores of an Intel Xeon: 1 min 38 s, Frechet distance 270.6 (1.3) of 10,000 samples, of
reconstructions 79.6, FVU .50. `configs/vae.py` has 198.9, 10.6 and .15: no weight or
rate was looked for, and the others are not measured.
"""

from typing import Any

from configs import base, vae
from sgae.config_checks import chosen

KINDS = ("small", "started", "convolutional")


def get_config(arg: str = "") -> Any:
  """Returns the config; `arg` is one of `KINDS`, or '' for the first.

  Raises:
    UserError: there is no such kind.
  """
  kind = chosen("kind", arg, KINDS)
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
