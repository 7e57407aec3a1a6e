"""One update of the discriminator."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from sgae import interleaving, randomness
from sgae.losses.adversarial import AdversarialLoss
from sgae.losses.penalties import penalised
from sgae.networks.generator import Generator
from sgae.networks.network import BatchNetwork
from sgae.training.gradients import apply_gradients, mean_gradient, norm


def make_discriminator_update(
  generator: Generator,
  discriminator: BatchNetwork,
  optimizer: optax.GradientTransformation,
  adversarial: AdversarialLoss,
  penalties: tuple[str, ...],
  microbatches: int = 1,
  one_pass: bool = False,
) -> Callable[..., tuple]:
  """Binds the discriminator's update.

  loss = adversarial + sum of factor * weight * penalty, each weight read from
  `settings['<name>_weight']`.

  Args:
    penalties: keys of `PENALTIES`.
    microbatches: see `mean_gradient`.
    one_pass: whether real and generated images are judged in one pass, which is quicker
      on a GPU and slower on a CPU; not for a discriminator that looks at its whole
      batch. The order of sums is another, so that gradients which cancel in two passes
      (of a bias before a relativistic loss) may leave rounding noise, which Adam
      enlarges; D's logits then shift together, and the loss does not.

  Returns:
    `update(player, generator_params, images_bhwc, latents_bz, positions_b, key,
    settings, axis) -> (player, metrics)`; `key` serves the mixing of gradient
    penalties alone.
  """

  def loss(params, examples, weights, axis):
    real_bhwc, fake_bhwc, mix_b = examples

    def judge(images_bhwc):
      return discriminator.apply(params, images_bhwc, train=True, axis=axis)

    def discriminate(images_bhwc):
      return judge(images_bhwc)[0]

    if one_pass:
      both = interleaving.rejoin(jnp.stack([real_bhwc, fake_bhwc]))
      both_b, statistics = judge(both)
      real_b, fake_b = interleaving.deal(both_b, 2)
    else:
      real_b, statistics = judge(real_bhwc)
      fake_b = discriminate(fake_bhwc)
    value, values = penalised(
      adversarial.discriminator(real_b, fake_b),
      penalties,
      weights,
      discriminate,
      real_bhwc,
      fake_bhwc,
      mix_b,
      one_pass,
    )
    metrics = {f"gan/{name}": penalty for name, penalty in values.items()}
    metrics["gan/d_loss"] = value
    metrics["gan/d_real"] = jnp.mean(real_b)
    metrics["gan/d_fake"] = jnp.mean(fake_b)
    # among the metrics, since they are means over devices and microbatches as well
    return value, (metrics | {"statistics": statistics}, None)

  def update(
    player, generator_params, images_bhwc, latents_bz, positions_b, key, settings, axis
  ):
    made = generator.apply(generator_params, latents_bz, train=True, axis=axis)
    mix_b = randomness.uniform(key, positions_b, ())
    weights = {name: settings[f"{name}_weight"] for name in penalties}
    examples = (images_bhwc, jax.lax.stop_gradient(made.images), mix_b)
    gradients, metrics, _ = mean_gradient(loss, axis, microbatches)(
      player.params, examples, weights, axis
    )
    statistics = metrics.pop("statistics")
    metrics["discriminator/grad_norm"] = norm(gradients)
    player = apply_gradients(player, optimizer, gradients)
    params = discriminator.after_update(player.params, statistics)
    return player.replace(params=params), metrics

  return update
