"""Which starts survive settings in which GANs fail? A population on the digits.

    python launch.py --config=configs/steadiness.py:plain
    python launch.py --config=configs/steadiness.py:plain --mode=evaluate --target=60

`:plain`, `:decoder`, `:encoder` and `:mixture` are the starts of configs/mnist.py, here
with one pair of dense networks for all. 27 members: R1 penalties of 0, .01 and .1,
three learning rates of both players, three seeds. Loss and discriminator updates are
structure, and each choice takes a run of its own.

`:seed-plain`, `:seed-decoder` and so on do the same on MNIST with the networks and the
autoencoder of configs/seed.py.

Measured in a short form: configs/README.md.
"""

from typing import Any

from configs import digits, seed
from configs.mnist import choose_start


def get_config(arg: str = "") -> Any:
  """Returns the config; `arg` is one of the starts of configs/mnist.py, or ''.

  With "seed-" before it, it has the networks of configs/seed.py.
  """
  start = arg.removeprefix("seed-")
  config = digits.get_config() if start == arg else _seed_networks()
  config.population.seeds = 3
  config.population.vary = (
    "gan.penalties.r1=0,0.01,0.1",
    "gan.generator_optimizer.learning_rate"
    "+gan.discriminator_optimizer.learning_rate=0.0001,0.001,0.003",
  )
  config.sae.update(steps=500, evaluate_every=500, save_every=500)
  gan = config.gan
  gan.update(loss="non_saturating", batch_size=64)
  gan.penalties.r2 = 0.0
  for player in ("generator", "discriminator"):
    gan[f"{player}_optimizer"].schedule = "constant"
  gan.update(steps=1000, log_every=100, evaluate_every=1000, save_every=1000)
  if choose_start(config, start) == "mixture":
    axes = min(64, config.code.num_latents)
    gan.mixture.update(components=100, axes=axes, rank=8)
  config.evaluation.update(num_samples=500, final_samples=1000, controls=False)
  return config


def _seed_networks() -> Any:
  """Returns configs/seed.py with the optimizers and updates of configs/digits.py."""
  config, training = seed.get_config(), digits.get_config().gan
  gan = config.gan
  for field in ("generator", "sparsity_weight"):
    gan[field] = training[field]
  for player in ("generator", "discriminator"):
    for field in (f"{player}_optimizer", f"{player}_updates"):
      gan[field] = training[field]
  return config
