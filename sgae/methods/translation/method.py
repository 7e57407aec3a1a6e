"""What the rest of the package knows of translation."""

from typing import Any

from sgae.methods.method import Method
from sgae.methods.sweeps import RHO, learning_rate, setting
from sgae.methods.translation.checks import check, check_data
from sgae.methods.translation.config import SECTIONS
from sgae.methods.translation.evaluate import make_evaluator
from sgae.methods.translation.program import TERMS, build
from sgae.methods.translation.report import REPORT
from sgae.methods.translation.warnings import WARNINGS
from sgae.networks import classifier
from sgae.networks.autoencoder import BRANCHES


def uses(config: Any) -> tuple[str, ...]:
  """Returns the sections that it reads: also those of phases that it starts from."""
  fields = config.translation
  return (
    "translation",
    *(("sae", "code") if fields.generator_architecture == "sparse" else ()),
    *(("classifier",) if fields.semantic_weight else ()),
  )


METHOD = Method(
  title="Translation",
  sections=SECTIONS,
  uses=uses,
  check=check,
  check_data=check_data,
  inputs=lambda config: ("image", "second_image"),
  build=build,
  evaluate=make_evaluator,
  report=REPORT,
  warnings=WARNINGS,
  gives=lambda state: {"generator": state.ema_params},
  takes={
    "sae": {name: name for name in BRANCHES},
    "classifier": {name: name for name in classifier.BRANCHES},
  },
  swept={
    **{f"translation.{name}": setting(name) for name in (*TERMS, "ema_decay")},
    "code.rho": RHO,
    "translation.generator_optimizer.learning_rate": learning_rate("generator"),
    "translation.discriminator_optimizer.learning_rate": learning_rate("discriminator"),
  },
  compares_features=True,
  weights=("generator.params", "discriminator.params", "ema_params", "fixed"),
)
