"""Metrics of a run for Weights & Biases and Trackio, on this machine unless asked.

Both keep their files in the run directory. A tracker that fails gives one warning and
is left out from then on: it is no reason to end a run.
"""

import importlib.util
import os
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from typing import Any, Protocol
from zlib import crc32

from sgae.errors import UserError

TRACKERS = ("wandb", "trackio")  # names of packages, extras and fields of the config


class Tracker(Protocol):
  """Where metrics go besides the run's own files."""

  def write(self, step: int, scalars: Mapping[str, float]) -> None:
    """Takes the finite numbers of one step of a phase, by name."""
    ...

  def close(self) -> None:
    """Writes what is left."""
    ...


class WandbTracker:
  """A run of Weights & Biases; offline unless WANDB_MODE says otherwise."""

  def __init__(self, project: str, name: str, workdir: Path, config: Mapping):
    """Starts the run, or goes on with that of this run directory."""
    import wandb

    workdir.mkdir(parents=True, exist_ok=True)
    self._run = wandb.init(
      project=project,
      name=name,
      id=_id_of(workdir),
      resume="allow",
      dir=str(workdir),  # in which it makes a folder `wandb`
      mode=os.environ.get("WANDB_MODE", "offline"),  # type: ignore[arg-type]
      config=dict(config),
      settings=wandb.Settings(silent=True, console="off", x_disable_stats=True),
    )

  def write(self, step: int, scalars: Mapping[str, float]) -> None:
    """Takes the numbers of one step; each phase counts its steps from 0."""
    self._run.log(_with_step(step, scalars))

  def close(self) -> None:
    """Writes what is left."""
    self._run.finish()


class TrackioTracker:
  """A run of Trackio in a database of the run directory; it opens no port."""

  def __init__(self, project: str, name: str, workdir: Path, config: Mapping):
    """Starts the run, or goes on with that of this run directory."""
    # read when the package is imported
    os.environ["TRACKIO_DIR"] = str(workdir.absolute() / "trackio")
    import trackio

    with redirect_stdout(StringIO()):
      self._run = trackio.init(
        project=project,
        name=name,
        config=dict(config),
        resume="allow",
        embed=False,
        auto_log_cpu=False,
        auto_log_gpu=False,
      )

  def write(self, step: int, scalars: Mapping[str, float]) -> None:
    """Takes the numbers of one step; each phase counts its steps from 0."""
    self._run.log(_with_step(step, scalars))

  def close(self) -> None:
    """Writes what is left."""
    with redirect_stdout(StringIO()):
      self._run.finish()


class Guarded:
  """A tracker whose failure is one warning, after which it is left out."""

  def __init__(self, name: str, open_: Callable[[], Tracker], tell: Callable):
    """Opens it; `tell` shows one line to the user."""
    self._name, self._tell = name, tell
    self._tracker: Tracker | None = None
    self._attempt(lambda: setattr(self, "_tracker", open_()))

  def write(self, step: int, scalars: Mapping[str, float]) -> None:
    """Takes the numbers of one step, unless it has failed before."""
    tracker = self._tracker
    if tracker is not None:
      self._attempt(lambda: tracker.write(step, scalars))

  def close(self) -> None:
    """Writes what is left, unless it has failed before."""
    tracker, self._tracker = self._tracker, None
    if tracker is not None:
      self._attempt(tracker.close)

  def _attempt(self, act: Callable[[], Any]) -> None:
    try:
      act()
    except Exception as error:  # of somebody else's package
      failed, self._tracker = self._tracker, None
      line = (str(error).strip() or type(error).__name__).splitlines()[0][:150]
      self._tell(f"Warning: {self._name} failed ({line}): it gets no more metrics")
      if failed is not None:
        with suppress(Exception):
          failed.close()


_OPEN: dict[str, Callable[..., Tracker]] = {
  "wandb": WandbTracker,
  "trackio": TrackioTracker,
}


def check_trackers(config: Any) -> None:
  """Raises UserError where a tracker is wanted whose package is not installed."""
  for name in TRACKERS:
    if config.logging[name] and importlib.util.find_spec(name) is None:
      raise UserError(
        f"logging.{name}=True, but {name} is not installed: pip install -e '.[{name}]'"
      )


def open_trackers(
  config: Any, workdir: Path, name: str, tell: Callable[[str], None]
) -> list[Guarded]:
  """Opens the trackers that `config.logging` names.

  Args:
    config: validated.
    workdir: the run directory, whose run of a tracker is continued.
    name: of the run.
    tell: shows one line to the user.
  """
  project, fields = config.logging.project, config.to_dict()

  def opening(kind: str) -> Callable[[], Tracker]:
    return lambda: _OPEN[kind](project, name, workdir, fields)

  return [
    Guarded(each, opening(each), tell) for each in TRACKERS if config.logging[each]
  ]


def _id_of(workdir: Path) -> str:
  """Returns the same short name for the same run directory."""
  return f"{workdir.name}-{crc32(str(workdir.absolute()).encode()):08x}"


def _with_step(step: int, scalars: Mapping[str, float]) -> dict[str, float]:
  phases = {name.split("/")[0] for name in scalars if "/" in name}
  return dict(scalars) | {f"{phase}/step": step for phase in phases}
