"""Reads a run back: its config, its metrics, its trained weights as pure functions."""

import contextlib
import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sgae import randomness
from sgae.config import is_resumable
from sgae.config_checks import at_least, choice
from sgae.config_checks import seed as check_seed
from sgae.data.cache import cache_root
from sgae.data.resident import to_model_range
from sgae.data.vectors import restored, standardised
from sgae.devices.backend import enable_compilation_cache
from sgae.devices.mesh import fetch_local, local_mesh
from sgae.errors import UserError
from sgae.methods import METHODS
from sgae.methods.population import Member, build_one, chosen_member, state_of
from sgae.methods.sampling import STREAM, numbers_in_turn
from sgae.reporting.metrics import read_metrics
from sgae.runs import directory as run_directory
from sgae.runs import units as run_units
from sgae.runs.states import read_states

# Of the fields that a resume may change, those that only training reads, by how their
# names begin; so are those of the methods that the run trains.
OF_TRAINING = (
  "debug",
  "profile.",
  "parallel.mode",
  "train.",
  "checkpoint.",
  "logging.",
  # an evaluation of a trained run takes final_samples, and all measures
  "evaluation.num_samples",
  "evaluation.measures",
  "evaluation.patience",
)


class Run:
  """A trained run: what `load_run` returns.

  Its functions are pure and take arrays of JAX or NumPy: `jax.jit` and `jax.vmap` take
  them. Those of a phase are there if the run has trained it; where several phases have
  one of the same name, the last one counts. Images are float32 in [-1, 1], or uint8,
  [B, H, W, C]; of a run on vectors they are float [B, D] in the units of the data, and
  so is what the run makes of them; a transcoder gives vectors of the second side. The
  methods below refuse arrays whose last axes are not of that shape by a UserError.

  Attributes:
    workdir: the run directory.
    config: the validated config.
    image_shape: (H, W, C).
    member: of a population; None: a single run.
    units: of the vectors that its networks take and give; None: images.
  """

  def __init__(
    self,
    workdir: Path,
    config: Any,
    image_shape: tuple[int, ...],
    member: Member | None = None,
    units: run_units.SideUnits | None = None,
  ):
    """Binds a run directory; states are read when they are first needed."""
    self.workdir, self.config, self.image_shape = workdir, config, image_shape
    self.member, self.units = member, units
    self._programs = {
      name: build_one(name, config, image_shape) for name in config.phases
    }

  @functools.cached_property
  def states(self) -> dict[str, Any]:
    """The state of each phase that has one: the best where it is kept, else the newest.

    Raises:
      UserError: nothing is saved yet, or no checkpoint is whole.
    """
    # the first use may be inside jax.jit, which would trace the reading
    with jax.ensure_compile_time_eval():
      found = read_states(
        self.config, self.workdir, self.image_shape, local_mesh(), _ignore
      )
      return {
        name: state_of(fetch_local(state), self.member)
        for name, (_, state) in found.items()
      }

  @property
  def params(self) -> dict[str, Any]:
    """The parameters that each phase gives: phase -> {branch: nested dict}."""
    return {name: METHODS[name].gives(state) for name, state in self.states.items()}

  def metrics(self, phase: str = "") -> dict[str, np.ndarray]:
    """Returns what training wrote down: a column for each metric.

    Args:
      phase: only records of this one; '': of the last phase.

    Returns:
      name -> float64 [N], NaN where a record has no such number; 'phase' is left out.

    Raises:
      UserError: the run has no such phase.
    """
    wanted = phase or self.config.phases[-1]
    choice("phase", wanted, self.config.phases)
    number = None if self.member is None else self.member.number
    records = [
      record
      for record in read_metrics(self.workdir)
      if record["phase"] == wanted and record.get("member") == number
    ]
    names = dict.fromkeys(name for record in records for name in record)
    names.pop("phase", None)
    return {
      name: np.array([_number(record.get(name)) for record in records])
      for name in names
    }

  def function(self, name: str) -> Any:
    """Returns the last phase's function of a name, bound to its state.

    It takes images as uint8, too.

    Raises:
      AttributeError: no phase of the run has it.
    """
    phase = self._phase_of(name)
    function = self._programs[phase].functions[name]
    bound = functools.partial(function, self.states[phase])
    return lambda *arrays: bound(*map(_in_model_range, arrays))

  def _phase_of(self, name: str) -> str:
    """Returns the last phase that has a function of a name."""
    for phase in reversed(self.config.phases):
      if name in self._programs[phase].functions:
        return phase
    known = sorted({f for p in self._programs.values() for f in p.functions})
    raise AttributeError(
      f"{self.workdir} has no {name!r}: its phases {tuple(self.config.phases)} have "
      f"{', '.join(known)}"
    )

  def __getattr__(self, name: str) -> Any:
    if name.startswith("_"):
      raise AttributeError(name)
    self._phase_of(name)  # else it has no such attribute
    return functools.partial(self._call, name)

  def sample(self, count: int, seed: int = 0, classes: Sequence[int] = ()) -> jax.Array:
    """Returns generated images, float32 [count, H, W, C] in [-1, 1].

    Sample i depends on the seed and on i alone; with the run's own seed they are those
    of `--mode=sample`, whose `--seed` is the same seed.

    Args:
      count: how many.
      seed: of their latents.
      classes: numbers from 0 of the classes to draw in turn, of a run with classes; ():
        all. Of digits `sample(10, classes=[7])` are the samples of `--classes=7x10`,
        which goes by names.

    Raises:
      AttributeError: no phase of the run generates.
      UserError: the run does not draw such a class, `count` is below 1, or `seed` is
        not from 0 to 2**32 - 1.
    """
    at_least("count", count, 1)
    if isinstance(seed, int | np.integer):  # else it is traced
      check_seed("seed", int(seed))
    for phase in reversed(self.config.phases):
      sampling = self._programs[phase].sampling
      if sampling is not None:
        numbers = numbers_in_turn(count, classes, sampling.classes)
        key = randomness.stream_key(randomness.root_key(seed), STREAM)
        latents = sampling.draw(self.states[phase], key, jnp.asarray(numbers))
        return sampling.generate(self.states[phase], latents)
    raise AttributeError(f"{self.workdir} has no phase that generates images")

  def generate(self, latents: jax.Array) -> jax.Array:
    """Returns the images of latents [B, Z], float32 [B, H, W, C] in [-1, 1]."""
    return self._call("generate", jnp.asarray(latents))

  def discriminate(self, images: jax.Array, *weights: jax.Array) -> jax.Array:
    """Returns the discriminator's logits [B], higher for images that look real.

    Args:
      images: [B, H, W, C].
      weights: of the classes, [B, K], one-hot for a single class; only of a run with
        classes.
    """
    given = map(jnp.asarray, weights)
    return self._call("discriminate", to_model_range(images), *given)

  def encode(self, images: jax.Array) -> jax.Array:
    """Returns sparse codes, float32 [B, K], or with places [B, h, w, K]."""
    return self._call("encode", self._taken(images))

  def decode(self, codes: jax.Array) -> jax.Array:
    """Returns the images of codes as `encode` gives them, changed or not."""
    return self._given(self._call("decode", jnp.asarray(codes)))

  def approximate(self, images: jax.Array) -> jax.Array:
    """Returns the codes of a learned encoder, where `encode` solves for them."""
    return self._call("approximate", self._taken(images))

  def reconstruct(self, images: jax.Array) -> jax.Array:
    """Returns images, encoded and decoded; of a transcoder the second side's."""
    return self._given(self._call("reconstruct", self._taken(images)))

  def _call(self, name, *arrays):
    """Calls a function with arrays of the shapes that it is for.

    Others may be broadcast to them, and give numbers that mean nothing.
    """
    function = self.function(name)
    shapes = self._programs[self._phase_of(name)].exportable.get(name)
    if shapes is not None:
      _check_arrays(name, arrays, shapes)
    return function(*arrays)

  def _taken(self, images):
    if self.units is None:
      return to_model_range(images)
    vectors = jnp.asarray(images)
    _check_shape(vectors, (self.units.taken.mean.size,))
    return standardised(vectors, self.units.taken)

  def _given(self, images):
    return images if self.units is None else restored(images, self.units.given)


