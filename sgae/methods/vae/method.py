"""What the rest of the package knows of the variational autoencoder."""

from sgae.methods.method import Method
from sgae.methods.sweeps import learning_rate, setting
from sgae.methods.vae.checks import check, check_data
from sgae.methods.vae.config import SECTIONS
from sgae.methods.vae.evaluate import make_evaluator
from sgae.methods.vae.program import build
from sgae.methods.vae.report import REPORT
from sgae.methods.vae.warnings import WARNINGS

METHOD = Method(
  title="Variational autoencoder",
  sections=SECTIONS,
  uses=lambda config: ("vae",),
  check=check,
  check_data=check_data,
  inputs=lambda config: ("image",),
  build=build,
  evaluate=make_evaluator,
  report=REPORT,
  warnings=WARNINGS,
  gives=lambda state: state.player.params,  # 'encoder', 'decoder' and 'likelihood'
  weights=("player.params",),
  swept={
    "vae.beta": setting("beta"),
    "vae.free_bits": setting("free_bits"),
    "vae.active_share": setting("active_share"),
    "vae.gate_sharpness": setting("gate_sharpness"),
    "vae.optimizer.learning_rate": learning_rate("player"),
  },
  selects_by="vae/frechet",
  generates=True,
)
