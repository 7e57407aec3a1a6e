"""Terms of the evidence lower bound (ELBO), in nats for each example.

ELBO(x) = E_q(z|x) log p(x|z) - KL(q(z|x) || p(z)) <= log p(x). Kingma & Welling 2014
(arXiv 1312.6114).
"""

import math

import jax
import jax.numpy as jnp

from sgae.losses.shapes import require_same_shape

_PIXELS = (-3, -2, -1)


def bernoulli_nll(pixels_bhwc: jax.Array, logits_bhwc: jax.Array) -> jax.Array:
  """-log p(x) of black and white pixels, summed over an image.

  >>> round(float(bernoulli_nll(jnp.ones((1, 1, 2, 1)), jnp.zeros((1, 1, 2, 1)))[0]), 4)
  1.3863

  Args:
    pixels_bhwc: float [..., H, W, C], 0 or 1. Of grey values this is no likelihood.
    logits_bhwc: log odds of 1, of the same shape.

  Returns:
    float [...], nats per image, >= 0.
  """
  require_same_shape(pixels_bhwc, logits_bhwc)
  return jnp.sum(jax.nn.softplus(logits_bhwc) - pixels_bhwc * logits_bhwc, axis=_PIXELS)


def gaussian_nll(
  pixels_bhwc: jax.Array, means_bhwc: jax.Array, log_deviation: jax.Array
) -> jax.Array:
  """-log p(x) of independent Gaussians, summed over an image.

  Args:
    pixels_bhwc: float [..., H, W, C].
    means_bhwc: of the same shape.
    log_deviation: scalar, log of the standard deviation that all pixels share.

  Returns:
    float [...], nats per image, of a density in the unit of the pixels; any sign.
  """
  require_same_shape(pixels_bhwc, means_bhwc)
  scaled = (pixels_bhwc - means_bhwc) * jnp.exp(-log_deviation)
  constant = log_deviation + 0.5 * math.log(2 * math.pi)
  return jnp.sum(0.5 * scaled**2 + constant, axis=_PIXELS)


def gaussian_kl(means_bk: jax.Array, log_variances_bk: jax.Array) -> jax.Array:
  """KL(N(mean, variance) || N(0, 1)) of each latent, nats; float [B, K] -> [B, K].

  >>> float(gaussian_kl(jnp.array([[2.0]]), jnp.array([[0.0]]))[0, 0])
  2.0
  """
  require_same_shape(means_bk, log_variances_bk)
  variances_bk = jnp.exp(log_variances_bk)
  return 0.5 * (means_bk**2 + variances_bk - 1 - log_variances_bk)


def laplace_kl(means_bk: jax.Array, log_scales_bk: jax.Array) -> jax.Array:
  """KL(Laplace(mean, scale) || Laplace(0, 1)) of each latent, nats.

  |m| + b exp(-|m| / b) - log b - 1; float [B, K] -> [B, K]. The density is
  exp(-|z - m| / b) / 2b.

  >>> float(laplace_kl(jnp.array([[0.0]]), jnp.array([[0.0]]))[0, 0])
  0.0
  """
  require_same_shape(means_bk, log_scales_bk)
  sizes_bk = jnp.abs(means_bk)
  # Bounds outside which b exp(-|m| / b) is 0 in float32; beyond them 1 / b, and with it
  # a gradient that is 0 times that, would overflow.
  ratios_bk = sizes_bk * jnp.exp(-jnp.maximum(log_scales_bk, -80.0))
  expected_bk = jnp.exp(log_scales_bk - jnp.minimum(ratios_bk, 200.0))
  return sizes_bk + expected_bk - log_scales_bk - 1


def spike_and_slab_kl(
  means_bk: jax.Array,
  log_variances_bk: jax.Array,
  gate_logits_bk: jax.Array,
  share: jax.Array | float,
) -> jax.Array:
  """KL of spike-and-slab latents from their prior, of each latent, nats.

  gamma KL(slab || N(0, 1)) + KL(Bernoulli(gamma) || Bernoulli(share)), with gamma the
  probability that the latent is not zero. Tonolini et al. 2019, "Variational sparse
  coding".

  Args:
    means_bk, log_variances_bk: float [B, K], of the slab.
    gate_logits_bk: float [B, K], log odds of gamma.
    share: prior probability that a latent is not zero, in (0, 1).
  """
  slab_bk = gaussian_kl(means_bk, log_variances_bk)
  on_bk = jax.nn.sigmoid(gate_logits_bk)
  log_on_bk = jax.nn.log_sigmoid(gate_logits_bk)
  log_off_bk = jax.nn.log_sigmoid(-gate_logits_bk)
  gate_bk = on_bk * (log_on_bk - jnp.log(share))
  gate_bk += (1 - on_bk) * (log_off_bk - jnp.log1p(-share))
  return on_bk * slab_bk + gate_bk


def free_bits(kl_k: jax.Array, least: jax.Array | float) -> jax.Array:
  """Sum over latents of max(least, KL), so that small ones have no gradient.

  Kingma et al. 2016 (arXiv 1606.04934, equation 15).

  >>> float(free_bits(jnp.array([0.1, 3.0]), 0.5))
  3.5

  Args:
    kl_k: float [K], nats, means over a batch.
    least: nats per latent that are free, >= 0.
  """
  return jnp.sum(jnp.maximum(kl_k, least))


def log_mean_exp(log_weights_bs: jax.Array) -> jax.Array:
  """Importance-weighted bound log 1/S sum_s exp(w_s); float [B, S] -> [B].

  It rises with S, in expectation, from the ELBO to log p(x). Burda et al. 2016 (arXiv
  1509.00519).
  """
  count = log_weights_bs.shape[-1]
  return jax.nn.logsumexp(log_weights_bs, axis=-1) - math.log(count)
