"""What the rest of the package knows of the sparse autoencoder."""

from typing import Any

from sgae.data.checks import check_one_shape
from sgae.data.dataset import Dataset
from sgae.methods.method import Method
from sgae.methods.sparse_autoencoder import hull, networks, transcoder
from sgae.methods.sparse_autoencoder.checks import check
from sgae.methods.sparse_autoencoder.config import SECTIONS
from sgae.methods.sparse_autoencoder.controls import CONTROLS
from sgae.methods.sparse_autoencoder.evaluate import make_evaluator
from sgae.methods.sparse_autoencoder.program import build
from sgae.methods.sparse_autoencoder.report import REPORT
from sgae.methods.sparse_autoencoder.saelens import LAYOUT
from sgae.methods.sparse_autoencoder.warnings import WARNINGS
from sgae.methods.sweeps import RHO, learning_rate, setting


def inputs(config: Any) -> tuple[str, ...]:
  """Returns the arrays of a batch that a step reads."""
  both = config.sae.both_sides or config.sae.transcoder
  return ("image", "second_image") if both else ("image",)


def check_data(config: Any, dataset: Dataset) -> None:
  """Refuses points or networks that do not fit the images."""
  if config.sae.both_sides:
    check_one_shape(dataset)
  if config.sae.transcoder:
    transcoder.check_data(config, dataset)
  hull.check_data(config, dataset)
  networks.check_data(config, dataset)


METHOD = Method(
  title="Sparse autoencoder",
  sections=SECTIONS,
  uses=lambda config: ("sae", "code"),
  check=check,
  inputs=inputs,
  build=build,
  evaluate=make_evaluator,
  report=REPORT,
  warnings=WARNINGS,
  prepare=hull.prepare,
  check_data=check_data,
  gives=lambda state: (
    state.player.params
  ),  # 'encoder', 'sparsity', 'decoder'; 'hull' of archetypes
  controls=CONTROLS,
  takes_vectors=True,
  layouts={"saelens": LAYOUT},
  weights=("player.params",),
  swept={
    "sae.sparsity_weight": setting("sparsity_weight"),
    "sae.auxiliary_weight": setting("auxiliary_weight"),
    "code.rho": RHO,
    "sae.p_annealing": setting("p_annealing"),
    "sae.optimizer.learning_rate": learning_rate("player"),
  },
)
