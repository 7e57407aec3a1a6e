"""What the rest of the package knows of recognition."""

from typing import Any

import numpy as np

from sgae.data.dataset import Split
from sgae.data.order import draw_of_classes
from sgae.methods.method import Method
from sgae.methods.recognition.checks import check, check_data
from sgae.methods.recognition.config import SECTIONS
from sgae.methods.recognition.evaluate import make_evaluator
from sgae.methods.recognition.program import SETTINGS, build
from sgae.methods.recognition.report import REPORT
from sgae.methods.recognition.start import AUTOENCODERS, prepare
from sgae.methods.recognition.warnings import WARNINGS
from sgae.methods.sweeps import learning_rate, setting
from sgae.networks.network import Params


def uses(config: Any) -> tuple[str, ...]:
  """Returns the sections that it reads: with an encoder, those of the autoencoder."""
  if config.recognition.discriminator_start == "encoder":
    return ("recognition", "sae", "code")
  return ("recognition",)


def pools(config: Any, train: Split) -> tuple[np.ndarray, ...]:
  """Returns the labelled images, and all of them for each of the other batches."""
  fields = config.recognition
  labelled = draw_of_classes(train.labels, fields.labels_per_class, fields.label_draw)
  everything = np.arange(len(train.images))
  return (labelled, everything, everything)


def gives(state: Any) -> dict[str, Params]:
  """Returns the generator, and the EMA of the discriminator."""
  return {"generator": state.generator.params, "discriminator": state.ema_params}


METHOD = Method(
  title="Recognition",
  sections=SECTIONS,
  uses=uses,
  check=check,
  check_data=check_data,
  inputs=lambda config: ("image", "label"),
  build=build,
  evaluate=make_evaluator,
  report=REPORT,
  warnings=WARNINGS,
  gives=gives,
  takes={name: {"encoder": "encoder"} for name in AUTOENCODERS},
  prepare=prepare,
  pools=pools,
  swept={
    **{f"recognition.{name}": setting(name) for name in SETTINGS},
    "recognition.generator_optimizer.learning_rate": learning_rate("generator"),
    "recognition.discriminator_optimizer.learning_rate": learning_rate("discriminator"),
  },
  generates=True,
  stored_as={"ema_params": "average"},
  weights=("generator.params", "discriminator.params", "ema_params"),
)
