"""The losses of VAE-GAN's three players. Larsen et al. 2016 (arXiv 1512.09300)."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import softplus

from sgae.losses.shapes import require_same_shape
from sgae.methods.vae.networks import Vae
from sgae.networks.network import Network, Params


class Losses(NamedTuple):
  """Each `loss(params, examples, others, settings) -> (loss, (metrics, None))`.

  `params` are those of the player alone, `others` maps the other two players to theirs;
  `examples` is (images_bhwc, noise of the posterior, latents_bk of the prior). Metrics
  are scalars by name.
  """

  encoder: Callable[..., tuple]
  decoder: Callable[..., tuple]
  discriminator: Callable[..., tuple]


def feature_error(features_bf: jax.Array, others_bf: jax.Array) -> jax.Array:
  """1/2 |f - g|^2, float [B]: nats of a Gaussian of unit variance, up to a constant.

  >>> float(feature_error(jnp.array([[1.0, 2.0]]), jnp.array([[3.0, 2.0]]))[0])
  2.0
  """
  require_same_shape(features_bf, others_bf)
  return 0.5 * jnp.sum((features_bf - others_bf) ** 2, axis=1)


def make_losses(vae: Vae, discriminator: Network) -> Losses:
  """Binds the losses; images x, reconstructions x~ = Dec(z), samples Dec(z_prior).

  The encoder's is beta * KL + feature error, without an adversarial term. The decoder's
  is reconstruction_weight * feature error + the non-saturating adversarial loss, over
  samples and reconstructions; `likelihood` learns to fit x to x~ as it is, which moves
  no image. The discriminator's is the cross-entropy of real images plus that of
  generated ones, which are samples and reconstructions in equal parts.

  Args:
    vae: encoder and decoder, which has the branches `decoder` and `likelihood`.
    discriminator: from `build_discriminator`.
  """

  def generate(decoder: Params, latents_bk):
    outputs_bhwc = vae.decode(decoder, latents_bk)
    return outputs_bhwc, vae.likelihood.images(outputs_bhwc)

  def draw(encoder: Params, images_bhwc, noise, settings):
    outputs_bm = vae.encode({"encoder": encoder}, images_bhwc)
    return outputs_bm, vae.posterior.draw(outputs_bm, noise, settings)

  def encoder_loss(params, examples, others: Mapping[str, Params], settings):
    images_bhwc, noise, _ = examples
    outputs_bm, latents_bk = draw(params, images_bhwc, noise, settings)
    _, reconstructed = generate(others["decoder"], latents_bk)
    kl = jnp.mean(jnp.sum(vae.posterior.kl(outputs_bm, settings), axis=1))
    error = _error(discriminator, others["discriminator"], images_bhwc, reconstructed)
    value = settings["beta"] * kl + error
    return value, ({"encoder_loss": value, "kl": kl, "feature_error": error}, None)

  def decoder_loss(params, examples, others: Mapping[str, Params], settings):
    images_bhwc, noise, prior_bk = examples
    _, latents_bk = draw(others["encoder"], images_bhwc, noise, settings)
    outputs_bhwc, reconstructed = generate(params, latents_bk)
    _, sampled = generate(params, prior_bk)
    error = _error(discriminator, others["discriminator"], images_bhwc, reconstructed)
    logits_b = _logits(discriminator, others["discriminator"], reconstructed, sampled)
    adversarial = jnp.mean(softplus(-logits_b))
    value = settings["reconstruction_weight"] * error + adversarial
    fixed = jax.lax.stop_gradient(outputs_bhwc)
    nll = jnp.mean(vae.likelihood.nll(params["likelihood"], images_bhwc, fixed))
    metrics = {"decoder_loss": value, "adversarial": adversarial, "pixel_nll": nll}
    return value + nll, (metrics, None)

  def discriminator_loss(params, examples, others: Mapping[str, Params], settings):
    images_bhwc, noise, prior_bk = examples
    _, latents_bk = draw(others["encoder"], images_bhwc, noise, settings)
    reconstructed, sampled = (
      generate(others["decoder"], latents)[1] for latents in (latents_bk, prior_bk)
    )
    real_b, _ = discriminator.apply(params, images_bhwc)
    fake_b = _logits(discriminator, params, reconstructed, sampled)
    metrics = {
      "cost_real": jnp.mean(softplus(-real_b)),
      "cost_fake": jnp.mean(softplus(fake_b)),
      "d_real": jnp.mean(real_b),
      "d_fake": jnp.mean(fake_b),
    }
    value = metrics["cost_real"] + metrics["cost_fake"]
    return value, (metrics | {"d_loss": value}, None)

  return Losses(encoder_loss, decoder_loss, discriminator_loss)


def _error(network: Network, params: Params, images_bhwc, others_bhwc) -> jax.Array:
  """Returns the mean feature error of a discriminator."""
  of_image, of_other = (network.apply(params, x)[1] for x in (images_bhwc, others_bhwc))
  return jnp.mean(feature_error(of_image, of_other))


def _logits(network: Network, params: Params, *generated: jax.Array) -> jax.Array:
  """Returns the logits of several batches, one after the other."""
  return jnp.concatenate([network.apply(params, x)[0] for x in generated])
