"""Losses of a discriminator that is an energy, and the terms that go with them.

An energy E(x) >= 0 is low where images look real. The discriminator's logit is minus
it, so that here as well a higher logit looks more real.
"""

import jax
import jax.numpy as jnp
from jax.nn import relu

from sgae.kernels import collectives
from sgae.losses.adversarial import AdversarialLoss, mean_of

Scalar = jax.Array | float


def _energies(real_b: jax.Array, fake_b: jax.Array) -> dict[str, jax.Array]:
  return {"energy_real": -jnp.mean(real_b), "energy_fake": -jnp.mean(fake_b)}


def _energies_and_margin(real_b, fake_b, margin):
  return _energies(real_b, fake_b) | {"below_margin": jnp.mean(-fake_b < margin)}


# E(x) + max(0, margin - E(G(z))) against E(G(z)). Zhao et al. 2016 (arXiv 1609.03126).
margin = AdversarialLoss(
  mean_of(lambda real, fake, margin: relu(margin + fake) - real),
  mean_of(lambda real, fake, margin: -fake),
  ("margin",),
  _energies_and_margin,
)

# E(x) - k E(G(z)) against E(G(z)); `moved_balance` moves k. Berthelot et al. 2017
# (arXiv 1703.10717).
equilibrium = AdversarialLoss(
  mean_of(lambda real, fake, balance: balance * fake - real),
  mean_of(lambda real, fake, balance: -fake),
  ("balance",),
  lambda real_b, fake_b, balance: _energies(real_b, fake_b),
)

ENERGY_LOSSES = {"margin": margin, "equilibrium": equilibrium}


def moved_balance(
  balance: Scalar, real_energy: Scalar, fake_energy: Scalar, gamma: Scalar, rate: Scalar
) -> jax.Array:
  """k <- clip(k + rate (gamma E(x) - E(G(z))), 0, 1), of Berthelot et al. 2017.

  >>> round(float(moved_balance(jnp.float32(0.2), 2.0, 0.5, 0.5, 0.1)), 4)
  0.25

  Args:
    balance: scalar in [0, 1], k.
    real_energy, fake_energy: scalars >= 0, means over the global batch.
    gamma: wanted E(G(z)) / E(x), in (0, 1]; lower: sharper and less varied images.
    rate: lambda_k, >= 0.
  """
  return jnp.clip(balance + rate * (gamma * real_energy - fake_energy), 0.0, 1.0)


def convergence(real_energy: Scalar, fake_energy: Scalar, gamma: Scalar) -> jax.Array:
  """M = E(x) + |gamma E(x) - E(G(z))| of Berthelot et al. 2017, less is better.

  >>> float(convergence(2.0, 0.5, 0.5))
  2.5

  Args:
    real_energy, fake_energy, gamma: as for `moved_balance`.
  """
  return real_energy + jnp.abs(gamma * real_energy - fake_energy)


def pulling_away(code_bk: jax.Array, axis: str | None = None) -> jax.Array:
  """Mean squared cosine between the codes of different examples, a scalar in [0, 1].

  sum over i != j of cos(s_i, s_j)^2 / (N (N - 1)), over the global batch of N examples.
  Zhao et al. 2016 (arXiv 1609.03126), section 2.4.

  >>> float(pulling_away(jnp.array([[1.0, 0.0], [2.0, 0.0], [0.0, 5.0]])).round(4))
  0.3333

  Args:
    code_bk: float [B, K] or [B, h, w, K]; a code of zeros has a cosine of 0 with all.
    axis: mapped axis over which the batch is spread, or None.
  """
  rows_bk = code_bk.reshape(code_bk.shape[0], -1)
  squares_b1 = jnp.sum(rows_bk**2, axis=1, keepdims=True)
  unit_bk = rows_bk * jax.lax.rsqrt(jnp.maximum(squares_b1, 1e-24))
  every_nk = collectives.gathered(unit_bk, axis)
  cosines_bn = unit_bk @ every_nk.T
  with_itself_b = jnp.sum(unit_bk**2, axis=1) ** 2
  count = len(unit_bk) * (len(every_nk) - 1)
  return (jnp.sum(cosines_bn**2) - jnp.sum(with_itself_b)) / count
