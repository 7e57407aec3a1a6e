"""A trained run with what inversion and editing need of it."""

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sgae import randomness
from sgae.data.cache import cache_root, ensure_root
from sgae.data.dataset import are_vectors
from sgae.devices.mesh import fetch_local
from sgae.editing.inversion import Features
from sgae.editing.space import SPACES, Space, space_of
from sgae.errors import UserError
from sgae.evaluation import feature_extractor
from sgae.evaluation.measures.reference import EvaluationData
from sgae.evaluation.run_data import load_data
from sgae.methods.population import (
  Member,
  chosen_member,
  mesh_for,
  of_member,
  state_of,
)
from sgae.reporting.console import Console
from sgae.reporting.files import require_writable
from sgae.runs.load import stored_config
from sgae.runs.states import read_states


class Trained(NamedTuple):
  """A run whose generator is trained.

  Attributes:
    config: validated.
    mesh: the devices.
    states: phase -> its state, on the mesh.
    phase: the one that generates.
    step: of its state.
    member: of a population; None: a single run.
    space: of the points that are looked for or edited.
    data: with the feature extractor of the data set.
  """

  config: Any
  mesh: Any
  states: dict[str, Any]
  phase: str
  step: int
  member: Member | None
  space: Space
  data: EvaluationData

  @property
  def seed(self) -> int:
    """The seed that the run, or the member, was trained with."""
    return self.config.seed if self.member is None else self.member.seed

  @property
  def name(self) -> str:
    """The phase, the member of a population and the step, in words."""
    return f"{self.phase}{of_member(self.member)} of step {self.step}"

  @property
  def image_shape(self) -> tuple[int, ...]:
    """(H, W, C)."""
    return self.data.dataset.train.images.shape[1:]

  def features(self) -> tuple[Features | None, Any]:
    """Returns `features(params, images) -> float32 [B, D]` of the data, and params.

    Stacked digits are looked at channel by channel. (None, {}) where there are none.
    """
    extractor: Any = self.data.extractor
    if extractor is None:
      return None, {}
    network, parts = extractor.network(), self.digits()

    def features(params, images):
      split = jnp.split(images, parts, axis=3)
      return jnp.concatenate([network(params, part)[0] for part in split], axis=1)

    return features, extractor.params

  def digits(self) -> int:
    """Returns how many images of the feature network's channels an image holds."""
    about = self.data.extractor.about if self.data.extractor else {}
    return self.image_shape[2] // about.get("image_shape", self.image_shape)[2]

  def digest(self) -> str:
    """Returns a digest of all numbers of the states, 64 hexadecimal digits."""
    found = hashlib.sha256()
    for leaf in jax.tree.leaves(fetch_local(self.states)):
      array = jax.random.key_data(leaf) if randomness.is_key(leaf) else leaf
      found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def open_run(
  workdir: Path,
  overrides: dict[str, Any],
  space: str,
  console: Console,
  member: int,
  output: Path | None,
) -> Trained:
  """Opens a trained run for inversion or editing.

  Args:
    workdir: a run directory with a phase that generates; the last is used.
    overrides: as for `evaluate_run`.
    space: one of `SPACES`.
    console: where lines go.
    member: of a population; -1: the first one.
    output: the directory that results go to; None: the run directory.

  Raises:
    UserError: there is no run, nothing in it generates images, its data are missing, or
      there is no such space.
  """
  if space not in SPACES:
    raise UserError(
      f"--space={space!r} is not allowed: choose one of {', '.join(SPACES)}"
    )
  config = stored_config(workdir, overrides, console.line)
  place = output or workdir
  require_writable(place)
  ensure_root(config.data.cache_directory, place, console.line)
  chosen = chosen_member(config, member)
  mesh = mesh_for(config, chosen)
  dataset = load_data(workdir, config, console)
  shape = dataset.train.images.shape[1:]
  if are_vectors(shape):
    raise UserError(f"{workdir} was trained on no images: this mode is for images")
  found = read_states(config, workdir, shape, mesh, console.line)
  states = {name: state_of(state, chosen) for name, (_, state) in found.items()}
  phase, points = space_of(config, shape, states, space)
  cache = cache_root(config.data.cache_directory)
  data = feature_extractor.evaluation_data(config, dataset, cache, console)
  step = found[phase][0]
  return Trained(config, mesh, states, phase, step, chosen, points, data)