def load_run(workdir: str | Path, member: int = -1) -> Run:
  """Returns a trained run, from its directory alone; no data are needed.

  >>> import sgae
  >>> run = sgae.load_run("runs/digits")
  >>> images = run.sample(64, seed=0)
  >>> codes = run.encode(images)
  >>> run.decode(codes.at[:, 17].set(3.0)).shape == images.shape
  True
  >>> float(run.metrics()["step"][0])
  0.0

  Args:
    workdir: a run directory.
    member: of a population; -1: the first one.

  Raises:
    UserError: there is no run in it, or no such member.
  """
  workdir = Path(os.path.expanduser(workdir))
  shape = tuple(run_directory.read(workdir)["image_shape"])
  config = run_directory.stored_config(workdir, {})
  units = run_units.read(workdir, config.data)
  return Run(workdir, config, shape, chosen_member(config, member), units)


def stored_config(
  workdir: Path,
  overrides: dict[str, Any],
  report: Callable[[str], None] | None = None,
) -> Any:
  """Returns the validated config of a run, and keeps what will be compiled for it.

  Args:
    workdir: a run directory; its own config is used.
    overrides: fields set by hand, {'data.directory': ...}; only those that a resume may
      change, and that not training alone reads.
    report: as for `directory.stored_config`.

  Raises:
    UserError: no run, or another field set.
  """
  phases = run_directory.read(workdir)["config"]["phases"]
  for field in overrides:
    trained = field.startswith(OF_TRAINING) or field.split(".")[0] in phases
    if trained or not is_resumable(field):
      raise UserError(
        f"--config.{field} has no effect here: this mode uses the config that "
        f"{workdir} was trained with"
      )
  config = run_directory.stored_config(workdir, overrides, report)
  with contextlib.suppress(UserError):  # no home directory: it is compiled each time
    enable_compilation_cache(cache_root(config.data.cache_directory) / "jax")
  return config


