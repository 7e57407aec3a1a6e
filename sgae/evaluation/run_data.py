"""The data of a run, read again after training."""

from pathlib import Path
from typing import Any

from sgae.data import sources
from sgae.data.dataset import Dataset
from sgae.data.fingerprint import fingerprint
from sgae.data.reading import describe_data
from sgae.reporting.console import Console
from sgae.runs import directory as run_directory


def load_data(workdir: Path, config: Any, console: Console) -> Dataset:
  """Returns the data that a run was trained on, and says what they are.

  Args:
    workdir: the run directory.
    config: that it was trained with, see `stored_config`.
    console: where the line goes.

  Raises:
    UserError: they cannot be read, or are others than the run's.
  """
  dataset = sources.load(config.data, console.line)
  console.line(f"Data: {describe_data(dataset, config.data.augment)}")
  stored, found = run_directory.read(workdir), fingerprint(dataset)
  if warning := run_directory.older_split(stored, dataset):
    console.line(warning)
  run_directory.check_data(workdir, config, stored, found, console.line)
  return dataset
