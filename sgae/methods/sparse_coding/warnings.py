"""The warnings of sparse coding."""

from sgae.diagnostics.rules import Rule, above, exploding_gradient

# Share of a dictionary that is replaced in one step, of what is left after the first.
REPLACED = 0.25
# Of the objective: where codes are this far from the least one, the dictionary is
# learnt from something else.
LARGE_GAP = 0.1

WARNINGS: tuple[Rule, ...] = (
  exploding_gradient(
    ("sparse_coding/grad_norm",), "lower sparse_coding.optimizer.learning_rate"
  ),
  above(
    "unused_atoms",
    "sparse_coding/dead_fraction",
    REPLACED,
    3,
    "lower sparse_coding.alpha or code.num_latents, or raise "
    "sparse_coding.replace_after",
  ),
  above(
    "unfinished_codes",
    "sparse_coding/gap",
    LARGE_GAP,
    5,
    "raise sparse_coding.iterations, or choose sparse_coding.solver='fista'",
  ),
)
