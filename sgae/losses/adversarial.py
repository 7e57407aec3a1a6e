"""Adversarial losses on logits: softplus forms, finite for logits of any size.

Each loss is a pair of functions of (real_logits_b, fake_logits_b), both float [B],
that return the mean over the batch, a scalar. The generator's half gets the real
logits as well because relativistic losses compare the two.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import relu, softplus


class AdversarialLoss(NamedTuple):
  """The two players' halves of a game, each `(real_b, fake_b) -> scalar`.

  >>> import jax.numpy as jnp
  >>> from sgae import losses
  >>> logits = jnp.zeros(4)
  >>> round(float(losses.relativistic.discriminator(logits, logits)), 4)  # log 2
  0.6931
  """

  discriminator: Callable[[jax.Array, jax.Array], jax.Array]
  generator: Callable[[jax.Array, jax.Array], jax.Array]


def _mean_of(function) -> Callable[[jax.Array, jax.Array], jax.Array]:
  def loss(real_b, fake_b):
    if real_b.ndim != 1 or real_b.shape != fake_b.shape:
      raise ValueError(
        "logits must be two arrays of one shape [B], "
        f"got {real_b.shape} and {fake_b.shape}"
      )
    return jnp.mean(function(real_b, fake_b))

  return loss


def _cross_entropy(real, fake):
  return softplus(-real) + softplus(fake)


# Goodfellow et al. 2014 (arXiv 1406.2661), equation 1: the generator minimises
# log(1 - sigmoid(fake)), whose gradient fades when the discriminator wins.
minimax = AdversarialLoss(
  _mean_of(_cross_entropy), _mean_of(lambda real, fake: -softplus(fake))
)

# The same paper, section 3: -log sigmoid(fake).
non_saturating = AdversarialLoss(
  _mean_of(_cross_entropy), _mean_of(lambda real, fake: softplus(-fake))
)

# Mao et al. 2017 (arXiv 1611.04076), equation 9: targets 0 and 1, halves.
least_squares = AdversarialLoss(
  _mean_of(lambda real, fake: 0.5 * (real - 1) ** 2 + 0.5 * fake**2),
  _mean_of(lambda real, fake: 0.5 * (fake - 1) ** 2),
)

# Lim & Ye 2017 (arXiv 1705.02894); Miyato et al. 2018 (arXiv 1802.05957).
hinge = AdversarialLoss(
  _mean_of(lambda real, fake: relu(1 - real) + relu(1 + fake)),
  _mean_of(lambda real, fake: -fake),
)

# Arjovsky et al. 2017 (arXiv 1701.07875); needs a gradient penalty.
wasserstein = AdversarialLoss(
  _mean_of(lambda real, fake: fake - real), _mean_of(lambda real, fake: -fake)
)

# Pairing: each real example against one generated example. Jolicoeur-Martineau 2018
# (arXiv 1807.00734); Huang et al. 2024 (arXiv 2501.05441).
relativistic = AdversarialLoss(
  _mean_of(lambda real, fake: softplus(fake - real)),
  _mean_of(lambda real, fake: softplus(real - fake)),
)

ADVERSARIAL_LOSSES = {
  "minimax": minimax,
  "non_saturating": non_saturating,
  "least_squares": least_squares,
  "hinge": hinge,
  "wasserstein": wasserstein,
  "relativistic": relativistic,
}
