"""CIFAR-10 in short: DCGAN's pair with self-attention at 16x16; `:plain` is without.

    python launch.py --config=configs/attention.py
    python launch.py --config=configs/attention.py:plain --workdir=runs/attention_plain

All else is as in cifar10.py, so that the two tell what attention does (Zhang et al.
2019, arXiv 1805.08318). A round of 64 images takes 95 ms without attention and 322 ms
with it, and 53 and 189 MiB of temporary memory (medians of 9, commit 93721a1, 2 cores
of an Intel Xeon): with it R1 and R2 are differentiated twice. In equal time, 26 minutes
of three seeds on one core of an AMD EPYC, commit 9a4b517, 300 rounds with it come to a
Frechet distance of 106 (4.1), and 1,000 without to 52 (2.0). Neither was run in full.
In a published comparison on CIFAR-10 it gains nothing: Frechet distance 14.0 with
attention, 13.2 without.
"""

from typing import Any

from configs import cifar10
from sgae.errors import UserError


def get_config(arg: str = "") -> Any:
  """Returns the config; `arg` is '' or 'plain'."""
  if arg not in ("", "plain"):
    raise UserError(f"configs/attention.py:{arg} is unknown: choose ':plain' or none")
  config = cifar10.get_config()
  if not arg:
    config.gan.update(generator_attention=(16,), discriminator_attention=(16,))
  config.gan.update(steps=2000, evaluate_every=500, save_every=500)
  return config
