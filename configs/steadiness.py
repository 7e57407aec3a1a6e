"""Which starts survive settings in which GANs fail? A population on the digits.

    python launch.py --config=configs/steadiness.py:plain
    python launch.py --config=configs/steadiness.py:plain --mode=evaluate --target=60

`:plain`, `:decoder`, `:encoder` and `:mixture` are the starts of configs/mnist.py, here
with one pair of dense networks for all. 27 members: R1 penalties of 0, .01 and .1,
three learning rates of both players, three seeds. Loss and discriminator updates are
structure, and each choice takes a run of its own.
"""

from typing import Any

from configs import digits
from configs.mnist import choose_start


def get_config(arg: str = "") -> Any:
  """Returns the config; `arg` is one of the starts of configs/mnist.py, or ''."""
  config = digits.get_config()
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
  if choose_start(config, arg) == "mixture":
    gan.mixture.update(components=100, axes=64, rank=8)
  config.evaluation.update(num_samples=500, final_samples=1000, controls=False)
  return config
