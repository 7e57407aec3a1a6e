"""The units of the vectors that a run is trained on: `units.npz` in its directory."""

import io
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile

from sgae.data.dataset import Units
from sgae.errors import UserError
from sgae.reporting.files import explained, write_arrays

FILE_NAME = "units.npz"


def write(workdir: Path, units: Units | None) -> None:
  """Writes the arrays `mean` and `scale`; None: nothing."""
  if units is not None:
    write_arrays(workdir / FILE_NAME, units._asdict())


def read(workdir: Path, source: str) -> Units | None:
  """Returns what `write` stored; None where the data have no units.

  Args:
    workdir: a run directory.
    source: `config.data.source` of the run.

  Raises:
    UserError: the file is missing or damaged.
  """
  if source != "vectors":
    return None
  path = workdir / FILE_NAME
  with explained(path):
    stored = path.read_bytes() if path.exists() else b""
  try:
    with NpzFile(io.BytesIO(stored), allow_pickle=False) as file:
      return Units(file["mean"], np.float32(file["scale"]))
  except Exception as error:  # Zip and NumPy have their own kinds.
    raise UserError(
      f"{path} is missing or damaged: restore it, or train once more to write it again"
    ) from error
