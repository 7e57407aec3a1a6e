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


def mean_logits(real_b: jax.Array, fake_b: jax.Array) -> dict[str, jax.Array]:
  """Returns the mean logits of real and of generated images."""
  return {"d_real": jnp.mean(real_b), "d_fake": jnp.mean(fake_b)}


class AdversarialLoss(NamedTuple):
  """The two players' halves of a game, each `(real_b, fake_b, **numbers) -> scalar`.

  >>> import jax.numpy as jnp
  >>> from sgae import losses
  >>> logits = jnp.zeros(4)
  >>> round(float(losses.relativistic.discriminator(logits, logits)), 4)  # log 2
  0.6931

  Attributes:
    discriminator, generator: the halves.
    numbers: names of the scalars that both take besides.
    measures: `measures(real_b, fake_b, **numbers) -> {name: scalar}`, what is shown of
      the discriminator's logits.
    cost: `cost(logits_b, targets_b) -> [B]`, where the discriminator learns a target
      for each image, 1 if it is real and 0 if not; None: it learns no targets.
    middle: the logit of an image that it cannot tell; None: a constant that is added to
      all logits changes nothing, and there is no such logit.
  """

  discriminator: Callable[..., jax.Array]
  generator: Callable[..., jax.Array]
  numbers: tuple[str, ...] = ()
  measures: Callable[..., dict[str, jax.Array]] = mean_logits
  cost: Callable[[jax.Array, jax.Array], jax.Array] | None = None
  middle: float | None = None


def mean_of(function: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
  """Returns a half of a loss, the mean over a batch.

  Args:
    function: (real_b, fake_b, **numbers) -> [B].
  """

  def loss(real_b, fake_b, **numbers):
    if real_b.ndim != 1 or real_b.shape != fake_b.shape:
      raise ValueError(
        "logits must be two arrays of one shape [B], "
        f"got {real_b.shape} and {fake_b.shape}"
      )
    return jnp.mean(function(real_b, fake_b, **numbers))

  return loss


def _cross_entropy(real, fake):
  return softplus(-real) + softplus(fake)


def _entropy_of_target(logits, targets):
  return targets * softplus(-logits) + (1 - targets) * softplus(logits)


def _squared_distance(logits, targets):
  return 0.5 * (logits - targets) ** 2


# Goodfellow et al. 2014 (arXiv 1406.2661), equation 1: the generator minimises
# log(1 - sigmoid(fake)), whose gradient fades when the discriminator wins.
minimax = AdversarialLoss(
  mean_of(_cross_entropy),
  mean_of(lambda real, fake: -softplus(fake)),
  cost=_entropy_of_target,
  middle=0.0,
)

# The same paper, section 3: -log sigmoid(fake).
non_saturating = AdversarialLoss(
  mean_of(_cross_entropy),
  mean_of(lambda real, fake: softplus(-fake)),
  cost=_entropy_of_target,
  middle=0.0,
)

# Mao et al. 2017 (arXiv 1611.04076), equation 9: targets 0 and 1, halves.
least_squares = AdversarialLoss(
  mean_of(lambda real, fake: 0.5 * (real - 1) ** 2 + 0.5 * fake**2),
  mean_of(lambda real, fake: 0.5 * (fake - 1) ** 2),
  cost=_squared_distance,
  middle=0.5,
)

# Lim & Ye 2017 (arXiv 1705.02894); Miyato et al. 2018 (arXiv 1802.05957).
hinge = AdversarialLoss(
  mean_of(lambda real, fake: relu(1 - real) + relu(1 + fake)),
  mean_of(lambda real, fake: -fake),
  middle=0.0,
)

# Arjovsky et al. 2017 (arXiv 1701.07875); needs a gradient penalty.
wasserstein = AdversarialLoss(
  mean_of(lambda real, fake: fake - real), mean_of(lambda real, fake: -fake)
)

# Pairing: each real example against one generated example. Jolicoeur-Martineau 2018
# (arXiv 1807.00734); Huang et al. 2024 (arXiv 2501.05441).
relativistic = AdversarialLoss(
  mean_of(lambda real, fake: softplus(fake - real)),
  mean_of(lambda real, fake: softplus(real - fake)),
)

ADVERSARIAL_LOSSES = {
  "minimax": minimax,
  "non_saturating": non_saturating,
  "least_squares": least_squares,
  "hinge": hinge,
  "wasserstein": wasserstein,
  "relativistic": relativistic,
}
# Those that need nothing to bound the slope of the discriminator.
LOSSES_WITHOUT_BOUND = tuple(
  name for name in ADVERSARIAL_LOSSES if name != "wasserstein"
)
