"""Stacked MNIST: how many of its 1,000 modes does a generator cover?

    python launch.py --config=configs/stacked_mnist.py

`configs/stacked_mnist.py:PROTOCOL` chooses what is trained:

    :best    the GAN of configs/mnist.py, which starts as a mixture; the default
    :veegan  the protocol of VEEGAN and PacGAN

`:best` at commit c68fb8e, seed 0: 1,000 modes and a reverse KL of .099 +- .003 (26,000
samples; floor .024; feature extractor mnist dc386622b326), Frechet distance 195 (289 as
the mixture alone).

`:veegan`: DCGAN with batch normalization on 128,000 fixed images, 50 epochs of the
discriminator and twice as many updates of the generator; 26,000 samples. VEEGAN:
Srivastava et al. 2017 (arXiv 1705.07761), PacGAN: Lin et al. 2018 (arXiv 1712.04086).
Measured at commit c46778a, before convolutions had their gradients as derivatives, seed
0: 5 minutes 16 seconds on one NVIDIA H200; 113 modes (standard error 2.4), reverse KL
2.744 +- .005 (26,000 samples; floor 1,000 modes, .024; feature extractor mnist
dc386622b326). DCGAN in VEEGAN's table: 99 modes, 3.40. From 77,000 rounds on the run
warns that the discriminator has won, which is not solved yet. A hundredth of it
(--config.gan.steps=1000) takes 29 minutes on one shared core of an Intel Xeon and shows
learning: from 1 mode and a reverse KL of 6.91 to 41 (2.6) and 4.642 +- .007.
"""

from typing import Any

from configs import base, mnist
from sgae.config_checks import chosen

PROTOCOLS = ("best", "veegan")


def get_config(arg: str = "") -> Any:
  """Returns the config; `arg` is one of `PROTOCOLS`, or '' for the first.

  Raises:
    UserError: there is no such protocol.
  """
  protocol = chosen("protocol", arg, PROTOCOLS)
  config = _best() if protocol == "best" else _veegan()
  config.data.source = "stacked"
  config.data.name = "mnist"
  config.evaluation.final_samples = 26_000
  return config


def _best() -> Any:
  config = mnist.get_config("mixture")
  # an image has three times the strokes of a digit
  config.code.update(num_latents=1024, k=128)
  gan = config.gan
  # at least one Gaussian for each mode
  gan.mixture.update(components=1500, axes=192)
  gan.update(steps=1000, log_every=50, evaluate_every=250, save_every=1000)
  return config


def _veegan() -> Any:
  config = base.get_config(("gan",))
  gan = config.gan
  gan.update(
    generator="plain",
    sparsity_weight=0.0,
    latent_dim=100,
    latent_distribution="uniform",
    generator_architecture="dcgan",
    generator_hidden=(512, 256, 128, 64),
    generator_activation="relu",
    generator_normalization="batch",
    discriminator_architecture="dcgan",
    discriminator_hidden=(64, 128, 256, 512),
    discriminator_normalization="batch",
    kernel_size=5,
    loss="non_saturating",
    generator_updates=2,
    batch_size=64,
  )
  gan.penalties.update(r1=0.0, r2=0.0)
  for player in ("generator", "discriminator"):
    gan[f"{player}_optimizer"].update(
      learning_rate=2e-4, beta1=0.5, beta2=0.999, schedule="constant"
    )
  gan.update(steps=100_000, log_every=50, evaluate_every=5000, save_every=5000)
  return config
