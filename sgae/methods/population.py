"""Populations: many seeds and settings of one method, trained in one program.

A member is what a single run of its seed and settings would be: it sees the same
examples and noise. `jax.vmap` of the method's own step trains all of them.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from ml_collections import ConfigDict, FrozenConfigDict

from sgae import randomness
from sgae.devices.mesh import local_mesh, make_mesh
from sgae.errors import MemberDiverged, UserError
from sgae.methods import METHODS
from sgae.methods.augmenting import augmenting
from sgae.methods.method import Program
from sgae.methods.sweeps import is_read


class Member(NamedTuple):
  """One member: its number from 0, its seed, and its values of the varied fields."""

  number: int
  seed: int
  settings: Mapping[str, float]

  def describe(self) -> str:
    """Returns the member in words: `member 3 (seed 1, gan.ema_decay=0.99)`."""
    parts = [f"seed {self.seed}"]
    parts += [f"{field}={value:g}" for field, value in self.settings.items()]
    return f"member {self.number} ({', '.join(parts)})"

  def fields(self) -> dict[str, float]:
    """Returns what each of its records says of it."""
    return {"member": self.number, "seed": self.seed, **self.settings}


class PopulationState(struct.PyTreeNode):
  """State of a population.

  Attributes:
    members: a method's state whose leaves have a leading axis of M members.
    failed_at: int32 [M], the step at which a metric of the member was not finite; 0:
      never. From there on the member is frozen as it was before that step.
  """

  members: Any
  failed_at: jax.Array

  @property
  def step(self) -> jax.Array:
    """Steps done, of the member that has come furthest."""
    return self.members.step.max()


def members_of(config: Any) -> tuple[Member, ...]:
  """Returns the members of a config's population, () for a single run.

  Every combination of the varied values comes with every seed, the seeds fastest.

  Args:
    config: `population.seeds` and `population.vary` are read, see base_config.py.

  Raises:
    UserError: an entry of `population.vary` cannot be read.
  """
  population = config.population
  varied = [_parsed(entry) for entry in population.vary]
  if population.seeds == 1 and not varied:
    return ()
  names = [name for fields, _ in varied for name in fields]
  for name in names:
    if names.count(name) > 1:
      raise UserError(
        f"population.vary={tuple(population.vary)} names {name} twice, and a member "
        "has one value of it: name each field once"
      )
  combinations = itertools.product(*[values for _, values in varied])
  found = []
  for combination in combinations:
    settings = {
      field: value
      for (fields, _), value in zip(varied, combination, strict=True)
      for field in fields
    }
    for seed in range(config.seed, config.seed + population.seeds):
      found.append(Member(len(found), seed, settings))
  return tuple(found)


def config_of(config: Any, member: Member) -> Any:
  """Returns the config of the single run that a member is."""
  own: Any = ConfigDict(config.to_dict())
  own.seed = member.seed
  own.population.update(seeds=1, vary=())
  own.update_from_flattened_dict(dict(member.settings))
  return FrozenConfigDict(own)


def check(config: Any) -> None:
  """Refuses a population that cannot be trained in one program.

  Raises:
    UserError: a field is unknown, or is no number that a step reads from its state, or
      a method refuses one of its values.
  """
  members = members_of(config)
  if not members:
    return
  if members[-1].seed >= 2**32:
    raise UserError(
      f"population.seeds={config.population.seeds} goes beyond the largest seed, "
      f"2**32 - 1, from seed={config.seed} on: choose a smaller one of either"
    )
  known = swept_fields(config)
  for field in members[0].settings:
    if field not in known:
      raise UserError(
        f"population.vary names {field}, which cannot vary in one program: choose from "
        f"{', '.join(sorted(known))}"
      )
  if config.parallel.mode == "pmap":
    raise UserError(
      "parallel.mode='pmap' is not for a population: choose 'jit' or 'shard_map'"
    )
  for member in members:
    if member.seed == config.seed:  # the other seeds have the same settings
      own = config_of(config, member)
      for name in config.phases:
        METHODS[name].check(own)


def swept_fields(config: Any) -> set[str]:
  """Returns the fields that may vary among the members of a population."""
  return {field for name in config.phases for field in METHODS[name].swept}


def build(
  name: str,
  config: Any,
  image_shape: tuple[int, ...],
  mean_image: np.ndarray | None = None,
) -> Program:
  """Returns the program of a method, of all members where the config has several.

  Its step augments the images as `data.augment` says; that of `Method.build` does not.
  Of several members, its state is then a `PopulationState`; a batch has images
  [M, ..., B, H, W, C], and each metric is [M]. `functions` and `sampling` take the
  state of one member.

  Args:
    name: of the method.
    config: validated.
    image_shape, mean_image: as for `Method.build`.
  """
  method, members = METHODS[name], members_of(config)
  one = build_one(name, config, image_shape, mean_image)
  single = augmenting(one, name, config.data.augment)
  if not members:
    return single
  settings = _settings_of(members)
  own = {field: values for field, values in settings.items() if field in method.swept}

  def init(key, settings=single.settings, inherited=None) -> PopulationState:
    del key  # each member has that of its seed
    keys = jnp.stack([randomness.root_key(member.seed) for member in members])

    def put_own(states):
      for field, values in own.items():
        states = method.swept[field](states, jnp.asarray(values))
      return states

    def init_one(key, settings, branches):
      return single.init(key, settings, branches)

    def start(settings_m, axis):
      init_all = jax.vmap(init_one, in_axes=(0, axis, 0))
      return put_own(init_all(keys, settings_m, inherited or {}))

    states = start(settings, None)
    if own:  # parameters may start from the numbers that differ
      states = start(states.settings, 0)
    return PopulationState(states, jnp.zeros(len(members), jnp.int32))

  return single._replace(
    init=init, step=_make_step(single), members=tuple(m.seed for m in members)
  )


def build_one(
  name: str,
  config: Any,
  image_shape: tuple[int, ...],
  mean_image: np.ndarray | None = None,
) -> Program:
  """Returns the program for the state of one member, or single run; args of `build`."""
  largest: Any = ConfigDict(config.to_dict())
  # a weight of 0 leaves its term out of the program: the largest value keeps it in
  for field, values in _settings_of(members_of(config)).items():
    largest.update_from_flattened_dict({field: float(values.max())})
  return METHODS[name].build(FrozenConfigDict(largest), image_shape, mean_image)


def _settings_of(members: Sequence[Member]) -> dict[str, np.ndarray]:
  """Returns the values of each field that varies, float32 [M]."""
  return {
    field: np.array([member.settings[field] for member in members], np.float32)
    for field in (members[0].settings if members else ())
  }


def build_phases(
  config: Any, image_shape: tuple[int, ...], mean_image: np.ndarray | None = None
) -> dict[str, Program]:
  """Returns the program of each phase, as `build` does.

  Raises:
    UserError: a field of `population.vary` is read by none of them.
  """
  programs = {
    name: build(name, config, image_shape, mean_image) for name in config.phases
  }
  members = members_of(config)
  for field in members[0].settings if members else ():
    if len({member.settings[field] for member in members}) > 1 and not any(
      is_read(METHODS[name].swept[field], config, program.settings)
      for name, program in programs.items()
      if field in METHODS[name].swept
    ):
      raise UserError(
        f"population.vary names {field}, which nothing reads with the other fields as "
        "they are: it would change nothing; leave it out, or choose what reads it"
      )
  return programs


def prepare(
  name: str, config: Any, dataset: Any, inherited: Mapping[str, Any]
) -> tuple[dict[str, Any], int]:
  """Returns what `Method.prepare` does, stacked for the members of a population."""
  method, members = METHODS[name], members_of(config)
  if not members:
    return method.prepare(config, dataset, inherited)
  images, branches = 0, []
  for member in members:
    own = jax.tree.map(lambda leaf, i=member.number: leaf[i], dict(inherited))
    prepared, images = method.prepare(config_of(config, member), dataset, own)
    branches.append(prepared)
  return stacked(branches), images


def _make_step(single: Program):
  """Returns the step of all members; one with a metric that is not finite freezes."""

  def step(state: PopulationState, batch, *, axis: str | None = None):
    del axis  # each member is whole on one device
    shared = {name: None if name == "position" else 0 for name in batch}
    moved, metrics = jax.vmap(single.step, in_axes=(0, shared))(state.members, batch)
    finite_m = jnp.stack([jnp.isfinite(values) for values in metrics.values()]).all(0)
    alive_m = state.failed_at == 0
    keep_m = finite_m & alive_m

    def chosen(new, old):
      if randomness.is_key(new):
        return old
      return jnp.where(keep_m.reshape(-1, *(1,) * (new.ndim - 1)), new, old)

    failed_at = jnp.where(alive_m & ~finite_m, state.members.step + 1, state.failed_at)
    members = jax.tree.map(chosen, moved, state.members)
    return PopulationState(members, failed_at), metrics

  return step


def stacked(trees: Sequence[Any]) -> Any:
  """Returns trees of arrays as one tree, with a leading axis for the trees."""
  return jax.tree.map(lambda *leaves: np.stack(leaves), *trees)


def chosen_member(config: Any, member: int) -> Member | None:
  """Returns the member of a number, by default the first; None for a single run.

  Args:
    config: validated.
    member: its number; -1: not given.

  Raises:
    UserError: there is no such member.
  """
  members = members_of(config)
  if not members and member == -1:
    return None
  if not -1 <= member < len(members):
    has = f"members 0 to {len(members) - 1}" if members else "no population"
    raise UserError(f"--member={member} is not in this run, which has {has}")
  return members[max(member, 0)]


def of_member(member: Member | None) -> str:
  """Returns ' of member 3 (seed 1)', as lines name it; '' for a single run."""
  return "" if member is None else f" of {member.describe()}"


def mesh_for(config: Any, member: Member | None) -> Any:
  """Returns the devices on which a trained run, or one of its members, is looked at.

  Of a population each device holds whole members, of which one is taken.

  Args:
    config: validated.
    member: of a population; None: a single run.
  """
  return make_mesh(config.parallel.devices) if member is None else local_mesh()


def state_of(state: Any, member: Member | None) -> Any:
  """Returns the state of one member, as a single run has it; None: `state` is one.

  Raises:
    MemberDiverged: its state is not of the step that was asked.
  """
  if member is None:
    return state
  failed_m = np.asarray(state.failed_at)
  if step := int(failed_m[member.number]):
    raise MemberDiverged(
      f"{member.describe()} diverged at step {step} and has no result: choose another, "
      f"such as member {int((failed_m == 0).argmax())}"
    )
  return jax.tree.map(lambda leaf: leaf[member.number], state.members)


def of_all(state: Any) -> Any:
  """Returns the method's state, with a leading axis where it is a population's."""
  return state.members if isinstance(state, PopulationState) else state


def _parsed(entry: str) -> tuple[tuple[str, ...], tuple[float, ...]]:
  """Reads 'field=1,2', or 'field+field=1,2' for fields that take one value together."""
  fields, equals, values = str(entry).partition("=")
  try:
    numbers = tuple(float(value) for value in values.split(","))
  except ValueError:
    numbers = ()
  names = tuple(name.strip() for name in fields.split("+"))
  if not equals or not numbers or not all(names):
    raise UserError(
      f"population.vary={entry!r} cannot be read: write 'field=number,number', such as "
      "'gan.ema_decay=0.99,0.999'"
    )
  if len(set(numbers)) != len(numbers):
    raise UserError(f"population.vary={entry!r} names a value twice: give each once")
  return names, numbers
