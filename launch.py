"""Trains, evaluates, samples, edits, predicts, upscales; `--help` lists fields."""

import shlex
import sys
from pathlib import Path

from absl import app, flags
from ml_collections import ConfigDict, config_flags

from sgae import cli

DEFAULT_CONFIG = str(Path(__file__).parent / "configs" / "digits.py")
MODES = ["train", "evaluate", "sample", "probe", "predict", "export", "compile"]
MODES += ["upscale", "translate", "invert", "edit", "compare"]
flags.DEFINE_string("workdir", "", "Run directory; '': runs/<config name>.")
flags.DEFINE_enum("mode", "train", MODES, "What to do.")
flags.DEFINE_string("output", "", "Where results go; '': workdir.")
flags.DEFINE_integer("num_samples", 0, "Samples beside the grid.")
flags.DEFINE_integer("seed", -1, "Of the samples; -1: the run's.")
flags.DEFINE_string("indices", "", "Which samples, such as 0-9,42.")
flags.DEFINE_string("classes", "", "Of the samples, such as 7 or 0-9x10; '': all.")
flags.DEFINE_string("latents", "", "FILE.npz of latents to make images of.")
flags.DEFINE_integer("step", -1, "Checkpoint to sample; -1: the best or newest.")
flags.DEFINE_float("truncation", 1, "Distance of samples to the mean code; 1: whole.")
flags.DEFINE_bool("raw", False, "Sample the last step's generator, not its average.")
flags.DEFINE_integer(
  "member", -1, "Of a population, to sample, export, probe or apply to images."
)
flags.DEFINE_enum("direction", "AB", ["AB", "BA"], "From which side to which one.")
flags.DEFINE_string("coordinator", "", "host:port of process 0.")
flags.DEFINE_integer("num_processes", 0, "Processes; 0: found out.")
flags.DEFINE_integer("process_id", -1, "Which one this is, from 0.")
FORMATS = ["png", "npz", "saelens"]
flags.DEFINE_enum("format", "png", FORMATS, "Of samples: png, npz; export: saelens.")
flags.DEFINE_string("topology", "", "TPU slice to compile for: v5e:2x4.")
flags.DEFINE_string(
  "images", "", "compile: NxHxWxC, without the data; else the images to read."
)
flags.DEFINE_string("space", "code", "Where images are points: code or latent.")
flags.DEFINE_integer("iterations", 300, "Of the search for the points of images.")
flags.DEFINE_string("set", "", "Latents to change, such as 17=+2,40=0.")
flags.DEFINE_string("towards", "", "Class to edit towards: 8; by 20 latents: 8:20.")
flags.DEFINE_string("transfer", "", "Row of an image, its latents: 3 or 3:17,40-45.")
flags.DEFINE_string("along", "", "Principal direction to edit along: pca:0.")
flags.DEFINE_string("strengths", "0,0.5,1,1.5,2", "Of the edit.")
flags.DEFINE_list("runs", [], "Run directories to compare, split by commas.")
flags.DEFINE_float("target", 0, "Distance to reach; compare: 0 for the lowest.")


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
    fields = cli.fields_of(arguments, DEFAULT_CONFIG)
    cli.say("\n".join(["", "Fields:", *fields]), sys.stdout)
    return 0
  except Exception as error:  # a config file is code and can fail in any way
    said = cli.unknown_field(arguments, DEFAULT_CONFIG) or cli.one_line(error)
    cli.say(f"error: {said} in: {shlex.join(arguments[1:])}; see --help", sys.stderr)
    return 2
  cli.interrupt_on_signals()
  try:
    return cli.run(flags.FLAGS, config, overrides, name)
  except KeyboardInterrupt as interrupt:
    return cli.interrupted(interrupt)


if __name__ == "__main__":
  sys.exit(main(sys.argv))