def _check_arrays(name: str, arrays: Any, shapes: Any) -> None:
  """Refuses another number of arrays than of shapes, and arrays of other shapes."""
  if len(arrays) != len(shapes):
    raise UserError(
      f"{name} takes {len(shapes)} arrays of this run, and was given {len(arrays)}"
    )
  leading = []
  for array, shape in zip(arrays, shapes, strict=True):
    _check_shape(array, shape)
    leading.append(array.shape[: -len(shape)])
  if any(axes != leading[0] for axes in leading):
    raise UserError(f"{name} takes equally many of each array, not {leading}")


def _check_shape(array: Any, shape: tuple[int, ...]) -> None:
  """Refuses an array whose last axes are not `shape`, or that holds no example."""
  if array.shape[-len(shape) :] != shape or array.shape[:1] == (0,):
    wanted = ", ".join(map(str, shape))
    raise UserError(
      f"an array of shape {array.shape} is not what the run takes: give one of shape "
      f"(B, {wanted}), with B at least 1"
    )


def _in_model_range(array: Any) -> Any:
  """Returns images uint8 as float32 in [-1, 1], and any other array as it is."""
  return to_model_range(array) if getattr(array, "dtype", None) == np.uint8 else array


def _number(value: Any) -> float:
  return float(value) if isinstance(value, int | float) else float("nan")


def _ignore(line: str) -> None:
  del line
