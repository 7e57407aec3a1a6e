"""Vectors from a .npy or .npz file, such as the activations of another network.

They are standardised: the mean of the training vectors is subtracted, and one number
scales all dimensions so that their mean squared norm is D. So the weights of losses and
the learning rate mean the same at any layer of any network. Gao et al. 2024 (arXiv
2406.04093) and Lieberum et al. 2024 (arXiv 2408.05147) scale by one number as well: a
scale for each dimension would turn directions, in which features lie, and blow up
dimensions that hold little but noise.

A .npy file is memory-mapped, and read row by row as training needs it.
"""

import dataclasses
import os
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from sgae.data import local, npz
from sgae.data.dataset import Dataset, Reading, Split, Units
from sgae.data.holdout import EVERY, hold_out
from sgae.errors import UserError

ARRAY = "activations"  # name of the array of a .npz file, where none is given
MOST_TEST = 10_000  # test vectors, since an evaluation holds the codes of all of them
_DTYPES = (np.float16, np.float32, np.float64)
_BLOCK = 32 << 20  # bytes of the file that are measured at a time
_MAGIC = b"\x93NUMPY"  # of .npy
_HOW_TO_WRITE = "write it with numpy.save(file, activations)"
_HOW_TO_ARCHIVE = f"write it with numpy.savez(file, {ARRAY}=activations)"


@dataclasses.dataclass(frozen=True)
class Vectors:
  """Some rows of an array, standardised when they are read; the images of a `Split`.

  Attributes:
    base: float [N, D] as stored: on the host, where it may be memory-mapped, or inside
      a step on the device.
    rows: int32 [M], those that belong to the split.
    units: of the base.
  """

  base: Any
  rows: Any
  units: Units

  def __len__(self) -> int:
    return len(self.rows)

  @property
  def shape(self) -> tuple[int, int, int, int]:
    return len(self), 1, 1, self.base.shape[1]

  @property
  def nbytes(self) -> int:
    """Size of the base (bytes)."""
    return self.base.nbytes

  def __getitem__(self, indices: Any) -> Any:
    """Returns float32 [..., 1, 1, D] of a slice, or of integers [...] in [0, M)."""
    return standardised(self.base[self.rows[indices]], self.units)


jax.tree_util.register_dataclass(Vectors, ["base", "rows", "units"], [])


def standardised(vectors: Any, units: Units) -> Any:
  """Returns vectors in model range, (x - mean) scale.

  Args:
    vectors: float [..., D] in the units of the data, of NumPy or JAX.
    units: of the data.

  Returns:
    float32 [..., 1, 1, D] of the same kind.
  """
  # float64 that float32 cannot hold becomes infinite, which `from_array` refuses
  with np.errstate(over="ignore"):
    vectors = vectors.astype(np.float32)
  mean = units.mean.reshape(*(1,) * (vectors.ndim - 1), -1)
  return ((vectors - mean) * units.scale)[..., None, None, :]


def restored(vectors: Any, units: Units) -> Any:
  """Returns float32 [..., 1, 1, D] in model range as [..., D] in the data's units."""
  vectors = vectors[..., 0, 0, :]
  mean = units.mean.reshape(*(1,) * (vectors.ndim - 1), -1)
  return vectors / units.scale + mean


def load(config: Any, report: Callable[[str], None]) -> Dataset:
  """Returns the vectors of a .npy file, or of one array of a .npz file.

  They are float16, float32 or float64 [N, D]. There are no labels: all have class 0.
  `holdout.py` makes the test split. Nothing is unpickled.

  Args:
    config: the ConfigDict `config.data`: path (the file) and array (its name in .npz).
    report: unused: nothing has to be said.

  Returns:
    As `from_array` does.

  Raises:
    UserError: the file is missing, damaged or needs pickle, has no such array, or the
      array is unsuitable.
  """
  del report
  path = local.absolute(config.path)
  file = local.shown(path)
  with local.explained(path, "a .npy or .npz file", _HOW_TO_WRITE):
    with open(path, "rb") as handle:
      is_npy = handle.read(len(_MAGIC)) == _MAGIC
    if not is_npy:
      return _from_npz(path, file, config.array)
    if config.array != ARRAY:
      raise UserError(
        f"data.array={config.array!r} is not read: {file} holds one array without a "
        f"name; set it to {ARRAY!r}"
      )
    base = np.load(path, mmap_mode="r", allow_pickle=False)
  _check(file, base)
  if not base.flags.c_contiguous:  # reading a row would read a page for each number
    raise UserError(
      f"{file} is stored column by column: write it with numpy.save(file, "
      "numpy.ascontiguousarray(activations))"
    )
  read = Reading(f"vectors of {file}")
  return from_array(local.shown(os.path.basename(path)), file, base, read)


