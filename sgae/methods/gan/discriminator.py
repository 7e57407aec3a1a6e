"""One update of the discriminator."""

import functools
from collections.abc import Callable

import jax
import optax

from sgae import randomness
from sgae.losses import penalties
from sgae.losses.adversarial import AdversarialLoss
from sgae.methods.gan.conditional import UNLABELLED, Labelled
from sgae.methods.gan.presentation import AS_THEY_ARE, NOTHING, Presentation
from sgae.methods.gradients import apply_gradients, mean_gradient, norm
from sgae.networks.generator import Generator
from sgae.networks.network import BatchNetwork


def make_discriminator_update(
  generator: Generator,
  discriminator: BatchNetwork,
  optimizer: optax.GradientTransformation,
  adversarial: AdversarialLoss,
  names: tuple[str, ...],
  microbatches: int = 1,
  piecewise_linear: bool = False,
  joined: bool = False,
  labelled: Labelled = UNLABELLED,
  presentation: Presentation = AS_THEY_ARE,
) -> Callable[..., tuple]:
  """Binds the discriminator's update.

  loss = adversarial + sum of factor * weight * penalty, each weight read from
  `settings['<name>_weight']`, and the numbers of the adversarial loss by their names;
  to this come `presentation.consistency` and the term of classes. Images are taken,
  here and by the penalties, as they are shown to the discriminator.

  Args:
    names: of the penalties, keys of `PENALTIES`.
    microbatches: see `mean_gradient`.
    piecewise_linear: as for `penalties.penalised`.
    joined: otherwise, whether real and generated images pass through it as one batch;
      not for a discriminator that looks at its whole batch.
    labelled: how the discriminator takes images and classes, and its term of classes.
    presentation: how images are shown.

  Returns:
    `update(player, generator_params, images_bhwc, latents_bz, positions_b, key,
    settings, axis, drawn) -> (player, metrics)`; `key` serves the mixing of gradient
    penalties alone, `drawn` is from `presentation.draw`.
  """

  loss = _make_loss(
    discriminator, adversarial, names, piecewise_linear, joined, labelled, presentation
  )

  def update(
    player,
    generator_params,
    images_bhwc,
    latents_bz,
    positions_b,
    key,
    settings,
    axis,
    drawn=NOTHING,
  ):
    generated = generator.apply(generator_params, latents_bz, train=True, axis=axis)
    mix_b = randomness.uniform(key, positions_b, ())
    weights = {name: settings[f"{name}_weight"] for name in names}
    numbers = {name: settings[name] for name in adversarial.numbers}
    fake_bhwc = jax.lax.stop_gradient(generated.images)
    examples = (images_bhwc, fake_bhwc, mix_b, latents_bz, drawn)
    gradients, metrics, _ = mean_gradient(loss, axis, microbatches)(
      player.params, examples, weights, numbers, settings, axis
    )
    statistics = metrics.pop("statistics")
    metrics["discriminator/grad_norm"] = norm(gradients)
    player = apply_gradients(player, optimizer, gradients)
    params = discriminator.after_update(player.params, statistics)
    return player.replace(params=params), metrics

  return update


def _make_loss(
  discriminator: BatchNetwork,
  adversarial: AdversarialLoss,
  names: tuple[str, ...],
  piecewise_linear: bool,
  joined: bool,
  labelled: Labelled,
  presentation: Presentation,
) -> Callable[..., tuple]:
  """Returns `loss(params, examples, weights, numbers, settings, axis) -> (loss,
  (metrics, None))`, to be differentiated by `mean_gradient`.

  Where images are joined the order of sums is another, so that gradients which cancel
  in two passes (of a bias before a relativistic loss) may leave rounding noise, which
  Adam enlarges; D's logits then shift together, and the loss does not.
  """

  def loss(params, examples, weights, numbers, settings, axis):
    real_bhwc, fake_bhwc, mix_b, latents_bz, drawn = examples
    images = {"real": real_bhwc, "fake": fake_bhwc}
    shown = {
      side: presentation.show(side, images[side], drawn, settings) for side in images
    }

    def discriminate(params, images_bhwc):
      thinned = presentation.thinned(images_bhwc, drawn, settings)
      inputs = labelled.inputs(thinned, latents_bz)
      return discriminator.apply(params, inputs, train=True, axis=axis)

    penalised = penalties.penalised(
      functools.partial(
        adversarial.discriminator, **numbers, **presentation.swapped(drawn, settings)
      ),
      names,
      weights,
      discriminate,
      params,
      shown["real"],
      shown["fake"],
      presentation.first(mix_b),
      piecewise_linear=piecewise_linear,
      joined=joined,
    )
    more, metrics = presentation.consistency(
      lambda images_bhwc: discriminate(params, images_bhwc)[0],
      images,
      {"real": penalised.real_b, "fake": penalised.fake_b},
      drawn,
      settings,
    )
    if labelled.term is not None:
      half, both = labelled.term.discriminator, (shown["real"], shown["fake"])
      of_class = labelled.loss(half, params, *both, latents_bz, axis)
      metrics["gan/d_class"] = of_class
      more += settings["class_weight"] * of_class
    metrics |= {f"gan/{name}": value for name, value in penalised.penalties.items()}
    metrics["gan/d_loss"] = penalised.loss + more
    measures = adversarial.measures(penalised.real_b, penalised.fake_b, **numbers)
    metrics |= {f"gan/{name}": value for name, value in measures.items()}
    # among the metrics, since they are means over devices and microbatches as well
    kept = metrics | {"statistics": penalised.statistics}
    return penalised.objective + more, (kept, None)

  return loss
