"""CIFAR-10 with the DCGAN networks.

    python launch.py --config=configs/cifar10.py
    python launch.py --config=configs/cifar10.py:sae
    python launch.py --config=configs/cifar10.py:classes
    python launch.py --config=configs/cifar10.py:residual

`:sae` trains a convolutional autoencoder first, whose code has 8x8 places, and starts
the generator's decoder as its own; `:classes` draws the class that is asked for, with a
discriminator by projection; `:residual` has networks like R3GAN's, for a GPU.

The first one at commit b8baa7d, seed 0, takes 3 minutes 28 seconds on one NVIDIA H200
(161 seconds of training, 43 % of them in pictures, measures and checkpoints; the rest
is the data, the feature extractor and the evaluation). Frechet distance 4.91 (standard
error .14; 10,000 samples, feature extractor 8dd4364a5844, which is trained on first
use, test accuracy .736; floor .46), precision .72, recall .68, all ten classes. With
2,000 samples the distance falls from 987 at the start to 51 after 2,000 rounds, 25
after 10,000, 8.7 after 50,000 and 5.6 at the end. On 2 cores of an Intel Xeon, 1,000
rounds (--config.gan.steps=1000) take 160 seconds, after about 6 minutes for the feature
extractor, once: from 1,286 to 55.1 (2,000 samples). Its feature extractor e12621611419
differs, so these figures are not comparable with those above. `:sae` in a short form
(500 steps and 500 rounds, AMD EPYC, commit 9036748) ends at 64.1, the default at 65.8
after as many rounds, without the 307 seconds of the autoencoder, and `:classes` at 57.5
(commit 9a4b517), where 23 % of samples show the class asked for. `:residual` was not
run.
"""

from typing import Any

from configs import base
from sgae.config_checks import chosen

KINDS = ("plain", "sae", "classes", "residual")


def get_config(arg: str = "") -> Any:
  """Returns the config; `arg` is one of `KINDS`, or '' for the first.

  Raises:
    UserError: there is no such kind.
  """
  kind = chosen("kind", arg, KINDS)
  config = base.get_config(("sae", "gan") if kind == "sae" else ("gan",))
  config.data.source = "tfds"
  config.data.name = "cifar10"
  gan = config.gan
  gan.update(latent_dim=128, batch_size=64)
  if kind == "sae":
    _set_up_code(config)
  else:
    gan.update(generator="plain", sparsity_weight=0.0)
  if kind == "classes":
    gan.conditional.classes = 10
  if kind == "residual":
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
      # of noise -> image, or of noise -> code
      generator_hidden=(128,) if kind == "sae" else (128, 64, 32),
      generator_normalization="batch",
      discriminator_architecture="dcgan",
      discriminator_hidden=(32, 64, 128),
    )
  for player in ("generator", "discriminator"):
    gan[f"{player}_optimizer"].update(learning_rate=2e-4, schedule="constant")
  gan.update(steps=100_000, log_every=50, evaluate_every=2000, save_every=2000)
  return config


def _set_up_code(config: Any) -> None:
  config.code.update(num_latents=64, k=512)  # of 8 x 8 x 64
  config.sae.update(
    architecture="convolutional",
    encoder_hidden=(64,),
    decoder_hidden=(64,),
    tied_start=False,
    batch_size=128,
    steps=1000,
    evaluate_every=500,
    save_every=500,
  )
