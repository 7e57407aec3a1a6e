"""MNIST: top-k sparse autoencoder, then a relativistic GAN on its decoder.

    python launch.py --config=configs/mnist.py

The baseline without the autoencoder: add --config.phases="('gan',)" and a --workdir.
"""

from typing import Any

from configs import base


def get_config(arg: str = "") -> Any:
  """Returns the config; configs/base.py says where all fields are defined."""
  del arg
  config = base.get_config(("sae", "gan"))
  config.data.source = "tfds"
  config.data.name = "mnist"
  config.sae.steps = 500
  config.sae.evaluate_every = 250
  config.sae.save_every = 250
  config.gan.batch_size = 128
  config.gan.penalties.update(r1=0.3, r2=0.3)
  config.gan.ema_decay = 0.9995
  for player in ("generator", "discriminator"):
    config.gan[f"{player}_optimizer"].schedule = "constant"
  config.gan.steps = 24000
  config.gan.log_every = 100
  config.gan.evaluate_every = 2000
  config.gan.save_every = 4000
  return config
