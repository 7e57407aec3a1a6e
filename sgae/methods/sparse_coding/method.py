"""What the rest of the package knows of sparse coding."""

from sgae.methods.method import Method
from sgae.methods.sparse_coding.checks import check
from sgae.methods.sparse_coding.config import SECTIONS
from sgae.methods.sparse_coding.evaluate import make_evaluator
from sgae.methods.sparse_coding.program import build
from sgae.methods.sparse_coding.report import REPORT
from sgae.methods.sparse_coding.warnings import WARNINGS
from sgae.methods.sweeps import learning_rate, setting
from sgae.networks.autoencoder import BRANCHES

METHOD = Method(
  title="Sparse coding",
  sections=SECTIONS,
  uses=lambda config: ("sparse_coding", "sae", "code"),
  check=check,
  inputs=lambda config: ("image",),
  build=build,
  evaluate=make_evaluator,
  report=REPORT,
  warnings=WARNINGS,
  gives=lambda state: state.player.params,  # 'encoder', 'sparsity' and 'decoder'
  takes={"sae": {name: name for name in BRANCHES}},
  takes_vectors=True,
  weights=("player.params",),
  swept={
    "sparse_coding.alpha": setting("alpha"),
    "sparse_coding.optimizer.learning_rate": learning_rate("player"),
  },
)
