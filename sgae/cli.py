"""The command line: config files and their errors, signals, and the modes."""

import importlib.util
import itertools
import os
import signal
import sys
from pathlib import Path
from typing import Any, TextIO

from ml_collections import config_flags

from sgae import config_help
from sgae.errors import UserError
from sgae.reporting.stream import LastingStream
from sgae.training.signals import heeded

APPLIED = ("predict", "upscale", "translate")  # modes that apply a run to `--images`
EDITING = ("invert", "edit")  # modes that look for the points of images
OF_RUNS = ("sample", "export", "probe", *APPLIED, *EDITING)  # make files of a run
# Flags that only some modes read; a flag without effect would mislead.
READ_BY = {
  **dict.fromkeys(("num_samples", "indices"), ("sample", "edit")),
  "seed": ("sample", *EDITING),
  **dict.fromkeys(("latents", "step", "truncation", "raw"), ("sample",)),
  "classes": ("sample",),
  "format": ("sample", "export"),
  "member": OF_RUNS,
  "output": ("evaluate", *OF_RUNS),
  "direction": ("translate",),
  "topology": ("compile",),
  **dict.fromkeys(("coordinator", "num_processes", "process_id"), ("train",)),
  "images": ("compile", *APPLIED, *EDITING),
  **dict.fromkeys(("space", "iterations"), EDITING),
  **dict.fromkeys(("set", "towards", "transfer", "along", "strengths"), ("edit",)),
  "runs": ("compare",),
  "target": ("evaluate", "compare"),
}
HINTS = {"seed": "; the seed of training is --config.seed"}

STORED = str(Path(__file__).parents[1] / "configs" / "stored.py")  # reads JSON


def with_json_config(arguments: list[str]) -> list[str]:
  """Returns arguments in which configs/stored.py reads what --config=FILE.json names.

  Args:
    arguments: of the command line.

  Raises:
    ValueError: `--config` names a folder, nothing, or a file that is not there, or
      gives JSON an argument.
  """
  changed: list[str] = []
  for argument in arguments:
    flag, equals, file = argument.rpartition("=")
    named = flag if equals else (changed or [""])[-1]
    if named in ("--config", "-config") and argument != named:
      _check_file(file)
      if file.endswith(".json"):
        argument = f"{flag}{equals}{STORED}:{file}"
    changed.append(argument)
  return changed


def _check_file(file: str) -> None:
  path, colon, _ = file.partition(":")
  if not path:
    raise ValueError("--config names no file: see configs/")
  if Path(path).is_dir():
    raise ValueError(
      f"--config={path} is a folder: name a .py or .json file, such as "
      f"{Path(path) / 'config.json'}"
    )
  if path.endswith(".json") and colon:
    raise ValueError(f"a config in JSON takes no argument: --config={path}")
  if not Path(path).exists():
    raise ValueError(f"config file {path} does not exist: see configs/")


def overrides_and_name(flag: Any) -> tuple[dict[str, Any], str]:
  """Returns fields set by --config.field=value, and the config file's bare name.

  Args:
    flag: `--config`, parsed.
  """
  named = config_flags.get_config_filename(flag)
  file = named.removeprefix(f"{STORED}:")
  path = Path(file if file != named else file.split(":")[0])
  return config_flags.get_override_values(flag), path.stem


def fields_of(arguments: list[str], default: str) -> list[str]:
  """Returns a line for each field of the config that a command line names.

  Args:
    arguments: of the command line.
    default: the config file where none is named.
  """
  return config_help.describe(_config_named(arguments, default).to_dict())


def unknown_field(arguments: list[str], default: str) -> str:
  """Returns which argument names no field, and what to choose from; '' for none."""
  try:
    config = _config_named(arguments, default)
  except Exception:  # of which the caller speaks
    return ""
  return config_help.unknown_field(config.to_dict(), arguments)


