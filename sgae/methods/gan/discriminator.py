"""One update of the discriminator."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from sgae import randomness
from sgae.losses import linear_pieces, penalties
from sgae.losses.adversarial import AdversarialLoss
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
  by_pieces: bool = False,
  one_pass: bool = False,
) -> Callable[..., tuple]:
  """Binds the discriminator's update.

  loss = adversarial + sum of factor * weight * penalty, each weight read from
  `settings['<name>_weight']`.

  Args:
    names: of the penalties, keys of `PENALTIES`.
    microbatches: see `mean_gradient`.
    by_pieces: whether `linear_pieces` takes the gradient where it knows all of `names`:
      for a discriminator that is piecewise linear and multiplies in full float32.
    one_pass: otherwise, whether real and generated images are judged in one pass, which
      is quicker on a GPU and slower on a CPU; not for a discriminator that looks at its
      whole batch. The order of sums is another, so that gradients which cancel in two
      passes (of a bias before a relativistic loss) may leave rounding noise, which Adam
      enlarges; D's logits then shift together, and the loss does not.

  Returns:
    `update(player, generator_params, images_bhwc, latents_bz, positions_b, key,
    settings, axis) -> (player, metrics)`; `key` serves the mixing of gradient
    penalties alone.
  """

  def judge_all(axis, params, weights, real_bhwc, fake_bhwc, mix_b):
    def judge(params, images_bhwc):
      return discriminator.apply(params, images_bhwc, train=True, axis=axis)

    about = (adversarial.discriminator, names, weights, judge, params)
    if by_pieces and names and set(names) <= set(linear_pieces.SIDES):
      return linear_pieces.penalised(*about, real_bhwc, fake_bhwc)
    return penalties.penalised(*about, real_bhwc, fake_bhwc, mix_b, one_pass)

  def loss(params, examples, weights, axis):
    judged = judge_all(axis, params, weights, *examples)
    metrics = {f"gan/{name}": value for name, value in judged.penalties.items()}
    metrics["gan/d_loss"] = judged.loss
    metrics["gan/d_real"] = jnp.mean(judged.real_b)
    metrics["gan/d_fake"] = jnp.mean(judged.fake_b)
    # among the metrics, since they are means over devices and microbatches as well
    return judged.objective, (metrics | {"statistics": judged.statistics}, None)

  def update(
    player, generator_params, images_bhwc, latents_bz, positions_b, key, settings, axis
  ):
    made = generator.apply(generator_params, latents_bz, train=True, axis=axis)
    mix_b = randomness.uniform(key, positions_b, ())
    weights = {name: settings[f"{name}_weight"] for name in names}
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
