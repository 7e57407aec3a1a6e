"""What launch.py needs before it imports JAX: config files, their errors, signals."""

import signal
import sys
from pathlib import Path
from typing import Any

from ml_collections import config_flags

STORED = str(Path(__file__).parents[1] / "configs" / "stored.py")  # reads JSON


def with_json_config(arguments: list[str]) -> list[str]:
  """Returns arguments in which configs/stored.py reads what --config=FILE.json names.

  Args:
    arguments: of the command line.
  """
  changed: list[str] = []
  for argument in arguments:
    flag, equals, file = argument.rpartition("=")
    named = flag if equals else (changed or [""])[-1]
    if named in ("--config", "-config") and file.endswith(".json"):
      argument = f"{flag}{equals}{STORED}:{file}"
    changed.append(argument)
  return changed


def overrides_and_name(flag: Any) -> tuple[dict[str, Any], str]:
  """Returns fields set by --config.field=value, and the config file's bare name.

  Args:
    flag: `--config`, parsed.

  Raises:
    ValueError: there is no such file.
  """
  named = config_flags.get_config_filename(flag)
  file = named.removeprefix(f"{STORED}:")
  path = Path(file if file != named else file.split(":")[0])
  if not path.exists():
    raise ValueError(f"config file {path} does not exist: see configs/")
  return config_flags.get_override_values(flag), path.stem


def one_line(error: BaseException) -> str:
  """Returns what an error says and its kind, in one line and without a traceback."""
  # a config file's own error stands in the text of the flag's, with its traceback
  while "Traceback" in str(error) and error.__context__ is not None:
    error = error.__context__
  said = f"{error} ({type(error).__name__})".replace("\\n", " ")
  return " ".join(said.split())


def interrupt_on_sigterm() -> None:
  """Lets SIGTERM end a command as Ctrl-C does, wherever no training notes both."""

  def interrupt(number, frame):
    del frame
    raise KeyboardInterrupt(number)

  signal.signal(signal.SIGTERM, interrupt)


def interrupted(interrupt: KeyboardInterrupt) -> int:
  """Says what ended the command, and returns its exit code."""
  number = interrupt.args[0] if interrupt.args else signal.SIGINT
  name = signal.Signals(number).name
  sys.stderr.write(f"error: stopped by {name} while nothing was in training\n")
  sys.stderr.flush()
  if "sgae.devices.processes" in sys.modules:  # else it is alone
    return sys.modules["sgae.devices.processes"].leave(128 + number, together=False)
  return 128 + number