def _config_named(arguments: list[str], default: str) -> Any:
  """Returns the config of `--config`, without what other arguments set in it."""
  named = default
  changed = with_json_config(arguments)
  for argument, following in itertools.pairwise([*changed, ""]):
    flag, equals, value = argument.lstrip("-").partition("=")
    if flag == "config":
      named = value if equals else following
  file, _, arg = named.partition(":")
  spec = importlib.util.spec_from_file_location("config_named", file)
  if spec is None or spec.loader is None:
    raise ValueError(f"config file {file} cannot be read")
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module.get_config(*[arg] if arg else [])


def one_line(error: BaseException) -> str:
  """Returns what an error says and its kind, in one line and without a traceback."""
  # a config file's own error stands in the text of the flag's, with its traceback
  while "Traceback" in str(error) and error.__context__ is not None:
    error = error.__context__
  said = f"{error} ({type(error).__name__})".replace("\\n", " ")
  return " ".join(said.split())


def say(text: str, stream: TextIO) -> None:
  """Writes a line to a standard stream; one that is closed is no error."""
  lasting = LastingStream(stream)
  lasting.write(f"{text}\n")
  lasting.flush()


def interrupt_on_signals() -> None:
  """Lets SIGTERM and SIGHUP end a command as Ctrl-C does, where no training notes them.

  Python has made SIGINT an interrupt already, unless it is ignored.
  """

  def interrupt(number, frame):
    del frame
    raise KeyboardInterrupt(number)

  for number in heeded():
    if number != signal.SIGINT:
      signal.signal(number, interrupt)


def interrupted(interrupt: KeyboardInterrupt) -> int:
  """Says what ended the command, and returns its exit code."""
  number = interrupt.args[0] if interrupt.args else signal.SIGINT
  name = signal.Signals(number).name
  say(f"error: stopped by {name} while nothing was in training", sys.stderr)
  if "sgae.devices.processes" in sys.modules:  # else it is alone
    return sys.modules["sgae.devices.processes"].leave(128 + number, together=False)
  return 128 + number


def check_flags(flags: Any) -> None:
  """Refuses a flag that the mode does not read.

  Raises:
    UserError: one is given.
  """
  for name, modes in READ_BY.items():
    if flags[name].present and flags.mode not in modes:
      raise UserError(
        f"--{name} is not read by --mode={flags.mode}: leave it out, or choose --mode="
        f"{' or '.join(modes)}{HINTS.get(name, '')}"
      )


def _refuse_config(flags: Any, overrides: dict[str, Any]) -> None:
  given = [f"config.{field}" for field in overrides]
  given += ["config"] if flags["config"].present else []
  if given:
    raise UserError(
      f"--{given[0]} is not read by --mode=compare, whose runs have configs of their "
      "own: leave it out"
    )


def _say_what_differs(flags: Any, config: Any, workdir: Path, output: Any) -> None:
  """Says in which fields of the experiment a run that is read is not `--config`."""
  if flags.mode in ("train", "compare") or not flags["config"].present:
    return
  from sgae.config import changed_fields, validate
  from sgae.runs import directory

  try:
    stored, asked = directory.read(workdir)["config"], validate(config)
  except UserError:  # no run, of which the mode speaks; or `--config` has gaps
    return
  if changed := changed_fields(stored, asked):
    first, others = changed[0], len(changed) - 1
    more = f", and {others:,} more" if others else ""
    output.line(
      f"{workdir} holds another experiment than --config ({first}{more}): its own "
      "config is used"
    )


