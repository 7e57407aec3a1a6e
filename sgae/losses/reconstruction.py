"""Reconstruction errors of autoencoders."""

import jax
import jax.numpy as jnp

from sgae.losses.shapes import require_same_shape

ROUNDING = 1e-5  # largest difference of pixels in [-1, 1] that rounding makes


def squared_error(images_bhwc: jax.Array, reconstructions_bhwc: jax.Array) -> jax.Array:
  """Mean squared error over pixels and examples, a scalar.

  >>> float(squared_error(jnp.zeros((2, 4, 4, 1)), jnp.ones((2, 4, 4, 1))))
  1.0

  Args:
    images_bhwc, reconstructions_bhwc: float [B, H, W, C], one shape.
  """
  require_same_shape(images_bhwc, reconstructions_bhwc)
  return jnp.mean((images_bhwc - reconstructions_bhwc) ** 2)


def absolute_error(
  images_bhwc: jax.Array, reconstructions_bhwc: jax.Array
) -> jax.Array:
  """Mean absolute error over pixels and examples, a scalar.

  A difference that rounding alone makes, below 1e-5, counts as none: its sign, which is
  all that the gradient sees of it, is by chance, and half of an image may be so equal.

  >>> float(absolute_error(jnp.zeros((2, 4, 4, 1)), jnp.full((2, 4, 4, 1), -3.0)))
  3.0

  Args:
    images_bhwc, reconstructions_bhwc: float [B, H, W, C], one shape.
  """
  require_same_shape(images_bhwc, reconstructions_bhwc)
  difference_bhwc = images_bhwc - reconstructions_bhwc
  by_rounding = jnp.abs(difference_bhwc) < ROUNDING
  return jnp.mean(jnp.abs(jnp.where(by_rounding, 0, difference_bhwc)))


def feature_errors(features_bd: jax.Array, others_bd: jax.Array) -> jax.Array:
  """Squared distance of features relative to their size, float32 [B].

  |f - g|^2 / |f|^2 of each example by its own size, so that it does not matter how a
  batch is divided.

  >>> feature_errors(jnp.array([[3.0, 4.0]]), jnp.array([[3.0, 9.0]])).tolist()
  [1.0]

  Args:
    features_bd: float [B, D], of the images that are wanted; no gradient flows there.
    others_bd: float [B, D].
  """
  require_same_shape(features_bd, others_bd)
  wanted = jax.lax.stop_gradient(features_bd)
  size_b = jnp.maximum(jnp.sum(wanted**2, axis=1), 1e-6)  # rectified, it may be 0
  return jnp.sum((wanted - others_bd) ** 2, axis=1) / size_b


def auxiliary_error(
  residuals_bhwc: jax.Array, dead_reconstructions_bhwc: jax.Array
) -> jax.Array:
  """Error of dead latents on what the live ones left over, relative to it.

  Mean over examples of |residual - dead|^2 / |residual|^2, each example by its own
  size, so that it does not matter how a batch is divided: the AuxK loss of Gao et al.
  2024 (arXiv 2406.04093, appendix A.2). The residual is a target: no gradient flows
  into it.
  """
  require_same_shape(residuals_bhwc, dead_reconstructions_bhwc)
  target = jax.lax.stop_gradient(residuals_bhwc)
  pixels = (1, 2, 3)
  # below one grey level of error (1 / 127.5) there is nothing left to explain
  size_b = jnp.maximum(jnp.mean(target**2, axis=pixels), 127.5**-2)
  error_b = jnp.mean((target - dead_reconstructions_bhwc) ** 2, axis=pixels)
  return jnp.mean(error_b / size_b)
