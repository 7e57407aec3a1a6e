"""The warnings of training translation."""

from sgae.diagnostics.rules import Rule, exploding_gradient
from sgae.methods.gan.warnings import discriminator_won

WARNINGS: tuple[Rule, ...] = (
  exploding_gradient(
    ("translation/g_grad_norm", "translation/d_grad_norm"),
    "lower that player's learning_rate",
  ),
  discriminator_won(
    "translation", "lower translation.discriminator_optimizer.learning_rate"
  ),
)
