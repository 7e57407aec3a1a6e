"""MNIST: a variational autoencoder, alone or as the start of a GAN.

    python launch.py --config=configs/vae.py

`configs/vae.py:KIND` chooses what is trained:

    :small      16 latents, networks of width 256; the default
    :published  784-200-200-50 with tanh, as in Burda et al. 2016, pixels binarised anew
                at each step
    :fixed      the same, each image binarised once
    :sparse     784-400-200: latents that are exactly zero with a probability, after
                Tonolini et al. 2019
    :gan        `:small`, and a GAN whose generator starts as its decoder

Seed 0, on 2 cores of an Intel Xeon with much other work on them (in brackets the
processor time of the whole command), commit e9f8bde; `:published` and `:fixed` on one
shared core of an AMD EPYC, 896f813 and 1ff396c.
log p(x) in nats, of the first images of the test split from so many draws; Frechet
distance of 10,000 samples (feature extractor mnist dc386622b326, floor 1.84):

| | time | log p(x), images, draws | test ELBO | distance | active units |
|---|---|---|---|---|---|
| `:small` | 6 min (1 min 53 s) | -96.8 (1.1), 500, 1,000 | -101.0 | 198.9 | 16 |
| `:published` | 51 min of training | -87.3 (.2), 10,000, 5,000 | -91.7 | 104.3 | 22 |
| `:fixed` | 33 min of training | -89.3 (.7), 1,000, 5,000 | -95.2 | 139.7 | 26 |
| `:sparse` | 9 min (5 min) | -116.9 (1.0), 1,000, 5,000 | -125.9 | 599 | 44 |

`:published` ran 400 epochs and `:fixed` 167; the paper's 86.76 and 88.71 (of all 10,000
images) took 3,280.
`:sparse` has an L0 of 3.6, an FVU of .324, and 78 % of its latents never on.
"""

from typing import Any

from configs import base
from sgae.config_checks import chosen

KINDS = ("small", "published", "fixed", "sparse", "gan")


def get_config(arg: str = "") -> Any:
  """Returns the config; `arg` is one of `KINDS`, or '' for the first.

  Raises:
    UserError: there is no such kind.
  """
  kind = chosen("kind", arg, KINDS)
  config = base.get_config(("vae", "gan") if kind == "gan" else ("vae",))
  config.data.source = "tfds"
  config.data.name = "mnist"
  vae = config.vae
  vae.update(log_every=100, evaluate_every=2000, save_every=2000)
  # of these two `latent_dim`, widths and activation are the defaults
  if kind == "published":
    # 400 epochs at the paper's batches
    vae.update(pixels="dynamic", steps=1_200_000, batch_size=20, log_every=1000)
    vae.update(evaluate_every=200_000, save_every=50_000)
  elif kind == "fixed":
    # 167 epochs; it learns images by heart
    vae.update(pixels="fixed", steps=100_000)
    vae.update(evaluate_every=25_000, save_every=5000)
  elif kind == "sparse":
    vae.update(posterior="spike_and_slab", latent_dim=200, activation="relu")
    vae.update(encoder_hidden=(400,), decoder_hidden=(400,), steps=10_000)
    vae.beta_warmup = 2000  # else most latents are off before they are of use
  else:
    vae.update(latent_dim=16, activation="leaky_relu", steps=6000, batch_size=128)
    vae.update(encoder_hidden=(256, 256), decoder_hidden=(256, 256))
    # the likelihood of 1,000 images from 5,000 draws takes as long as all the training
    config.evaluation.update(importance_samples=1000, importance_examples=500)
  if kind == "gan":
    _set_up_gan(config)
  return config


def _set_up_gan(config: Any) -> None:
  vae, gan = config.vae, config.gan
  gan.update(generator="plain", sparsity_weight=0.0, latent_dim=vae.latent_dim)
  gan.update(generator_hidden=vae.decoder_hidden, generator_activation=vae.activation)
  gan.penalties.update(r1=0.3, r2=0.3)
  gan.ema_decay = 0.9995
  for player in ("generator", "discriminator"):
    gan[f"{player}_optimizer"].schedule = "constant"
  gan.update(steps=8000, batch_size=128)
  gan.update(log_every=100, evaluate_every=2000, save_every=4000)
