"""Bounds on log p(x): the ELBO from one draw, and one from many, in parts."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

from sgae import randomness
from sgae.losses.variational import log_mean_exp
from sgae.methods.vae.likelihoods import identities
from sgae.methods.vae.networks import Vae
from sgae.networks.network import Params

PART = 50  # draws of an image that are decoded together, at most


def make_elbo(
  vae: Vae,
) -> Callable[
  [Params, Mapping[str, jax.Array], jax.Array], tuple[jax.Array, jax.Array]
]:
  """Returns `terms(params, settings, pixels_bhwc)`: -log p(x|z) and KL, nats [B] each.

  Of one draw of z for each image, a function of its pixels alone.
  """

  def terms(params, settings, pixels_bhwc):
    outputs_bm = vae.encode(params, pixels_bhwc)
    key = randomness.stream_key(randomness.root_key(0), "vae/elbo")
    noise = vae.posterior.noise(key, identities(pixels_bhwc), (1, vae.latent_dim))
    latents_bsk, _ = vae.posterior.weigh(outputs_bm, noise, settings)
    decoded_bhwc = vae.decode(params, latents_bsk[:, 0])
    nll_b = vae.likelihood.nll(params["likelihood"], pixels_bhwc, decoded_bhwc)
    return nll_b, vae.posterior.kl(outputs_bm, settings).sum(axis=1)

  return terms


def make_bound(
  vae: Vae, samples: int
) -> Callable[[Params, Mapping[str, jax.Array], jax.Array], jax.Array]:
  """Returns `bound(params, settings, pixels_bhwc) -> nats [B]`, at most log p(x).

  log 1/S sum_s p(x|z_s) p(z_s) / q(z_s|x), z_s from q(z|x). Burda et al. 2016 (arXiv
  1509.00519). The draws are a function of the pixels alone.

  Args:
    vae: the networks.
    samples: S, which `parts_of` rounds up.
  """
  parts, size = parts_of(samples)

  def bound(params, settings, pixels_bhwc):
    outputs_bm = vae.encode(params, pixels_bhwc)
    positions_b = identities(pixels_bhwc)
    repeated = jnp.repeat(pixels_bhwc[:, None], size, axis=1)
    key = randomness.stream_key(randomness.root_key(0), "vae/importance")

    def part(i):
      noise = vae.posterior.noise(
        randomness.fold_in(key, i), positions_b, (size, vae.latent_dim)
      )
      latents_bsk, ratios_bs = vae.posterior.weigh(outputs_bm, noise, settings)
      decoded = vae.decode(params, latents_bsk)
      nll_bs = vae.likelihood.nll(params["likelihood"], repeated, decoded)
      return log_mean_exp(ratios_bs - nll_bs)

    return log_mean_exp(jax.lax.map(part, jnp.arange(parts)).T)

  return bound


def parts_of(samples: int) -> tuple[int, int]:
  """Returns in how many equal parts draws are taken, and the draws of each.

  Their product is the number of draws: a few more than `samples` where no count of
  parts divides it.
  """
  parts = -(-samples // PART)
  return parts, -(-samples // parts)
