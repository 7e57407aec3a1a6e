"""CIFAR-10 with DCGAN's pair; `:residual` is a pair in the style of R3GAN, for a GPU.

    python launch.py --config=configs/cifar10.py
    python launch.py --config=configs/cifar10.py:residual

The first one learns on a CPU: after 1,000 of its rounds, 5 minutes on one core of an
AMD EPYC that others use as well, the Frechet distance (2,000 samples, features of the
classifier that is trained on first use) is 54, from 646 at the start; seed 0. All of
its rounds, and the second one, are for a GPU, and were not run.
"""

from typing import Any

from configs import default
from sgae.errors import UserError


def get_config(arg: str = "") -> Any:
  """Returns the config; `arg` is '' or 'residual'."""
  if arg not in ("", "residual"):
    raise UserError(f"configs/cifar10.py:{arg} is unknown: choose ':residual' or none")
  config = default.get_config()
  config.phases = ("gan",)
  config.data.source = "tfds"
  config.data.name = "cifar10"
  gan = config.gan
  gan.update(generator="plain", sparsity_weight=0.0, latent_dim=128, batch_size=64)
  if arg == "residual":
    gan.update(
      generator_architecture="residual",
      generator_hidden=(256, 192, 128, 64),
      generator_output="linear",
      discriminator_architecture="residual",
      discriminator_hidden=(64, 128, 192, 256),
    )
  else:
    gan.update(
      generator_architecture="dcgan",
      generator_hidden=(128, 64, 32),
      generator_normalization="batch",
      discriminator_architecture="dcgan",
      discriminator_hidden=(32, 64, 128),
    )
  for player in ("generator", "discriminator"):
    gan[f"{player}_optimizer"].update(learning_rate=2e-4, schedule="constant")
  gan.update(steps=100_000, log_every=50, evaluate_every=2000, save_every=2000)
  return config
