"""What the rest of the package knows of the classifier."""

from typing import Any

import numpy as np

from sgae.data.dataset import UNLABELLED, Split
from sgae.data.order import ENDLESS
from sgae.methods.classifier.checks import check, check_data
from sgae.methods.classifier.config import SECTIONS
from sgae.methods.classifier.evaluate import make_evaluator
from sgae.methods.classifier.extractor import EXTRACTOR
from sgae.methods.classifier.program import build
from sgae.methods.classifier.report import REPORT
from sgae.methods.method import Method
from sgae.methods.sweeps import learning_rate


def pools(config: Any, train: Split) -> tuple[np.ndarray, ...]:
  """Returns the images that have a label, where it learns these and some have none."""
  if config.classifier.task != "labels" or len(train.images) == ENDLESS:
    return ()
  known = np.flatnonzero(train.labels != UNLABELLED)
  return () if len(known) == len(train.labels) else (known,)


METHOD = Method(
  title="Classifier",
  sections=SECTIONS,
  uses=lambda config: ("classifier",),
  check=check,
  check_data=check_data,
  inputs=lambda config: ("image", "label"),
  build=build,
  evaluate=make_evaluator,
  report=REPORT,
  warnings=(),
  gives=lambda state: state.player.params,
  pools=pools,
  extractor=EXTRACTOR,
  weights=("player.params",),
  swept={"classifier.optimizer.learning_rate": learning_rate("player")},
)
