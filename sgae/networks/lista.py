"""An encoder that is a sparse coding algorithm cut short, and learnt: LISTA."""

import jax
import jax.numpy as jnp
import numpy as np

from sgae.kernels.sparse import Preactivations
from sgae.networks.network import Network, Params


def lista_encoder(
  mean_image_hwc: np.ndarray, num_latents: int, iterations: int, signed: bool
) -> Network:
  """Image -> pre-activations of the code, by a few iterations with learnt weights.

  u <- shrink(W (x - mean) + S u, theta), from u = 0; W, S and theta are those of all
  iterations. Gregor & LeCun 2010, "Learning fast approximations of sparse coding".
  Weights start random and small, with S and theta zero; see `tied_to_atoms`.

  Args:
    mean_image_hwc: float [H, W, C] in [-1, 1], mean of the training images.
    num_latents: length K of the code.
    iterations: after the first one, which is linear in the image.
    signed: whether codes may be negative. If not, a rectifier is to follow.

  Returns:
    Network with `apply(params, images_bhwc in [-1, 1], select=None)`, which returns
    `Preactivations`, float32 [B, K]: if `signed`, the codes themselves. W is
    `params['rows']`, [K, D].
  """
  mean = np.asarray(mean_image_hwc, np.float32)

  def init(key):
    rows = jax.random.normal(key, (num_latents, mean.size)) / mean.size**0.5
    return {
      "mean": jnp.array(mean),
      "rows": rows,
      "feedback": jnp.zeros((num_latents, num_latents)),
      "threshold": jnp.zeros(num_latents),
    }

  def apply(params, images_bhwc, select=None):
    del select  # all are computed, whatever is used of them
    centred = images_bhwc - jax.lax.stop_gradient(params["mean"])[None]
    driven_bk = centred.reshape(len(centred), -1) @ params["rows"].T
    threshold_k = params["threshold"][None]
    pre_bk = driven_bk
    for _ in range(iterations):
      code_bk = shrink(pre_bk, threshold_k, signed)
      pre_bk = driven_bk + code_bk @ params["feedback"]
    if signed:
      return Preactivations(shrink(pre_bk, threshold_k, signed))
    return Preactivations(pre_bk - threshold_k)

  return Network(init, apply)


def tied_to_atoms(params: Params, atoms_kd: jax.Array) -> Params:
  """Returns parameters with which LISTA is ISTA on a dictionary; theta stays."""
  gram_kk = atoms_kd @ atoms_kd.T
  bound = eigenvalue_bound(gram_kk)
  return params | {
    "rows": atoms_kd / bound,
    "feedback": jnp.eye(len(gram_kk)) - gram_kk / bound,
  }


def shrink(values: jax.Array, threshold: jax.Array, signed: bool) -> jax.Array:
  """Moves numbers towards 0 by a threshold, as far as 0.

  Args:
    values: float.
    threshold: float, broadcast against them.
    signed: whether negative numbers stay negative; else they become 0.
  """
  if signed:
    return jnp.sign(values) * jax.nn.relu(jnp.abs(values) - threshold)
  return jax.nn.relu(values - threshold)


def eigenvalue_bound(gram_kk: jax.Array) -> jax.Array:
  """Returns a number that no eigenvalue of a positive semidefinite matrix exceeds.

  |G^8|_F^(1/8), which is at most K^(1/16) times the largest eigenvalue (1.5 times for K
  = 512), and far less where a few stand out. An estimate from below, as power iteration
  gives, would make steps too long.

  Args:
    gram_kk: float32 [K, K].
  """
  size = jnp.maximum(jnp.linalg.norm(gram_kk), 1e-12)
  # In a loop: XLA's CPU backend would compute the products anew for each part of the
  # sum that follows, which takes six times as long.
  power = jax.lax.fori_loop(0, 3, lambda _, power: power @ power, gram_kk / size)
  return size * jnp.linalg.norm(power) ** (1 / 8)
