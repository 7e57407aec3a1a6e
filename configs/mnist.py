"""MNIST: top-k sparse autoencoder, then a relativistic GAN on its decoder.

    python launch.py --config=configs/mnist.py

The baseline without the autoencoder: --config.phases="('gan',)" and a --workdir.
"""

from typing import Any

from configs import default


def get_config(arg: str = "") -> Any:
  """Returns the config; see configs/default.py for every field."""
  config = default.get_config(arg)
  config.data.source = "tfds"
  config.data.name = "mnist"
  config.sae.steps = 500
  config.sae.evaluate_every = 250
  config.sae.save_every = 250
  config.gan.steps = 8000
  config.gan.log_every = 100
  config.gan.evaluate_every = 2000
  config.gan.save_every = 2000
  return config
