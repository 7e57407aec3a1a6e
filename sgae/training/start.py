"""Trains a config from Python, as launch.py does from a terminal."""

import os
from pathlib import Path
from typing import Any

from sgae.config import validate
from sgae.reporting.console import Console
from sgae.runs.load import Run, load_run
from sgae.training import run


def train(config: Any, workdir: str | Path, quiet: bool = False) -> Run:
  """Trains all phases of a config, or resumes them, and returns the run.

  >>> import tempfile
  >>> from configs import ring
  >>> import sgae
  >>> config = ring.get_config()
  >>> config.gan.update(steps=100, evaluate_every=100, save_every=100)
  >>> workdir = tempfile.mkdtemp() + "/ring"
  >>> sgae.train(config, workdir, quiet=True).sample(5).shape
  (5, 1, 1, 2)

  Args:
    config: a config, such as a file in configs/ returns.
    workdir: the run directory, new or of the same experiment.
    quiet: whether to hide all output.

  Raises:
    UserError, TrainingDiverged, StoppedBySignal: see sgae/errors.py.
  """
  workdir = Path(os.path.expanduser(workdir))
  run.train(validate(config), workdir, Console(quiet=quiet))
  return load_run(workdir)
