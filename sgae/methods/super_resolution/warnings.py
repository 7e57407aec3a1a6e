"""The warnings of training super-resolution."""

from sgae.diagnostics.rules import Rule, exploding_gradient
from sgae.methods.gan.warnings import discriminator_won

WARNINGS: tuple[Rule, ...] = (
  exploding_gradient(
    ("super_resolution/g_grad_norm", "super_resolution/d_grad_norm"),
    "lower that player's learning_rate",
  ),
  discriminator_won(
    "super_resolution",
    "lower super_resolution.discriminator_optimizer.learning_rate, or raise "
    "super_resolution.pixel_weight",
  ),
)
