"""Optimizers and schedules by name.

Learning rates and decay factors are leaves of the optimizer's state
(`optax.inject_hyperparams`), so changing one does not recompile a step and a
population of them trains in one program. A schedule is a pure shape in [0, 1].
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax


def _adam(config):
  return optax.inject_hyperparams(optax.adam)(
    learning_rate=config.learning_rate, b1=config.beta1, b2=config.beta2, eps=1e-8
  )


def _rmsprop(config):
  return optax.inject_hyperparams(optax.rmsprop)(
    learning_rate=config.learning_rate, decay=config.beta2, eps=1e-8
  )


def _sgd(config):
  return optax.inject_hyperparams(optax.sgd)(
    learning_rate=config.learning_rate, momentum=config.beta1
  )


OPTIMIZERS = {"adam": _adam, "rmsprop": _rmsprop, "sgd": _sgd}


def constant(progress: jax.Array) -> jax.Array:
  """1 throughout."""
  return jnp.ones_like(progress)


def linear(progress: jax.Array) -> jax.Array:
  """From 1 to 0 along a line."""
  return 1 - progress


def late_linear(progress: jax.Array) -> jax.Array:
  """1 for the first half, then to 0 along a line. Zhu et al. 2017."""
  return jnp.minimum(2 * (1 - progress), 1)


def cosine(progress: jax.Array) -> jax.Array:
  """From 1 to 0 along half a cosine. Loshchilov & Hutter 2017 (arXiv 1608.03983)."""
  return 0.5 * (1 + jnp.cos(jnp.pi * progress))


SCHEDULES: dict[str, Callable[[jax.Array], jax.Array]] = {
  "constant": constant,
  "linear": linear,
  "late_linear": late_linear,
  "cosine": cosine,
}


def make_optimizer(config: Any, total_updates: int) -> optax.GradientTransformation:
  """Builds the optimizer of one player.

  Args:
    config: fields `name`, `learning_rate`, `beta1`, `beta2`, `schedule`,
      `warmup_updates`; their meanings stand in config_fields.py.
    total_updates: updates of this player in the whole phase; the schedule reaches
      its end there.
  """
  shape = SCHEDULES[config.schedule]

  def scale(update):
    warmup = (update + 1.0) / (config.warmup_updates + 1.0)
    return jnp.minimum(warmup, 1.0) * shape(jnp.minimum(update / total_updates, 1.0))

  return optax.chain(OPTIMIZERS[config.name](config), optax.scale_by_schedule(scale))
