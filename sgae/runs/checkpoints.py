"""Checkpoints of a run, by orbax: save, restore, check. One folder for each phase."""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp
from etils import epath

from sgae import randomness
from sgae.errors import UserError
from sgae.methods import METHODS
from sgae.runs import checksums
from sgae.runs.orbax_noise import silence_failed_saves


def checkpoints_of(config: Any, workdir: Path, phase: str) -> "Checkpoints":
  """Returns the checkpoints of one phase of a run."""
  root = config.checkpoint.directory or workdir
  return Checkpoints(
    f"{root}/{phase}/checkpoints", config.checkpoint.keep, METHODS[phase].stored_as
  )


def best_of(config: Any, workdir: Path, phase: str) -> "Checkpoints":
  """Returns the checkpoint of the best state of a phase."""
  root = config.checkpoint.directory or workdir
  return Checkpoints(f"{root}/{phase}/best", 1, METHODS[phase].stored_as)


def keeps_best(config: Any, phase: str) -> bool:
  """Says whether the best state of a phase is kept, besides the newest ones."""
  return METHODS[phase].selects_by is not None and config.evaluation.keep_best


def none_whole(faults: list[str]) -> UserError:
  """Returns the error for a phase whose checkpoints are all damaged."""
  return UserError(
    f"all checkpoints are damaged: {', '.join(faults)}; restore one from a backup, or "
    "move them out of their folder to train the phase again"
  )


