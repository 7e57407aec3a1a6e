"""Dictionaries whose atoms are near mixtures of points of the data.

D = (W C + Lambda) exp(m): C holds M points [M, D] that are not trained, each row of W
[K, M] is non-negative and sums to 1, and each row of Lambda [K, D] is short. So seeds
that share C find dictionaries that are more alike. Fel et al. 2025 (arXiv 2502.12892).
"""

import jax
import jax.numpy as jnp

from sgae.networks.network import Params


def init(points_md: jax.Array, num_latents: int) -> Params:
  """Returns parameters whose atoms are the first points, at a mean norm of 1.

  Args:
    points_md: float32 [M, D], the data's mean subtracted; M at least `num_latents`.
    num_latents: K.
  """
  return {
    "points": points_md,
    "mixing": jnp.eye(num_latents, len(points_md)),
    "offset": jnp.zeros((num_latents, points_md.shape[1])),
    "log_scale": -jnp.log(_mean_norm(points_md)),
  }


def atoms(params: Params) -> jax.Array:
  """Returns the dictionary, float32 [K, D]; no gradient reaches the points."""
  points_md = jax.lax.stop_gradient(params["points"])
  mixed_kd = params["mixing"] @ points_md + params["offset"]
  return mixed_kd * jnp.exp(params["log_scale"])


def projected(params: Params, relaxation: float) -> Params:
  """Returns parameters that an update has moved, within their bounds again.

  Args:
    params: as of `init`.
    relaxation: largest norm of a row of Lambda, in mean norms of the points.
  """
  mixing = jax.nn.relu(params["mixing"])
  sums = mixing.sum(axis=1, keepdims=True)
  # a row that a large step leaves nothing of begins anew, at the centre of the hull
  shares = mixing / jnp.maximum(sums, 1e-8)
  mixing = jnp.where(sums > 1e-8, shares, 1 / mixing.shape[1])
  offset = params["offset"]
  norms = jnp.linalg.norm(offset, axis=1, keepdims=True)
  most = relaxation * _mean_norm(params["points"])
  offset *= jnp.minimum(most / jnp.maximum(norms, 1e-12), 1.0)
  return params | {"mixing": mixing, "offset": offset}


def _mean_norm(points_md):
  return jnp.maximum(jnp.linalg.norm(points_md, axis=1).mean(), 1e-8)
