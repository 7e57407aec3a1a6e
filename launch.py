"""Command line: `python launch.py [--config=FILE] [--workdir=DIR] [--mode=MODE]`."""

import sys
from pathlib import Path
from typing import Any

from absl import flags
from ml_collections import config_flags

DEFAULT_CONFIG = str(Path(__file__).parent / "configs" / "digits.py")
MODES = ["train", "evaluate", "sample"]
_WORKDIR = flags.DEFINE_string("workdir", "", "Run directory; '': runs/<config name>.")
_MODE = flags.DEFINE_enum("mode", "train", MODES, "What to do.")
_NUM_SAMPLES = flags.DEFINE_integer("num_samples", 0, "Samples beside the grid.")
_FORMAT = flags.DEFINE_enum("format", "png", ["png", "npz"], "Format of the samples.")


def read_flags(arguments: list[str]) -> Any:
  """Parses the command line and returns the config; any failure is the user's."""
  holder = config_flags.DEFINE_config_file(
    "config", DEFAULT_CONFIG, "Config file; fields as --config.field=value."
  )
  rest = flags.FLAGS(arguments)
  if len(rest) > 1:
    raise ValueError(f"unexpected argument {rest[1]!r}: flags begin with --")
  path = Path(config_flags.get_config_filename(flags.FLAGS["config"]).split(":")[0])
  if not path.exists():
    raise ValueError(f"config file {path} does not exist: see configs/")
  _ = holder.value.seed  # a config file that could not be read says so on first use
  return holder.value


def main(arguments: list[str]) -> int:
  """Runs one command and returns its exit code."""
  try:
    config = read_flags(arguments)
  except Exception as error:  # a config file is code and can fail in any way
    message = " ".join(str(error).replace("\\n", " ").split())
    given = " ".join(arguments[1:])
    sys.stderr.write(
      f"error: {message} ({type(error).__name__}) in: {given}; see --help\n"
    )
    return 2

  from sgae import inspection, runner
  from sgae.config import validate
  from sgae.errors import StoppedBySignal, TrainingDiverged, UserError
  from sgae.reporting.console import Console

  console = Console()
  name = Path(config_flags.get_config_filename(flags.FLAGS["config"])).stem
  workdir = Path(_WORKDIR.value or Path("runs") / name)
  try:
    if _MODE.value == "train":
      runner.train(validate(config), workdir, console)
    elif _MODE.value == "evaluate":
      inspection.evaluate(workdir, console)
    else:
      inspection.sample(workdir, _NUM_SAMPLES.value, _FORMAT.value, console)
  except (UserError, TrainingDiverged, StoppedBySignal) as error:
    console.error(str(error))
    return error.exit_code
  except KeyboardInterrupt:
    console.error("stopped by SIGINT while nothing was in training")
    return 130
  return 0


if __name__ == "__main__":
  sys.exit(main(sys.argv))
