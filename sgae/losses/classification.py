"""What a discriminator says of classes, as terms of both players' losses.

Each term is a pair of functions of (what is said of real images, of generated ones,
weights of the classes [B, K], axis) that return the mean over the batch, a scalar.
Image i of both is of the class in row i.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from sgae.kernels import collectives

# Margins and temperature of `data_to_data`, as published for CIFAR-10.
MARGIN, TEMPERATURE = 0.98, 0.5


class ClassTerm(NamedTuple):
  """The two players' terms, each `(real, fake, weights_bk, axis) -> scalar`.

  Attributes:
    discriminator, generator: the terms.
    pairs: whether it compares the images of a batch with each other.
  """

  discriminator: Callable[[Any, Any, jax.Array, str | None], jax.Array]
  generator: Callable[[Any, Any, jax.Array, str | None], jax.Array]
  pairs: bool = False


def cross_entropy(logits_bk: jax.Array, weights_bk: jax.Array) -> jax.Array:
  """Returns the mean of -sum_k weights log softmax(logits), nats.

  >>> float(cross_entropy(jnp.zeros((1, 4)), jnp.eye(4)[:1]).round(4))  # log 4
  1.3863
  """
  return -jnp.mean(jnp.sum(weights_bk * jax.nn.log_softmax(logits_bk), axis=1))


def data_to_data(
  embedding_and_proxy_bm: tuple[jax.Array, jax.Array],
  weights_bk: jax.Array,
  axis: str | None = None,
) -> jax.Array:
  """Data-to-data cross-entropy. Kang et al. 2021 (arXiv 2111.01118), equation 7.

  -mean_i log (e^a_i / (e^a_i + sum over j of another class e^r_ij)), where
  a_i = min(<f_i, v_i> - m, 0) / t, r_ij = max(<f_i, f_j> - (1 - m), 0) / t, f are unit
  vectors of images, v those of their classes, m `MARGIN` and t `TEMPERATURE`: what is
  near enough to its class, or far enough from other classes, no longer moves.

  Args:
    embedding_and_proxy_bm: f and v, float [B, M] each.
    weights_bk: one-hot [B, K].
    axis: mapped axis over which the batch is spread, or None.
  """
  embedding_bm, proxy_bm = embedding_and_proxy_bm
  attraction_b = jnp.minimum(jnp.sum(embedding_bm * proxy_bm, axis=1) - MARGIN, 0)
  every_nm, classes_nk = (
    collectives.gathered(rows, axis) for rows in (embedding_bm, weights_bk)
  )
  repulsion_bn = jnp.maximum(embedding_bm @ every_nm.T - (1 - MARGIN), 0)
  others_bn = jnp.where(
    weights_bk @ classes_nk.T > 0.5, -jnp.inf, repulsion_bn / TEMPERATURE
  )
  attraction_b1 = attraction_b[:, None] / TEMPERATURE
  all_bn = jnp.concatenate([attraction_b1, others_bn], axis=1)
  return jnp.mean(jax.nn.logsumexp(all_bn, axis=1) - attraction_b1[:, 0])


def _of_real(said_b2k: jax.Array, weights_bk: jax.Array) -> jax.Array:
  """Returns the cross-entropy with the class among real images' of 2 K classes."""
  return cross_entropy(
    said_b2k, jnp.pad(weights_bk, ((0, 0), (0, weights_bk.shape[1])))
  )


def _of_fake(said_b2k: jax.Array, weights_bk: jax.Array) -> jax.Array:
  return cross_entropy(
    said_b2k, jnp.pad(weights_bk, ((0, 0), (weights_bk.shape[1], 0)))
  )


# Both players name the class of real and generated images. Odena et al. 2017 (arXiv
# 1610.09585).
auxiliary = ClassTerm(
  lambda real, fake, weights, axis: (
    cross_entropy(real, weights) + cross_entropy(fake, weights)
  ),
  lambda real, fake, weights, axis: cross_entropy(fake, weights),
)

# 2 K classes, those of real images first: the generator leaves its own for the real
# one, which keeps the diversity within a class. Hou et al. 2022 (arXiv 2107.10060).
adc = ClassTerm(
  lambda real, fake, weights, axis: _of_real(real, weights) + _of_fake(fake, weights),
  lambda real, fake, weights, axis: _of_real(fake, weights) - _of_fake(fake, weights),
)

reacgan = ClassTerm(
  lambda real, fake, weights, axis: data_to_data(real, weights, axis),
  lambda real, fake, weights, axis: data_to_data(fake, weights, axis),
  pairs=True,
)

# By the name of the discriminator; one that is not here has its class in the logit.
CLASS_TERMS = {"auxiliary": auxiliary, "adc": adc, "reacgan": reacgan}
