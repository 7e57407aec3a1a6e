"""The losses of translation: adversarial, of the cycle, identity and pairs."""

from collections.abc import Callable, Collection
from typing import NamedTuple

import jax
import jax.numpy as jnp

from sgae.losses.adversarial import AdversarialLoss, mean_logits
from sgae.losses.reconstruction import absolute_error
from sgae.losses.sparsity import Omega
from sgae.methods.translation.networks import Translators, both
from sgae.networks.network import BatchNetwork


class Losses(NamedTuple):
  """The losses of both players, for `mean_gradient`.

  Attributes:
    generator: `(params, (a_bhwc, b_bhwc), discriminator_params, settings, axis)`; its
      extras are the translated images of the sides a and b as the discriminators see
      them, and the values of the code of either.
    discriminator: `(params, ((a_bhwc, b_bhwc), (fake_a, fake_b)), axis)`.
  """

  generator: Callable[..., tuple]
  discriminator: Callable[..., tuple]


def make_losses(
  translators: Translators,
  judge: BatchNetwork,
  adversarial: AdversarialLoss,
  omega: Omega,
  terms: Collection[str],
) -> Losses:
  """Binds the losses; each term is summed over both directions.

  Args:
    translators: the generators.
    judge: the network of each discriminator.
    adversarial: a loss of logits; each patch counts as an example.
    omega: of the code, where there is one.
    terms: names of the settings that are weights of the terms; `pair_weight` among
      them lets the discriminators see the input too.
  """
  in_pairs = "pair_weight" in terms

  def seen(images_2bhwc, inputs_2bhwc):
    """Returns images of the sides a and b as the discriminators see them."""
    if not in_pairs:
      return images_2bhwc
    return jnp.concatenate([inputs_2bhwc, images_2bhwc], axis=-1)

  def halves(half, params, real, fake, axis):
    """Returns a half of the adversarial loss of both sides, and what it is made of."""
    logits, statistics = [], None
    for images in (real, fake):
      own, statistics = both(judge)(params, images, train=True, axis=axis)
      logits.append(own.reshape(2, -1))
    return jnp.sum(jax.vmap(half)(*logits)), logits, statistics

  def generator_loss(params, examples, discriminator_params, settings, axis):
    def translate(images_2bhwc):
      made, code = translators.translate(params, images_2bhwc, train=True, axis=axis)
      return made[::-1], code  # of the sides a and b again

    images = jnp.stack(examples)
    made, code = translate(images)
    fakes = seen(made, images[::-1])
    found = _terms_of_images(terms, translate, images, made)
    if "adversarial_weight" in terms:
      real, half = seen(images, images[::-1]), adversarial.generator
      value, *_ = halves(half, discriminator_params, real, fakes, axis)
      found["adversarial_weight"] = value
    if "sparsity_weight" in terms:
      penalties = jax.vmap(lambda own: omega(own, settings["rho"], axis))(code)
      found["sparsity_weight"] = jnp.sum(penalties)
    value = sum((settings[term] * found[term] for term in found), jnp.float32(0))
    metrics = {term.removesuffix("_weight"): found[term] / 2 for term in found}
    codes = None
    if code is not None:
      metrics["code_l0"], codes = jnp.mean(code.l0), tuple(code.values)
    return value, (metrics | {"g_loss": value}, (tuple(fakes), codes))

  def discriminator_loss(params, examples, axis):
    images, fakes = map(jnp.stack, examples)
    real, half = seen(images, images[::-1]), adversarial.discriminator
    value, logits, statistics = halves(half, params, real, fakes, axis)
    metrics = mean_logits(*logits) | {"d_loss": value, "statistics": statistics}
    return value, (metrics, None)

  return Losses(generator_loss, discriminator_loss)


def _terms_of_images(terms, translate, images, made) -> dict[str, jax.Array]:
  """Returns the terms that compare images, each the sum of both directions."""
  found = {}
  if "cycle_weight" in terms:
    found["cycle_weight"] = 2 * absolute_error(translate(made)[0], images)
  if "identity_weight" in terms:  # each generator leaves its own target as it is
    kept, _ = translate(images[::-1])
    found["identity_weight"] = 2 * absolute_error(kept, images)
  if "pair_weight" in terms:
    found["pair_weight"] = 2 * absolute_error(made, images)
  return found
