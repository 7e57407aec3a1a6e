"""One update of the generator."""

from collections.abc import Callable

import jax.numpy as jnp
import optax

from sgae.losses.adversarial import AdversarialLoss
from sgae.losses.energy import pulling_away
from sgae.losses.sparsity import Omega
from sgae.methods.gan.conditional import UNLABELLED, Labelled
from sgae.methods.gan.presentation import AS_THEY_ARE, NOTHING, Presentation
from sgae.methods.gradients import apply_gradients, mean_gradient, norm
from sgae.methods.player import split_fixed, with_slower_decoder
from sgae.networks.generator import Generator
from sgae.networks.network import BatchNetwork
from sgae.networks.sparsity import density


def make_generator_update(
  generator: Generator,
  discriminator: BatchNetwork,
  optimizer: optax.GradientTransformation,
  adversarial: AdversarialLoss,
  omega: Omega,
  microbatches: int = 1,
  energy: BatchNetwork | None = None,
  labelled: Labelled = UNLABELLED,
  presentation: Presentation = AS_THEY_ARE,
) -> Callable[..., tuple]:
  """Binds the generator's update.

  loss = adversarial + sparsity_weight * Omega(code), where `sparsity_weight`, `rho`
  and `decoder_rate_factor` (which multiplies the updates of the transferred decoder;
  0 freezes it) are read from `settings`. With `energy`, + pulling_away_weight * the
  pulling-away term.

  Args:
    omega: a value of `SPARSITY_PENALTIES`, for a generator with a code.
    microbatches: see `mean_gradient`.
    energy: the discriminator as `energy_network`, whose codes of generated images are
      pulled away from each other; None: they are not.
    labelled, presentation: as for `make_discriminator_update`.

  Returns:
    `update(player, discriminator_params, images_bhwc, latents_bz, settings, axis,
    drawn) -> (player, metrics)`; `drawn` is from `presentation.draw`.
  """

  loss = _make_loss(
    generator, discriminator, adversarial, omega, energy, labelled, presentation
  )

  def update(
    player, discriminator_params, images_bhwc, latents_bz, settings, axis, drawn=NOTHING
  ):
    examples = (images_bhwc, latents_bz, drawn)
    trained, fixed = split_fixed(player.params, generator.fixed)
    gradients, metrics, code = mean_gradient(loss, axis, microbatches)(
      trained, examples, fixed, discriminator_params, settings, axis
    )
    statistics = metrics.pop("statistics")
    metrics["generator/grad_norm"] = norm(gradients)

    def scale(updates):
      if code is None:
        return updates
      return with_slower_decoder(updates, settings["decoder_rate_factor"])

    player = player.replace(params=trained)
    player = apply_gradients(player, optimizer, gradients, scale)
    params = generator.after_update(player.params | fixed, code, statistics, axis)
    if code is not None:
      metrics["gan/code_used"] = jnp.mean(density(code, axis) > 0)
    return player.replace(params=params), metrics

  return update


def _make_loss(
  generator: Generator,
  discriminator: BatchNetwork,
  adversarial: AdversarialLoss,
  omega: Omega,
  energy: BatchNetwork | None,
  labelled: Labelled,
  presentation: Presentation,
) -> Callable[..., tuple]:
  """Returns `loss(trained, examples, fixed, discriminator_params, settings, axis) ->
  (loss, (metrics, code))`, to be differentiated by `mean_gradient`.
  """

  def loss(trained, examples, fixed, discriminator_params, settings, axis):
    real_bhwc, latents_bz, drawn = examples
    generated = generator.apply(trained | fixed, latents_bz, train=True, axis=axis)
    code = generated.code

    shown = {
      side: presentation.show(side, images, drawn, settings)
      for side, images in (("real", real_bhwc), ("fake", generated.images))
    }

    def logits_of(network, side):
      thinned = presentation.thinned(shown[side], drawn, settings)
      inputs = labelled.inputs(thinned, latents_bz)
      return network.apply(discriminator_params, inputs, train=True, axis=axis)[0]

    real_b, repulsion = logits_of(discriminator, "real"), None
    if energy is None:
      fake_b = logits_of(discriminator, "fake")
    else:
      fake_b, of_discriminator = logits_of(energy, "fake")
      repulsion = pulling_away(of_discriminator, axis)
    numbers = {name: settings[name] for name in adversarial.numbers}
    value = adversarial.generator(real_b, fake_b, **numbers)
    metrics = {"gan/g_adversarial": value, "statistics": generated.statistics}
    if repulsion is not None:
      value += settings["pulling_away_weight"] * repulsion
      metrics["gan/pulling_away"] = repulsion
    if labelled.term is not None:
      half, both = labelled.term.generator, (shown["real"], shown["fake"])
      of_class = labelled.loss(half, discriminator_params, *both, latents_bz, axis)
      value += settings["class_weight"] * of_class
      metrics["gan/g_class"] = of_class
    if code is not None:
      penalty = omega(code, settings["rho"], axis)
      value += settings["sparsity_weight"] * penalty
      metrics["gan/omega"] = penalty
      metrics["gan/code_l0"] = jnp.mean(code.l0)
    return value, (metrics | {"gan/g_loss": value}, code)

  return loss