def run(flags: Any, config: Any, overrides: dict[str, Any], name: str) -> int:
  """Hands over to the mode; JAX is imported only now, when the flags are right.

  Args:
    flags: of launch.py.
    config: of `--config`, with its overrides.
    overrides: fields set by --config.field=value.
    name: of the config, for the default run directory.

  Returns:
    The exit code.
  """
  from sgae import errors
  from sgae.aot import compile
  from sgae.config import validate
  from sgae.devices import processes
  from sgae.evaluation.choice import Choice
  from sgae.evaluation.evaluate import evaluate_run
  from sgae.evaluation.probe import probe_run
  from sgae.evaluation.sample import sample_run
  from sgae.methods import views
  from sgae.reporting import console
  from sgae.runs.compare_directories import compare_runs
  from sgae.runs.export import export_run
  from sgae.runs.layouts import export_layout
  from sgae.training.run import train

  output = console.Console()
  workdir = Path(os.path.expanduser(flags.workdir or f"runs/{name}"))
  elsewhere = Path(os.path.expanduser(flags.output)) if flags.output else None
  try:
    check_flags(flags)
    if flags.mode == "compile":  # touches no device here
      return compile.compile_for(validate(config), flags.topology, flags.images)
    _say_what_differs(flags, config, workdir, output)
    if flags.mode == "train":
      processes.join(flags.coordinator, flags.num_processes, flags.process_id)
      train(validate(config), workdir, output)
    elif flags.mode == "evaluate":
      evaluate_run(workdir, overrides, output, flags.target, elsewhere)
    elif flags.mode == "probe":
      probe_run(workdir, overrides, output, flags.member, elsewhere)
    elif flags.mode in APPLIED:
      _apply(flags, workdir, overrides, output, elsewhere)
    elif flags.mode in EDITING:
      _edit(flags, workdir, overrides, output, elsewhere)
    elif flags.mode == "export":
      if flags["format"].present:
        name, member = flags.format, flags.member
        export_layout(workdir, overrides, output, name, member, elsewhere)
      else:
        export_run(workdir, overrides, output, flags.member, elsewhere)
    elif flags.mode == "compare":
      _refuse_config(flags, overrides)
      followed, traded = views.selects_by(), views.fronts()
      compare_runs(flags.runs, flags.target, flags.workdir, output, followed, traded)
    else:
      count, format = flags.num_samples, flags.format
      chosen = _asked(flags, Choice)
      member = flags.member
      sample_run(workdir, overrides, count, format, output, member, chosen, elsewhere)
  except (errors.UserError, errors.TrainingDiverged, errors.StoppedBySignal) as error:
    output.error(str(error))
    return processes.leave(error.exit_code, together=error.exit_code != 2)
  return processes.leave(0, together=True)


def _asked(flags: Any, kind: Any) -> Any:
  """Returns what the flags say of a tuple whose fields are named like them."""
  return kind(*(flags[field].value for field in kind._fields))


def _apply(
  flags: Any, workdir: Path, overrides: dict[str, Any], output: Any, elsewhere: Any
) -> None:
  """Applies a run to the images of `--images`; arguments as the modes' functions."""
  from sgae.evaluation.image_to_image import image_to_image_run
  from sgae.evaluation.predict import predict_run

  images, member = flags.images, flags.member
  if flags.mode == "predict":
    predict_run(workdir, overrides, images, output, member, elsewhere)
    return
  function = ""
  if flags.mode == "translate":
    function = f"translate_{flags.direction.lower()}"
  image_to_image_run(
    workdir,
    overrides,
    flags.mode,
    images,
    output,
    member,
    elsewhere,
    function,
    second=function.endswith("ba"),
  )


def _edit(
  flags: Any, workdir: Path, overrides: dict[str, Any], output: Any, elsewhere: Any
) -> None:
  """Hands over to the mode that looks for the points of images, or edits them."""
  from sgae.editing.choice import EditChoice, InvertChoice
  from sgae.editing.edit import edit_run
  from sgae.editing.invert import invert_run

  if flags.mode == "invert":
    choice = _asked(flags, InvertChoice)
    invert_run(workdir, overrides, choice, output, flags.member, elsewhere)
  else:
    choice = _asked(flags, EditChoice)
    edit_run(workdir, overrides, choice, output, flags.member, elsewhere)
