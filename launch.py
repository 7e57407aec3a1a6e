"""Trains, evaluates, samples, compiles, compares, exports; fields: see configs/."""

import sys
from pathlib import Path

from absl import app, flags
from ml_collections import ConfigDict, config_flags

from sgae import cli

DEFAULT_CONFIG = str(Path(__file__).parent / "configs" / "digits.py")
MODES = ["train", "evaluate", "sample", "compile", "compare", "export"]
_WORKDIR = flags.DEFINE_string("workdir", "", "Run directory; '': runs/<config name>.")
_MODE = flags.DEFINE_enum("mode", "train", MODES, "What to do.")
_NUM_SAMPLES = flags.DEFINE_integer("num_samples", 0, "Samples beside the grid.")
_COORDINATOR = flags.DEFINE_string("coordinator", "", "host:port of process 0.")
_PROCESSES = flags.DEFINE_integer("num_processes", 0, "Processes; 0: found out.")
_PROCESS_ID = flags.DEFINE_integer("process_id", -1, "Which one this is, from 0.")
_FORMAT = flags.DEFINE_enum("format", "png", ["png", "npz"], "Format of the samples.")
_TOPOLOGY = flags.DEFINE_string("topology", "", "TPU slice to compile for: v5e:2x4.")
_IMAGES = flags.DEFINE_string("images", "", "NxHxWxC to compile for, without the data.")
_RUNS = flags.DEFINE_list("runs", [], "Run directories to compare, split by commas.")
_TARGET = flags.DEFINE_float("target", 0, "Frechet distance to reach; 0: see README.")


def read_flags(arguments: list[str]) -> tuple[ConfigDict, dict, str]:
  """Parses the command line: (config, fields set by --config.field=value, its name)."""
  holder = config_flags.DEFINE_config_file("config", DEFAULT_CONFIG, "Config file.")
  app.define_help_flags()
  if rest := flags.FLAGS(cli.with_json_config(arguments))[1:]:
    raise ValueError(f"unexpected argument {rest[0]!r}: flags begin with --")
  return holder.value, *cli.overrides_and_name(flags.FLAGS["config"])


def main(arguments: list[str]) -> int:
  """Runs one command and returns its exit code."""
  try:
    config, overrides, name = read_flags(arguments)
  except SystemExit:  # --help
    return 0
  except Exception as error:  # a config file is code and can fail in any way
    said = cli.one_line(error)
    sys.stderr.write(f"error: {said} in: {' '.join(arguments[1:])}; see --help\n")
    return 2
  cli.interrupt_on_sigterm()
  try:
    return run(config, overrides, name)
  except KeyboardInterrupt as interrupt:
    return cli.interrupted(interrupt)


def run(config: ConfigDict, overrides: dict, name: str) -> int:
  """Hands over to the mode; JAX is imported only now, when the flags are right."""
  from sgae import errors
  from sgae.aot import compile
  from sgae.config import validate
  from sgae.devices import processes
  from sgae.evaluation.evaluate import evaluate_run
  from sgae.evaluation.sample import sample_run
  from sgae.methods import views
  from sgae.reporting import comparison, console
  from sgae.runs.export import export_run
  from sgae.training.run import train

  output = console.Console()
  workdir = Path(_WORKDIR.value or Path("runs") / name).expanduser()
  try:
    if _MODE.value == "compile":  # touches no device here
      return compile.compile_for(validate(config), _TOPOLOGY.value, _IMAGES.value)
    if _MODE.value == "train":
      processes.join(_COORDINATOR.value, _PROCESSES.value, _PROCESS_ID.value)
      train(validate(config), workdir, output)
    elif _MODE.value == "evaluate":
      evaluate_run(workdir, overrides, output)
    elif _MODE.value == "export":
      export_run(workdir, overrides, output)
    elif _MODE.value == "compare":
      comparison.compare_runs(
        _RUNS.value, _TARGET.value, _WORKDIR.value, output, views.selects_by()
      )
    else:
      sample_run(workdir, overrides, _NUM_SAMPLES.value, _FORMAT.value, output)
  except (errors.UserError, errors.TrainingDiverged, errors.StoppedBySignal) as error:
    output.error(str(error))
    return processes.leave(error.exit_code, together=error.exit_code != 2)
  return processes.leave(0, together=True)


if __name__ == "__main__":
  sys.exit(main(sys.argv))
