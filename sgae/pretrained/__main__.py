"""Takes feature extractors out of run directories into the package.

python -m sgae.pretrained RUN [RUN ...]
"""

import sys
from pathlib import Path

from sgae.data import sources
from sgae.devices.mesh import local_mesh
from sgae.errors import UserError
from sgae.evaluation import feature_extractor
from sgae.methods import METHODS
from sgae.reporting.console import Console
from sgae.runs import directory as run_directory
from sgae.runs.states import read_state


def ship(workdir: Path, console: Console) -> None:
  """Writes the feature extractor of a run to `sgae/pretrained/<data set>.json`, `.npz`.

  One that learnt no labels has its task in the name: `<data set>_rotation.json`.

  Raises:
    UserError: the run has none.
  """
  config = run_directory.stored_config(workdir, {})
  dataset = sources.load(config.data, console.line)
  name, serving = METHODS.providing("extractor")
  image_shape = dataset.train.images.shape[1:]
  restored = None
  if name in config.phases:
    restored = read_state(
      config, workdir, name, image_shape, local_mesh(), console.line
    )
  if restored is None:
    raise UserError(f"{workdir} holds no feature extractor: see configs/{name}.py")
  fields = config[serving.section].to_dict()
  task = serving.task(fields, image_shape)
  stem = dataset.name if task == "labels" else f"{dataset.name}_{task}"
  path = feature_extractor.SHIPPED / f"{stem}.json"
  params = serving.params(restored[1])
  about = feature_extractor.write(path, fields, dataset, params).about
  size = path.with_suffix(".npz").stat().st_size
  console.line(
    f"{path}: {size:,} bytes, test accuracy {about['accuracy']:.2%}, SHA-256 "
    f"{about['sha256']}"
  )


def main(names: list[str]) -> int:
  """Ships the feature extractors of runs; returns the exit code."""
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
