"""The run directory: its config.json, and the lock that keeps other runs out."""

import fcntl
import json
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sgae.config import (
  changed_fields,
  complete,
  replaced_fields,
  validate,
  with_absolute_places,
)
from sgae.data import fingerprint
from sgae.data.dataset import Dataset
from sgae.data.holdout import is_held_out
from sgae.errors import UserError
from sgae.methods.population import Member
from sgae.reporting.files import (
  PARTIAL,
  explained,
  member_folder,
  require_writable,
  write_json,
)

FILE_NAME = "config.json"
LOCK_NAME = ".lock"
PACKAGES = ("sgae", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


def check(workdir: Path, config: Any) -> dict[str, Any] | None:
  """Checks that a directory is free for an experiment, or holds it already.

  Args:
    workdir: the run directory.
    config: the resolved config.

  Returns:
    What `read` returns if the directory holds this experiment; None if it is missing or
    empty.

  Raises:
    UserError: it holds another experiment, or files that are not of a run.
  """
  with explained(workdir):
    names = sorted(path.name for path in workdir.iterdir()) if workdir.exists() else []
  if FILE_NAME in names:
    stored = read(workdir)
    changed = changed_fields(stored["config"], config)
    if changed:
      raise UserError(
        f"{workdir} holds another experiment ({'; '.join(changed[:3])}): set these "
        "fields back, or choose another --workdir; there --config.start_from="
        f"{shlex.quote(str(workdir))} begins with the weights of this run"
      )
    return stored
  others = [name for name in names if name != LOCK_NAME]
  if others:
    raise UserError(
      f"{workdir} holds files that are not of a run ({', '.join(others[:3])}): choose "
      "another --workdir, or empty it"
    )
  return None


@contextmanager
def claimed(
  workdir: Path, config: Any, leader: bool
) -> Iterator[dict[str, Any] | None]:
  """Creates the directory if needed, and locks it inside the block.

  Args:
    workdir: the run directory.
    config: the resolved config.
    leader: whether this process writes; other processes of the run only read.

  Returns:
    A context manager that gives what `check` returns.

  Raises:
    UserError: as for `check`; or another process trains in it, or it cannot be written.
  """
  if not leader:
    yield check(workdir, config)
    return
  with explained(workdir):
    workdir.mkdir(parents=True, exist_ok=True)
    lock = open(workdir / LOCK_NAME, "a")  # noqa: SIM115 (closed below)
  with lock:
    try:
      # the system releases it however the process ends, so that no stale lock is left
      fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
      raise UserError(
        f"another process trains in {workdir}: wait for it, or choose another --workdir"
      ) from error
    stored = check(workdir, config)
    with explained(workdir):  # left by runs that were killed while writing a file
      for path in workdir.rglob(PARTIAL):
        path.unlink(missing_ok=True)
    yield stored


def check_data(
  workdir: Path,
  config: Any,
  stored: dict[str, Any],
  found: dict[str, Any],
  warn: Callable[[str], None],
) -> None:
  """Checks that the data are those that the run was started on, wherever they lie.

  Args:
    workdir: the run directory.
    config: validated; with `data.allow_changed` a difference is said and no error.
    stored: what `read` returns. Runs of versions that stored no fingerprint go on.
    found: the fingerprint of the data.
    warn: shows one line to the user.

  Raises:
    UserError: they differ.
  """
  changes = fingerprint.differences(stored.get("data", {}), found)
  if not changes:
    return
  what = f"the data are not those that {workdir} was started on ({'; '.join(changes)})"
  if not config.data.allow_changed:
    raise UserError(
      f"{what}: name the place of the same data, by --config.data.path or "
      "--config.data.directory, of a second side by those of --config.data.second, or "
      "choose another --workdir; --config.data.allow_changed=True goes on all the same"
    )
  warn(f"Warning: {what}; data.allow_changed goes on with them")


def write(
  workdir: Path,
  config: Any,
  data: dict[str, Any],
  data_read: str,
  devices: str,
  stored: dict[str, Any] | None,
) -> None:
  """Writes config.json: the config, what the data are, and versions of all packages.

  Places in the config are stored as absolute paths.

  Args:
    workdir: the run directory.
    config: the resolved config.
    data: the fingerprint of the data.
    data_read: what was read and what was not, from `reading.describe_data`.
    devices: a description of the devices.
    stored: from `check`; this environment is added to its list of environments.
  """
  environment = {name: version(name) for name in PACKAGES} | {"devices": devices}
  environments = stored["environments"] if stored else []
  if environment not in environments[-1:]:
    environments = [*environments, environment]
  record = {
    "config": with_absolute_places(config.to_dict()),
    "data": data,
    "environments": environments,
    "image_shape": data["train"][1:],
    "data_read": data_read,
  }
  write_json(workdir / FILE_NAME, record)


def read(workdir: Path) -> dict[str, Any]:
  """Returns the content of config.json, as `write` stored it.

  Raises:
    UserError: there is no run in the directory, or the file is damaged.
  """
  path = workdir / FILE_NAME
  with explained(path):
    if not path.exists():
      raise UserError(
        f"{workdir} holds no run ({FILE_NAME} is missing): train first, or set "
        "--workdir to a run directory"
      )
    text = path.read_bytes()
  try:
    match json.loads(text):
      case {"config": dict(), "environments": list(), "image_shape": [*_]} as record:
        return record
    raise ValueError("fields are missing")
  except ValueError as error:
    raise UserError(
      f"{path} is damaged ({error}): restore it, or choose another --workdir"
    ) from error


def results_place(workdir: Path, output: Path | None, member: Member | None) -> Path:
  """Makes and returns the directory that the results of a mode go to.

  Args:
    workdir: the run directory.
    output: what the user gave in place of it, or None.
    member: of a population, whose results have a folder of their own; else None.

  Raises:
    UserError: it cannot be made, or not be written.
  """
  number = None if member is None else member.number
  place = member_folder(output or workdir, number)
  require_writable(place)
  return place


def older_split(stored: dict[str, Any], dataset: Dataset) -> str:
  """Returns a warning if a run was trained with an older rule of the test split, or ''.

  Args:
    stored: from `read`.
    dataset: the data as they are split now.
  """
  if "data_read" in stored or not is_held_out(dataset.read.split):
    return ""
  return (
    f"Warning: this run is older than the rule that now makes the test split of "
    f"{dataset.name}, so that it was trained on some of today's test images: its "
    "figures are too good; train again for others"
  )


def stored_config(
  workdir: Path,
  overrides: dict[str, Any],
  report: Callable[[str], None] | None = None,
) -> Any:
  """Returns the validated config of the run in a directory.

  Args:
    workdir: the run directory.
    overrides: values of fields that replace the stored ones, {'a.b': value}.
    report: shows one line to the user, for each field that is another one now.
  """
  stored = read(workdir)["config"]
  config = complete(stored)
  if report is not None:
    for line in replaced_fields(stored):
      report(line)
  config.update_from_flattened_dict(overrides)
  return validate(config)
