"""Posteriors q(z|x) with their priors p(z), by name.

Each is a set of pure functions of what the encoder puts out for a batch, [B, M], which
holds `numbers` numbers for each latent.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp

from sgae import randomness
from sgae.losses.variational import gaussian_kl, laplace_kl, spike_and_slab_kl

Settings = Mapping[str, jax.Array]  # of the state


class Posterior(NamedTuple):
  """q(z|x) and p(z) as pure functions.

  Attributes:
    numbers: how many numbers the encoder gives for each latent.
    noise: `noise(key, positions_b, shape) -> arrays [B, *shape]`, what a draw needs.
    draw: `draw(outputs_bm, noise, settings) -> latents_bk`, with a gradient.
    kl: `kl(outputs_bm, settings) -> nats [B, K]`, of each latent.
    weigh: `weigh(outputs_bm, noise, settings) -> (latents_bsk, log_ratios_bs)`: exact
      draws, of noise [B, S, K], and log p(z) - log q(z|x).
    mean: `mean(outputs_bm) -> E_q[z]`, float [B, K].
    code: `code(outputs_bm) -> [B, K]`, the likeliest values: what is shown as the code.
    prior: `prior(noise, settings) -> latents_bk` from p(z).
  """

  numbers: int
  noise: Callable[..., dict[str, jax.Array]]
  draw: Callable[..., jax.Array]
  kl: Callable[[jax.Array, Settings], jax.Array]
  weigh: Callable[..., tuple[jax.Array, jax.Array]]
  mean: Callable[[jax.Array], jax.Array]
  code: Callable[[jax.Array], jax.Array]
  prior: Callable[..., jax.Array]


def gaussian() -> Posterior:
  """Independent Gaussians, and a standard normal prior (Kingma & Welling 2014)."""

  def noise(key, positions_b, shape):
    return {"normal": randomness.normal(key, positions_b, shape)}

  return _moved_and_scaled("normal", noise, _moved, gaussian_kl, _slab_ratios)


def laplace() -> Posterior:
  """Independent Laplace distributions, and one with mean 0 and scale 1 as the prior.

  It has more of its mass near 0 and in its tails than a Gaussian, as the codes of
  sparse coding have (Olshausen & Field 1997; Barello et al. 2018, "Sparse-coding
  variational auto-encoders"). No latent is exactly zero.
  """

  def noise(key, positions_b, shape):
    # in the middle of the 2 ** 23 steps of a uniform number: no logarithm is of 0
    side = randomness.uniform(key, positions_b, shape) + 2**-24 - 0.5
    return {"laplace": -jnp.sign(side) * jnp.log1p(-2 * jnp.abs(side))}

  def moved(means, log_scales, noise):
    return means + jnp.exp(log_scales) * noise

  def ratios(latents, log_scales, noise):
    return jnp.abs(noise) + log_scales - jnp.abs(latents)

  return _moved_and_scaled("laplace", noise, moved, laplace_kl, ratios)


def _moved_and_scaled(
  name: str,
  noise: Callable[..., dict[str, jax.Array]],
  moved: Callable[..., jax.Array],
  kl_of: Callable[..., jax.Array],
  ratios: Callable[..., jax.Array],
) -> Posterior:
  """Returns a posterior of means and widths, whose prior is the noise itself.

  Args:
    name: of the noise.
    noise: see `Posterior`.
    moved: `(means, widths, noise) -> latents`.
    kl_of: `(means, widths) -> nats [B, K]`.
    ratios: `(latents, widths, noise) -> log p(z) - log q(z|x)` of each latent.
  """

  def halves(outputs_bm):
    return jnp.split(outputs_bm, 2, axis=-1)

  def draw(outputs_bm, noise, settings):
    del settings
    return moved(*halves(outputs_bm), noise[name])

  def kl(outputs_bm, settings):
    del settings
    return kl_of(*halves(outputs_bm))

  def weigh(outputs_bm, noise, settings):
    del settings
    means, widths = halves(outputs_bm[:, None])
    latents_bsk = moved(means, widths, noise[name])
    return latents_bsk, ratios(latents_bsk, widths, noise[name]).sum(axis=-1)

  def mean(outputs_bm):
    return halves(outputs_bm)[0]

  def prior(noise, settings):
    del settings
    return noise[name]

  return Posterior(2, noise, draw, kl, weigh, mean, mean, prior)


def spike_and_slab() -> Posterior:
  """Latents that are zero with a probability, else Gaussian.

  Tonolini et al. 2019, "Variational sparse coding" (UAI). The prior has N(0, 1) with
  the probability `active_share`. Two things differ from the paper. gamma, the posterior
  probability, is a sigmoid: its exp(-relu(-h)) has no gradient where a latent is sure
  to be on. And a gate is 0 or 1 in training too, with the gradient of sigmoid(sharpness
  * (gamma - uniform)): the paper takes such a sigmoid for the gate, which lets large
  means through gates that are off and that the KL does not count.
  """

  def noise(key, positions_b, shape):
    return {
      "normal": randomness.normal(randomness.fold_in(key, 0), positions_b, shape),
      "uniform": randomness.uniform(randomness.fold_in(key, 1), positions_b, shape),
    }

  def draw(outputs_bm, noise, settings):
    means, log_variances, gates = jnp.split(outputs_bm, 3, axis=-1)
    above = jax.nn.sigmoid(gates) - noise["uniform"]
    soft_bk = jax.nn.sigmoid(settings["gate_sharpness"] * above)
    gate_bk = (above > 0) + (soft_bk - jax.lax.stop_gradient(soft_bk))
    return gate_bk * _moved(means, log_variances, noise["normal"])

  def kl(outputs_bm, settings):
    means, log_variances, gates = jnp.split(outputs_bm, 3, axis=-1)
    return spike_and_slab_kl(means, log_variances, gates, settings["active_share"])

  def weigh(outputs_bm, noise, settings):
    means, log_variances, gates = jnp.split(outputs_bm[:, None], 3, axis=-1)
    on = noise["uniform"] < jax.nn.sigmoid(gates)
    slab_bsk = _moved(means, log_variances, noise["normal"])
    share = settings["active_share"]
    if_on = _slab_ratios(slab_bsk, log_variances, noise["normal"])
    if_on += jnp.log(share) - jax.nn.log_sigmoid(gates)
    if_off = jnp.log1p(-share) - jax.nn.log_sigmoid(-gates)
    return jnp.where(on, slab_bsk, 0), jnp.where(on, if_on, if_off).sum(axis=-1)

  def mean(outputs_bm):
    means, _, gates = jnp.split(outputs_bm, 3, axis=-1)
    return jax.nn.sigmoid(gates) * means

  def code(outputs_bm):
    means, _, gates = jnp.split(outputs_bm, 3, axis=-1)
    return jnp.where(gates > 0, means, 0)

  def prior(noise, settings):
    return jnp.where(noise["uniform"] < settings["active_share"], noise["normal"], 0)

  return Posterior(3, noise, draw, kl, weigh, mean, code, prior)


POSTERIORS = {
  "gaussian": gaussian,
  "laplace": laplace,
  "spike_and_slab": spike_and_slab,
}


def _moved(means, log_variances, noise):
  return means + jnp.exp(0.5 * log_variances) * noise


def _slab_ratios(latents, log_variances, noise):
  """Returns log N(z; 0, 1) - log N(z; mean, variance), z = mean + deviation * noise."""
  return 0.5 * (noise**2 - latents**2 + log_variances)
