"""Losses of a discriminator that names K classes of real images.

Salimans et al. 2016 (arXiv 1606.03498). With a fixed logit 0 for generated images, the
probability that an image is real is Z / (Z + 1), Z = sum_k exp(logit_k), so that
lse = log Z is the logit of it.
"""

import jax
import jax.numpy as jnp
import optax
from jax.nn import logsumexp, softplus

from sgae.kernels import collectives
from sgae.losses.shapes import require_same_shape


def labelled(logits_bk: jax.Array, labels_b: jax.Array) -> jax.Array:
  """Cross-entropy of the right class among the K, a scalar, in nats."""
  losses = optax.losses.softmax_cross_entropy_with_integer_labels(logits_bk, labels_b)
  return jnp.mean(losses)


def unlabelled(real_bk: jax.Array, fake_bk: jax.Array) -> jax.Array:
  """Half the cross-entropies of 'real' and of 'generated' together, a scalar, in nats.

  1/2 E[softplus(-lse(real))] + 1/2 E[softplus(lse(fake))]; log 2 where every lse is 0.

  >>> zeros = jnp.full((4, 2), -jnp.log(2.0))  # lse 0
  >>> bool(jnp.allclose(unlabelled(zeros, zeros), jnp.log(2.0)))
  True

  Args:
    real_bk, fake_bk: logits of the K classes.
  """
  require_same_shape(real_bk, fake_bk)
  of_real, of_fake = (logsumexp(logits, axis=1) for logits in (real_bk, fake_bk))
  return 0.5 * (jnp.mean(softplus(-of_real)) + jnp.mean(softplus(of_fake)))


def feature_matching(
  real_bf: jax.Array, fake_bf: jax.Array, axis: str | None
) -> jax.Array:
  """Mean over features of (E f(real) - E f(fake))^2, means over the global batch.

  >>> float(feature_matching(jnp.array([[1.0, 0.0]]), jnp.array([[3.0, 0.0]]), None))
  2.0
  """
  gap_f = collectives.batch_mean(real_bf, axis) - collectives.batch_mean(fake_bf, axis)
  return jnp.mean(gap_f**2)