def _from_npz(path: str, file: str, name: str) -> Dataset:
  with npz.opened(path, file, _HOW_TO_ARCHIVE) as stored:
    if name not in stored.files:
      raise UserError(
        f"{file} holds {npz.listed(stored.files)}, but no array {name!r}: name one by "
        f"--config.data.array=..., or {_HOW_TO_ARCHIVE}"
      )
    base = npz.array_of(file, stored, name, _HOW_TO_ARCHIVE)
    others = tuple(f"array {other!r}" for other in stored.files if other != name)
  what = f"{file}: {name!r}"
  _check(what, base)
  read = Reading(f"array {name!r} of {file}", left_out=others)
  return from_array(local.shown(os.path.basename(path)), what, base, read)


def from_array(name: str, what: str, base: np.ndarray, read: Reading) -> Dataset:
  """Returns the data set of an array of vectors.

  Args:
    name: of the data set.
    what: the data in messages.
    base: float [N, D] in any units, N > 1; may be memory-mapped.
    read: what was read; the split and the scale are added.

  Returns:
    The data set: training vectors as `Vectors`, at most `MOST_TEST` test vectors as
    float32 [M, 1, 1, D], both in model range; `units` lead back.

  Raises:
    UserError: there is one vector, or a number that is NaN or infinite.
  """
  count, width = base.shape
  held = hold_out(what, np.zeros(count), max(EVERY, -(-count // MOST_TEST)))
  units = _measured(what, base, held.is_test)
  train, test = (
    Vectors(base, np.flatnonzero(rows).astype(np.int32), units)
    for rows in (~held.is_test, held.is_test)
  )
  read = read._replace(
    split=held.rule,
    changed=(
      f"mean subtracted and multiplied by {units.scale:.4g}, so that the mean squared "
      f"norm is {width:,}",
    ),
  )
  parts: Any = (train, test[:])
  splits = (Split(images, np.zeros(len(images), np.int32)) for images in parts)
  return Dataset(name, *splits, num_classes=1, read=read, units=units)


def _check(what: str, array: np.ndarray) -> None:
  if array.ndim != 2 or not array.size or array.dtype not in _DTYPES:
    raise UserError(
      f"{what} is {array.dtype} {list(array.shape)}; allowed are vectors [N, D] of "
      "float16, float32 or float64, in the machine's byte order: reshape or convert it"
    )


def _measured(what: str, base: np.ndarray, is_test: np.ndarray) -> Units:
  """Returns the units of the training vectors; checks that all numbers are finite.

  One pass over the file, in blocks whose means and squares are joined in float64 (Chan
  et al. 1979).
  """
  width = base.shape[1]
  count, mean, squares = 0, np.zeros(width), 0.0
  block = max(1, _BLOCK // (width * base.itemsize))
  for start in range(0, len(base), block):
    with np.errstate(over="ignore"):
      part = base[start : start + block].astype(np.float32)
    finite = np.isfinite(part).all(axis=1)
    if not finite.all():
      raise UserError(
        f"{what}: vector {start + int(finite.argmin()):,} has a number that is NaN, "
        "infinite or too large for float32: leave such vectors out"
      )
    part = part[~is_test[start : start + block]].astype(np.float64)
    if len(part):
      moved = part.mean(axis=0) - mean
      within = np.square(part - part.mean(axis=0)).sum()
      total = count + len(part)
      squares += within + moved @ moved * count * len(part) / total
      mean += moved * len(part) / total
      count = total
  # vectors that are all alike have no scale; the run refuses them
  scale = np.sqrt(width * count / squares) if squares else 1.0
  return Units(mean.astype(np.float32), np.float32(scale))