class Checkpoints:
  """Checkpoints of one phase, saved in the background."""

  def __init__(
    self,
    directory: Path | str,
    keep: int,
    stored_as: Mapping[str, str] | None = None,
  ):
    """Opens a folder; the first save creates it.

    Args:
      directory: a local path, or a remote one such as gs://bucket/run.
      keep: number of newest checkpoints to keep.
      stored_as: field of the state -> its name on disk, where the two differ.
    """
    self._stored_as = dict(stored_as or {})
    self._remote = "://" in str(directory)
    place = directory if self._remote else Path(directory).absolute()
    self._directory = epath.Path(place)
    self._keep = keep
    self._opened: ocp.CheckpointManager | None = None
    self._newest: int | None = None  # newest step that is saved
    self._saving: int | None = None  # step that is being saved, or that was saved last
    self._damaged: list[str] = []  # names of damaged folders newer than `_newest`

  def listing(self) -> list[str]:
    """Returns the names in the folder, sorted, without opening a checkpoint.

    Raises:
      UserError: the folder cannot be read.
    """
    with self._readable(self._directory):
      if not self._directory.exists():
        return []
      return sorted(path.name for path in self._directory.iterdir())

  def latest_step(self) -> int | None:
    """Returns the step of the newest checkpoint, as orbax sees it, or None.

    Raises:
      UserError: the folder cannot be read.
    """
    with self._readable(self._directory):
      if not self._directory.exists():
        return None
      self._newest = self._manager().latest_step()
      return self._newest

  def newest_whole(self) -> tuple[int | None, list[str]]:
    """Finds the newest checkpoint that is not damaged.

    Checkpoints in a bucket are not checked: the bucket has its own checksums.

    Returns:
      (its step, the damage of each newer one); the step is None if there is none.

    Raises:
      UserError: the folder cannot be read.
    """
    if self._remote:
      return self.latest_step(), []
    steps = self.steps()[::-1]
    folders = [Path(self._directory / str(step)) for step in steps]
    self._damaged, damage_lines = [], []
    # If none has checksums, an older version wrote them all: nothing can be checked.
    checked = any(map(checksums.has_checksums, folders))
    for step, folder in zip(steps, folders, strict=True):
      damage = checksums.find_damage(folder) if checked else None
      if damage is None:
        self._newest = step
        return step, damage_lines
      self._damaged.append(folder.name)
      damage_lines.append(f"checkpoint {folder} is damaged ({damage})")
    return None, damage_lines

  def steps(self) -> list[int]:
    """Returns the steps in the folder, sorted; a checkpoint of one may be damaged.

    Raises:
      UserError: the folder cannot be read.
    """
    return sorted(int(name) for name in self.listing() if re.fullmatch("[0-9]+", name))

  def damage_of(self, step: int) -> str | None:
    """Returns how the checkpoint of a step is damaged, in words; None if it is not."""
    folder = Path(self._directory / str(step))
    if self._remote or not checksums.has_checksums(folder):
      return None
    damage = checksums.find_damage(folder)
    return damage and f"checkpoint {folder} is damaged ({damage})"

  def set_aside(self) -> None:
    """Renames the damaged checkpoints from `newest_whole`, to save their steps again.

    Raises:
      UserError: the folder cannot be written.
    """
    for name in self._damaged:
      count, target = 1, self._directory / f"{name}.damaged"
      while target.exists():
        count += 1
        target = self._directory / f"{name}.damaged-{count}"
      with self._written():
        (self._directory / name).rename(target)

  def save(self, step: int, state: Any) -> None:
    """Begins to save; the state may be donated as soon as this returns.

    Raises:
      UserError: this save or the one before it fails.
    """
    if step == self._newest:
      return
    # Copied: on a CPU, orbax would read buffers while the next step overwrites them.
    copy = self._as_stored(jax.tree.map(_copied, state))
    with self._written():
      self._directory.mkdir(parents=True, exist_ok=True)
      manager = self._manager()
      manager.wait_until_finished()
      self._add_late_checksums()
      self._saving = step
      manager.save(step, args=ocp.args.StandardSave(copy))
    self._newest = step

  def forget_after(self, step: int) -> None:
    """Deletes the checkpoints after a step, from which the run continues."""
    latest = self.latest_step()
    while latest is not None and latest > step:
      with self._written():
        self._manager().delete(latest)
      latest = self.latest_step()

  def restore(self, step: int, template: Any) -> Any:
    """Returns the state saved at `step`.

    Args:
      step: a step that `latest_step` named.
      template: shapes of the state, with shardings; see `template_on`.

    Raises:
      UserError: the checkpoint is damaged or has another structure.
    """
    target = self._as_stored(jax.tree.map(_bare_shape, template))
    with self._readable(self._directory / str(step)):
      stored: Any = self._manager().restore(step, args=ocp.args.StandardRestore(target))
    names = {name: self._stored_as.get(name, name) for name in fields_of(template)}
    state = template.replace(
      **{name: stored[stored_name] for name, stored_name in names.items()}
    )
    return jax.tree.map(_as_wanted, template, state)

  def _as_stored(self, state: Any) -> dict[str, Any]:
    """Returns the fields of a state by their names on disk."""
    return {
      self._stored_as.get(name, name): getattr(state, name) for name in fields_of(state)
    }

  def close(self) -> None:
    """Waits until everything is on disk.

    Raises:
      UserError: a save fails.
    """
    if self._opened is not None:
      opened, self._opened = self._opened, None
      with self._written():
        try:
          opened.wait_until_finished()
          self._add_late_checksums()
        finally:
          opened.close()

  @contextmanager
  def _readable(self, path: epath.Path) -> Iterator[None]:
    try:
      yield
    except Exception as error:  # orbax raises many kinds for a damaged folder
      raise UserError(
        f"checkpoint {path} cannot be read ({_reason(error)}): make it readable, move "
        "it away to continue from the one before, or choose another --workdir"
      ) from error

  @contextmanager
  def _written(self) -> Iterator[None]:
    try:
      yield
    except Exception as error:  # orbax wraps a full disk in errors of many kinds
      raise UserError(
        f"cannot save to {self._directory} ({_reason(error)}): free some space or make "
        "it writable, then run the same command again"
      ) from error

  def _manager(self) -> ocp.CheckpointManager:
    if self._opened is None:
      silence_failed_saves()
      self._opened = ocp.CheckpointManager(
        self._directory,
        options=ocp.CheckpointManagerOptions(
          max_to_keep=self._keep,
          async_options=ocp.options.AsyncOptions(
            post_finalization_callback=self._write_checksums
          ),
        ),
      )
    return self._opened

  def _write_checksums(self) -> None:
    """Writes checksums of the saved files; then orbax gives the folder its name."""
    if self._remote or jax.process_index():
      return
    for path in self._directory.glob(f"{self._saving}.orbax-checkpoint-tmp*"):
      checksums.write_checksums(Path(path))

  def _add_late_checksums(self) -> None:
    if self._saving is not None and not self._remote and not jax.process_index():
      checksums.add_late_checksums(Path(self._directory / str(self._saving)))


def _copied(leaf: jax.Array) -> jax.Array:
  return jnp.copy(jax.random.key_data(leaf) if randomness.is_key(leaf) else leaf)


def _as_wanted(wanted: jax.ShapeDtypeStruct, leaf: jax.Array) -> jax.Array:
  """Returns a stored leaf as the template has it: the data of a key as a key."""
  return jax.random.wrap_key_data(leaf) if randomness.is_key(wanted) else leaf


def _bare_shape(leaf: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
  """Returns the shape of a leaf as it is stored: of a key, that of its data."""
  if not randomness.is_key(leaf):
    return leaf
  data = jax.eval_shape(jax.random.key_data, leaf)
  return jax.ShapeDtypeStruct(data.shape, data.dtype, sharding=leaf.sharding)


def fields_of(state: Any) -> list[str]:
  """Returns the names of the fields of a state; one that is None is not in use."""
  names = [field.name for field in dataclasses.fields(state)]
  return [name for name in names if getattr(state, name) is not None]


def _reason(error: Exception) -> str:
  line = str(error).strip().split("\n")[0][:200]
  return f"{type(error).__name__}: {line}"
