"""Takes feature networks out of run directories into the package.

python -m sgae.weights RUN [RUN ...]
"""

import sys
from pathlib import Path

from sgae import features, parallel, run_directory
from sgae.checkpoint import read_state
from sgae.data import resident, sources
from sgae.errors import UserError
from sgae.phases import make_classifier_phase
from sgae.reporting.console import Console


def ship(workdir: Path, console: Console) -> None:
  """Writes the classifier of a run to `sgae/weights/<data set>.json` and `.npz`.

  Raises:
    UserError: the run has no classifier.
  """
  config = run_directory.stored_config(workdir, {})
  dataset = sources.load(config.data, console.line)
  phase = make_classifier_phase(config, resident.mean_image(dataset.train.images))
  mesh = parallel.mesh_of_this_process()
  restored = read_state(config, workdir, phase, mesh, console.line)
  if restored is None:
    raise UserError(f"{workdir} holds no classifier: see configs/classifier.py")
  path = features.SHIPPED / f"{dataset.name}.json"
  fields = config.classifier.to_dict()
  about = features.write(path, fields, dataset, restored[1].player.params).about
  size = path.with_suffix(".npz").stat().st_size
  console.line(
    f"{path}: {size:,} bytes, test accuracy {about['accuracy']:.2%}, SHA-256 "
    f"{about['sha256']}"
  )


def main(names: list[str]) -> int:
  """Ships the classifiers of some runs; returns the exit code."""
  console = Console()
  try:
    for name in names:
      ship(Path(name), console)
  except UserError as error:
    console.error(str(error))
    return error.exit_code
  return 0


if __name__ == "__main__":
  sys.exit(main(sys.argv[1:]))
