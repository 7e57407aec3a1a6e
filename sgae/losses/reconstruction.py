"""Reconstruction errors of autoencoders."""

import jax
import jax.numpy as jnp

from sgae.losses.shapes import require_same_shape


def squared_error(images_bhwc: jax.Array, reconstructions_bhwc: jax.Array) -> jax.Array:
  """Mean squared error over pixels and examples, a scalar.

  >>> float(squared_error(jnp.zeros((2, 4, 4, 1)), jnp.ones((2, 4, 4, 1))))
  1.0

  Args:
    images_bhwc, reconstructions_bhwc: float [B, H, W, C], one shape.
  """
  require_same_shape(images_bhwc, reconstructions_bhwc)
  return jnp.mean((images_bhwc - reconstructions_bhwc) ** 2)


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
