"""What a config may say of sparse coding."""

from typing import Any

from sgae.config_checks import at_least, choice, positive
from sgae.errors import UserError
from sgae.methods.checks import check_cadence, check_optimizer
from sgae.methods.sparse_autoencoder.checks import check_networks, check_tie
from sgae.methods.sparse_coding.solvers import SOLVERS

DICTIONARIES = ("online", "gradient", "fixed")
# Fields of `sae` that only its own training reads, as sparse coding leaves them.
OF_SAE = {
  "unit_norm_atoms": True,
  "matryoshka": (),
  "archetypes": 0,
  "penalty_by_norms": False,
  "p_annealing": 0.0,
}
# What codes of least objective are: of any sign, or not negative.
SPARSITY_MAPS = ("relu", "none")


def check(config: Any) -> None:
  """Refuses impossible sparse coding, alone or with the networks of its dictionary."""
  fields = config.sparse_coding
  if "sparse_coding" in config.phases:
    _check_dictionary(config)
  positive("sparse_coding.alpha", fields.alpha)
  choice("sparse_coding.solver", fields.solver, SOLVERS)
  choice("sparse_coding.dictionary", fields.dictionary, DICTIONARIES)
  for field in ("iterations", "window", "replace_after"):
    at_least(f"sparse_coding.{field}", fields[field], 1)
  check_optimizer("sparse_coding.optimizer", fields.optimizer)
  check_cadence("sparse_coding", fields)


def _check_dictionary(config):
  """Refuses networks whose decoder is no dictionary of images."""
  check_networks(config)
  check_tie(config.sae)
  if config.sparse_coding.dictionary == "fixed" and "sae" not in config.phases:
    raise UserError(
      "sparse_coding.dictionary='fixed' needs a trained one: choose "
      "phases=('sae', 'sparse_coding'), or 'online'"
    )
  sae, code = config.sae, config.code
  for field, left in OF_SAE.items():
    if "sae" not in config.phases and sae[field] != left:
      raise UserError(
        f"sae.{field}={sae[field]!r} is for training of sae, not for sparse coding: "
        f"set it to {left!r}, or choose phases=('sae', 'sparse_coding')"
      )
  for field, right in (("decoder_hidden", ()), ("output", "linear")):
    given = tuple(sae[field]) if isinstance(right, tuple) else sae[field]
    if given != right:
      raise UserError(
        f"sae.{field}={given!r} is no dictionary, which sparse coding learns: choose "
        f"{right!r}"
      )
  if sae.architecture == "convolutional":
    raise UserError(
      "sae.architecture='convolutional' has no dictionary of whole images, which "
      "sparse coding learns: choose 'lista' or 'mlp'"
    )
  if code.sparsity_map not in SPARSITY_MAPS:
    raise UserError(
      f"code.sparsity_map='{code.sparsity_map}' is not what sparse coding finds: "
      "choose 'relu' (codes that are not negative) or 'none' (signed)"
    )
