"""`--mode=predict`: classes with probabilities for new images, by a trained run."""

import csv
import functools
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from sgae.errors import UserError
from sgae.evaluation.apply import apply_to_images
from sgae.methods import METHODS
from sgae.reporting.console import Console
from sgae.reporting.files import write_arrays, write_atomically
from sgae.runs import directory as run_directory

FUNCTION = "logits"  # of a program that names classes
TABLE, ARRAYS = "predictions.csv", "predictions.npz"


def predict_run(
  workdir: Path,
  overrides: dict[str, Any],
  images: str,
  console: Console,
  member: int = -1,
  output: Path | None = None,
) -> None:
  """Writes the classes of new images; needs nothing but the run directory.

  `predictions.csv` has a row for each image: `file`, `class`, and the probability of
  each class by its name. `predictions.npz` has `files`, `class_names`, `classes`
  int [N] and `probabilities` float32 [N, K].

  Args:
    workdir: a run directory; its last phase that names classes is used.
    overrides: as for `evaluate_run`.
    images: an image, a folder, an archive or a .npz file, see `data.new_images`.
    console: where the counts and the names of the files go.
    member: of a population; -1: the first one.
    output: the directory that files go to; None: the run directory.

  Raises:
    UserError: there is no run, nothing in it names classes, there is no checkpoint, or
      the images do not fit.
  """
  applied = apply_to_images(
    workdir,
    overrides,
    "predict",
    FUNCTION,
    images,
    console,
    member,
    output,
    phase_of=functools.partial(_naming_phase, workdir),
    finish=lambda logits_nk: jax.nn.softmax(logits_nk, axis=1),
  )
  files, probabilities_nk = applied.files, applied.results
  names = class_names(run_directory.read(workdir), probabilities_nk.shape[1])
  place = applied.place
  _write(place, files, names, probabilities_nk)
  counts = np.bincount(probabilities_nk.argmax(axis=1), minlength=len(names))
  shown = [f"{name} {count:,}" for name, count in zip(names, counts, strict=True)]
  console.line(
    f"{len(files):,} images by {applied.phase}{applied.of} of step {applied.step}: "
    f"{', '.join(shown)}"
  )
  console.line(f"Stored in {place / TABLE} and {place / ARRAYS}")


def class_names(stored: dict[str, Any], count: int) -> list[str]:
  """Returns the names of a run's classes, their numbers where it keeps no others.

  Args:
    stored: what `directory.read` returns.
    count: how many there are.
  """
  names = stored.get("data", {}).get("class_names") or []
  return names if len(names) == count else list(map(str, range(count)))


def _naming_phase(workdir: Path, config: Any, shape: tuple[int, ...]) -> str:
  """Returns the last phase that names the classes of the data."""
  for name in reversed(config.phases):
    method = METHODS[name]
    if FUNCTION not in method.build(config, shape).functions:
      continue
    serving = method.extractor
    if serving and serving.task(config[serving.section], shape) != "labels":
      continue  # it names something else than classes
    return name
  raise UserError(
    f"{workdir} names no classes (phases={tuple(config.phases)}): choose a run that "
    "learnt labels"
  )


def _write(
  place: Path, files: Sequence[str], names: Sequence[str], probabilities_nk: np.ndarray
) -> None:
  classes_n = probabilities_nk.argmax(axis=1)
  text = io.StringIO()
  table = csv.writer(text, lineterminator="\n")
  table.writerow(["file", "class", *(f"p({name})" for name in names)])
  for file, label, row in zip(files, classes_n, probabilities_nk, strict=True):
    table.writerow([file, names[label], *(f"{value:.6g}" for value in row)])
  write_atomically(place / TABLE, text.getvalue().encode("utf-8", "surrogateescape"))
  arrays = {
    "files": np.array(files),
    "class_names": np.array(names),
    "classes": classes_n,
    "probabilities": probabilities_nk,
  }
  write_arrays(place / ARRAYS, arrays)
