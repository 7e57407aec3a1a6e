"""The seed article's shapes on MNIST: 100-128-128-784 against 784-128-128-1.

    python launch.py --config=configs/seed.py

A plain generator; the discriminator trains by SGD, the generator by Adam, 50 updates
each in turn. The autoencoder is 784-128-64-32 with sigmoid units and KL sparsity.
"""

from typing import Any

from configs import base
from sgae.config_checks import no_kinds


def get_config(arg: str = "") -> Any:
  """Returns the config; configs/base.py says where all fields are defined."""
  no_kinds(arg)
  config = base.get_config(("sae", "gan"))
  config.data.source = "tfds"
  config.data.name = "mnist"
  config.code.update(num_latents=32, sparsity_map="sigmoid", penalty="kl", rho=0.05)
  config.sae.update(
    encoder_hidden=(128, 64),
    decoder_hidden=(64, 128),
    tied_start=False,
    unit_norm_atoms=False,
    sparsity_weight=1e-3,
    auxiliary_weight=0.0,
    batch_size=128,
  )
  config.gan.update(
    generator="plain",
    latent_dim=100,
    generator_hidden=(128, 128),
    discriminator_hidden=(128, 128),
    loss="non_saturating",
    sparsity_weight=0.0,
    discriminator_updates=50,
    generator_updates=50,
    batch_size=128,
    steps=200,
    log_every=2,
    evaluate_every=50,
    save_every=50,
  )
  config.gan.penalties.update(r1=0.0, r2=0.0)
  config.gan.discriminator_optimizer.update(
    name="sgd", learning_rate=1e-2, schedule="constant"
  )
  config.gan.generator_optimizer.update(
    learning_rate=2e-4, beta1=0.5, schedule="constant"
  )
  return config
