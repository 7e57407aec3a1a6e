"""Sparse coding: a dictionary learnt for codes of least objective.

    python launch.py --config=configs/sparse_coding.py

`configs/sparse_coding.py:KIND` chooses what is trained:

    :digits     128 atoms for the digits of scikit-learn; no download; the default
    :mnist      512 atoms for MNIST
    :patches    256 atoms for patches of CIFAR-10, signed codes
    :whitened   the same of whitened patches
    :gan        `:mnist`, and a GAN on its dictionary, whose coder starts as a mixture
                fitted to the codes of LISTA, its discriminator as the rows of LISTA
    :sae        the dictionary of a sparse autoencoder, kept as it is, to measure how
                far the autoencoder's codes are from the best ones for it

Held-out objective, and how far above it LISTA's codes are, seed 0, commit 5798011, next
to much other work on 2 cores of an Intel Xeon: digits 3.63, 8.0 % (47 s), patches .1717
and 7.4 % (1 min 13 s), whitened .2567 and 8.5 % (1 min 7 s); MNIST, commit 8b50a10, a
third of a core of an AMD EPYC: 25.29 and 10.1 % (5 min 57 s). configs/README.md says
more.
"""

from typing import Any

from configs import base
from sgae.config_checks import chosen

KINDS = ("digits", "mnist", "patches", "whitened", "gan", "sae")


def get_config(arg: str = "") -> Any:
  """Returns the config; `arg` is one of `KINDS`, or '' for the first.

  Raises:
    UserError: there is no such kind.
  """
  kind = chosen("kind", arg, KINDS)
  phases = {"gan": ("sparse_coding", "gan"), "sae": ("sae", "sparse_coding")}
  config = base.get_config(phases.get(kind, ("sparse_coding",)))
  sae, coding = config.sae, config.sparse_coding
  config.code.update(sparsity_map="relu", penalty="l1", num_latents=512)
  sae.update(architecture="lista", output="linear", auxiliary_weight=0.0)
  coding.update(alpha=0.5, window=50, steps=1000, log_every=50)
  if kind == "digits":
    config.code.num_latents = 128
    return config
  if kind in ("patches", "whitened"):
    config.data.update(source="patches", name="cifar10", whitened=kind == "whitened")
    config.code.update(sparsity_map="none", num_latents=256)
    coding.update(alpha=0.1, steps=1170, log_every=30)  # three epochs
    coding.update(evaluate_every=390, save_every=390)
    return config
  config.data.update(source="tfds", name="mnist")
  # of few epochs, so that means soon forget the codes of early dictionaries
  coding.update(window=25, iterations=40)
  if kind == "sae":
    # the same objective: a mean over pixels in place of half a sum
    sae.update(architecture="mlp", sparsity_weight=2 * coding.alpha / 28**2)
    coding.update(dictionary="fixed", steps=50)
    coding.optimizer.learning_rate = 0.0
  if kind == "gan":
    _set_up_gan(config.gan)
  return config


def _set_up_gan(gan: Any) -> None:
  gan.update(coder="mixture", discriminator_start="encoder")
  gan.update(steps=2000, evaluate_every=500)
