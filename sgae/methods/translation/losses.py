"""The losses of translation: adversarial, cycle, identity, pairs, classes kept."""

from collections.abc import Callable, Collection
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from sgae.losses.adversarial import AdversarialLoss, mean_logits
from sgae.losses.reconstruction import absolute_error
from sgae.losses.sparsity import Omega
from sgae.methods.translation.networks import Translators, both
from sgae.networks.network import BatchNetwork, Params

Classify = Callable[[Params, jax.Array], jax.Array]


class Losses(NamedTuple):
  """The losses of both players, for `mean_gradient`.

  Attributes:
    generator: `(params, (a_bhwc, b_bhwc), others, settings, axis)`; `others` maps
      'discriminator' and, with classes, 'classifier' to parameters; its extras are the
      translated images of the sides a and b as the discriminators see them, and the
      values of the code of either.
    discriminator: `(params, ((a_bhwc, b_bhwc), (fake_a, fake_b)), axis)`.
  """

  generator: Callable[..., tuple]
  discriminator: Callable[..., tuple]


def make_losses(
  translators: Translators,
  discriminator: BatchNetwork,
  adversarial: AdversarialLoss,
  omega: Omega,
  terms: Collection[str],
  classify: Classify | None = None,
) -> Losses:
  """Binds the losses; each term is summed over both directions.

  Args:
    translators: the generators.
    discriminator: the network of each discriminator.
    adversarial: a loss of logits; each patch counts as an example.
    omega: of the code, where there is one.
    terms: names of the settings that are weights of the terms; `pair_weight` among
      them lets the discriminators see the input too.
    classify: `classify(params, images_bhwc) -> logits [B, K]`, for `semantic_weight`.
  """
  in_pairs = "pair_weight" in terms

  def seen(images_2bhwc, inputs_2bhwc):
    """Returns images of the sides a and b as the discriminators see them."""
    if not in_pairs:
      return images_2bhwc
    return jnp.concatenate([inputs_2bhwc, images_2bhwc], axis=-1)

  def generator_loss(params, examples, others, settings, axis):
    def translate(images_2bhwc):
      made, code = translators.translate(params, images_2bhwc, train=True, axis=axis)
      return made[::-1], code  # of the sides a and b again

    images = jnp.stack(examples)
    made, code = translate(images)
    fakes = seen(made, images[::-1])
    found = _terms_of_images(terms, translate, images, made)
    if "adversarial_weight" in terms:
      real, half = seen(images, images[::-1]), adversarial.generator
      value, *_ = _halves(
        discriminator, half, others["discriminator"], real, fakes, axis
      )
      found["adversarial_weight"] = value
    if classify is not None:
      value = class_error(classify, others["classifier"], images[::-1], made)
      found["semantic_weight"] = value
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
    value, logits, statistics = _halves(discriminator, half, params, real, fakes, axis)
    metrics = mean_logits(*logits) | {"d_loss": value, "statistics": statistics}
    return value, (metrics, None)

  return Losses(generator_loss, discriminator_loss)


def _halves(discriminator, half, params, real, fake, axis) -> tuple:
  """Returns a half of the adversarial loss of both sides, and what it is made of."""
  logits, statistics = [], None
  for images in (real, fake):
    own, statistics = both(discriminator)(params, images, train=True, axis=axis)
    logits.append(own.reshape(2, -1))
  return jnp.sum(jax.vmap(half)(*logits)), logits, statistics


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


def class_error(
  classify: Classify, params: Params, sources_2bhwc: jax.Array, made_2bhwc: jax.Array
) -> jax.Array:
  """Cross entropy of the classes of translated images, summed over both directions.

  The target is the class that the same network gives to the image that was translated:
  the semantic consistency of CyCADA (Hoffman et al. 2018, arXiv 1711.03213, eq. 4).

  Args:
    classify: `classify(params, images_bhwc) -> logits [B, K]`.
    params: of the classifier; they are not trained.
    sources_2bhwc: what was translated, of each direction.
    made_2bhwc: what became of it.
  """

  def of_one(source_bhwc, made_bhwc):
    classes_b = jnp.argmax(classify(params, source_bhwc), axis=1)
    logits_bk = classify(params, made_bhwc)
    return optax.losses.softmax_cross_entropy_with_integer_labels(logits_bk, classes_b)

  return 2 * jnp.mean(jax.vmap(of_one)(sources_2bhwc, made_2bhwc))
