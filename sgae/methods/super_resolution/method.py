"""What the rest of the package knows of super-resolution."""

from typing import Any

from sgae.methods.method import Method
from sgae.methods.super_resolution.checks import AUTOENCODERS, check, check_data
from sgae.methods.super_resolution.config import SECTIONS
from sgae.methods.super_resolution.evaluate import make_evaluator
from sgae.methods.super_resolution.program import OF_CODE, WEIGHTS, build
from sgae.methods.super_resolution.report import REPORT
from sgae.methods.super_resolution.warnings import WARNINGS
from sgae.methods.sweeps import RHO, learning_rate, setting
from sgae.networks.autoencoder import BRANCHES
from sgae.networks.classifier import FEATURES
from sgae.networks.network import Params


def uses(config: Any) -> tuple[str, ...]:
  """Returns the sections that it reads: also those of phases that it starts from."""
  fields = config.super_resolution
  return (
    "super_resolution",
    *(("sae", "code") if fields.generator == "sparse" else ()),
    *(("classifier",) if fields.feature_weight else ()),
  )


def gives(state: Any) -> dict[str, Params]:
  """Returns the EMA of the generator."""
  return {"generator": state.ema_params}


METHOD = Method(
  title="Super-resolution",
  sections=SECTIONS,
  uses=uses,
  check=check,
  check_data=check_data,
  inputs=lambda config: ("image",),
  build=build,
  evaluate=make_evaluator,
  report=REPORT,
  warnings=WARNINGS,
  gives=gives,
  takes={
    **{method: {name: name for name in BRANCHES} for method in AUTOENCODERS},
    "classifier": {name: name for name in FEATURES},
  },
  swept={
    **{
      f"super_resolution.{name}": setting(name)
      for name in (*WEIGHTS, *OF_CODE, "ema_decay")
    },
    "code.rho": RHO,
    "super_resolution.generator_optimizer.learning_rate": learning_rate("generator"),
    "super_resolution.discriminator_optimizer.learning_rate": learning_rate(
      "discriminator"
    ),
  },
  compares_features=True,
  stored_as={"ema_params": "average"},
  weights=("generator.params", "discriminator.params", "ema_params", "fixed"),
)
