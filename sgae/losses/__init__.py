"""Pure functions: adversarial losses and gradient penalties, sparsity, reconstruction.

They take arrays and functions of arrays, never a config. An adversarial loss has two
halves, `discriminator(real_b, fake_b)` and `generator(real_b, fake_b)`, of logits [B].
"""

from typing import TYPE_CHECKING

from sgae import lazy

if TYPE_CHECKING:
  from sgae.losses.adversarial import (
    hinge,
    least_squares,
    minimax,
    non_saturating,
    relativistic,
    wasserstein,
  )
  from sgae.losses.reconstruction import squared_error
  from sgae.losses.sparsity import kl, l1

__all__ = [
  "hinge",
  "kl",
  "l1",
  "least_squares",
  "minimax",
  "non_saturating",
  "relativistic",
  "squared_error",
  "wasserstein",
]

__getattr__ = lazy.attach(
  __name__,
  {
    "hinge": "sgae.losses.adversarial",
    "kl": "sgae.losses.sparsity",
    "l1": "sgae.losses.sparsity",
    "least_squares": "sgae.losses.adversarial",
    "minimax": "sgae.losses.adversarial",
    "non_saturating": "sgae.losses.adversarial",
    "relativistic": "sgae.losses.adversarial",
    "squared_error": "sgae.losses.reconstruction",
    "wasserstein": "sgae.losses.adversarial",
  },
)
