"""The units of the vectors that a run is trained on: `units.npz` in its directory.

Of vectors with a second side, networks take the first and give the second.
"""

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.npyio import NpzFile

from sgae.data.dataset import Dataset, SideUnits, Units
from sgae.errors import UserError
from sgae.reporting.files import explained, write_arrays

FILE_NAME = "units.npz"
SECOND = "second_"


def write(workdir: Path, dataset: Dataset) -> None:
  """Writes `mean` and `scale`, of a second side as `second_...`; of images nothing."""
  if dataset.units is None:
    return
  arrays = dataset.units._asdict()
  if dataset.second is not None and dataset.second.units is not None:
    of_second = dataset.second.units._asdict()
    arrays |= {f"{SECOND}{name}": value for name, value in of_second.items()}
  write_arrays(workdir / FILE_NAME, arrays)


def read(workdir: Path, data: Any) -> SideUnits | None:
  """Returns what `write` stored; None where the data have no units.

  Args:
    workdir: a run directory.
    data: `config.data` of the run.

  Raises:
    UserError: the file is missing or damaged.
  """
  if data.source != "vectors":
    return None
  path = workdir / FILE_NAME
  with explained(path):
    stored = path.read_bytes() if path.exists() else b""
  try:
    with NpzFile(io.BytesIO(stored), allow_pickle=False) as file:
      sides = [
        Units(file[f"{side}mean"], np.float32(file[f"{side}scale"]))
        for side in ("", SECOND if data.second.source else "")
      ]
      return SideUnits(*sides)
  except Exception as error:  # Zip and NumPy have their own kinds.
    raise UserError(
      f"{path} is missing or damaged: restore it, or train once more to write it again"
    ) from error
