"""The warnings of training a sparse autoencoder."""

from sgae.diagnostics.rules import Rule, above, exploding_gradient

# Of the variance: the mean image alone leaves all of it.
USELESS_FVU = 1.0
# Share of a dictionary: healthy runs here have up to .02, and .07 is published for 16 M
# latents (Gao et al. 2024).
DEAD_LATENTS = 0.25

WARNINGS: tuple[Rule, ...] = (
  exploding_gradient(
    ("sae/grad_norm",), "lower sae.optimizer.learning_rate or sae.sparsity_weight"
  ),
  above(
    "useless_reconstruction",
    "sae/fvu",
    USELESS_FVU,
    5,
    "lower sae.optimizer.learning_rate or sae.sparsity_weight, or raise code.k",
    remark=", and the mean image alone comes to 1",
  ),
  above(
    "dead_latents",
    "sae/dead_fraction",
    DEAD_LATENTS,
    3,
    "raise sae.auxiliary_weight, lower sae.optimizer.learning_rate, or lower "
    "sae.dead_after so that they are revived sooner",
  ),
)
