"""One update of the dictionary, and of the encoder that learns its codes."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import optax
from flax import struct

from sgae import randomness
from sgae.kernels import collectives
from sgae.methods.gradients import apply_gradients, mean_gradient, norm
from sgae.methods.inheritance import replace_branches
from sgae.methods.player import Batch, PlayerState
from sgae.methods.sparse_coding import dictionary
from sgae.methods.sparse_coding.dictionary import Statistics
from sgae.methods.sparse_coding.solvers import duality_gap, objective
from sgae.networks.autoencoder import Autoencoder
from sgae.networks.lista import eigenvalue_bound
from sgae.networks.network import Params

Metrics = dict[str, jax.Array]


class SparseCodingState(struct.PyTreeNode):
  """State of the `sparse_coding` phase.

  Attributes:
    step: int32 scalar, steps done.
    player: encoder and dictionary.
    statistics: of codes and images, where the dictionary is learnt from them.
    idle_k: int32 [K], steps since each atom was last used.
    settings: float32 scalars that a user sweeps; `make_sparse_coding_step` names them.
    key: the run's root key.
  """

  step: jax.Array
  player: PlayerState
  statistics: Statistics
  idle_k: jax.Array
  settings: dict[str, jax.Array]
  key: jax.Array


def init_sparse_coding_state(
  autoencoder: Autoencoder,
  optimizer: optax.GradientTransformation,
  settings: Mapping[str, float],
  init_key: jax.Array,
  root_key: jax.Array,
  inherited: Mapping[str, Params],
) -> SparseCodingState:
  """Returns the state before the first step; `settings` as in the step's factory."""
  numbers = {name: jnp.float32(value) for name, value in settings.items()}
  params = replace_branches(autoencoder.init(init_key), inherited)
  atoms_kd, encoder = params["decoder"]["atoms"], params["encoder"]
  if "threshold" in encoder and "encoder" not in inherited:  # LISTA begins as ISTA
    threshold = numbers["alpha"] / eigenvalue_bound(atoms_kd @ atoms_kd.T)
    threshold_k = jnp.full_like(encoder["threshold"], threshold)
    params |= {"encoder": encoder | {"threshold": threshold_k}}
  count = len(atoms_kd)
  return SparseCodingState(
    step=jnp.int32(0),
    player=PlayerState(params=params, optimizer=optimizer.init(params)),
    statistics=Statistics(jnp.zeros((count, count)), jnp.zeros_like(atoms_kd)),
    idle_k=jnp.zeros(count, jnp.int32),
    settings=numbers,
    key=root_key,
  )


def signals_of(params: Params, images_bhwc: jax.Array) -> jax.Array:
  """Returns what codes are of: images minus the decoder's bias, float32 [B, H W C]."""
  return images_bhwc.reshape(len(images_bhwc), -1) - params["decoder"]["bias"][None]


def make_sparse_coding_step(
  autoencoder: Autoencoder,
  optimizer: optax.GradientTransformation,
  solve: Callable[..., jax.Array],
  *,
  learning: str,
  signed: bool,
  window: int,
  replace_after: int,
  microbatches: int = 1,
) -> Callable[..., tuple[SparseCodingState, Metrics]]:
  """Binds the step of sparse coding.

  Codes are found for the dictionary as it is, then the encoder takes a step towards
  giving these codes, and the dictionary one towards explaining the images by them.
  `alpha` is read from `state.settings`.

  Args:
    autoencoder: encoder and dictionary.
    optimizer: from `make_optimizer`.
    solve: `solve(atoms_kd, signals_bd, alpha) -> codes_bk`.
    learning: of the dictionary, a name in checks.py.
    signed: whether codes may be negative.
    window: steps that statistics are averaged over.
    replace_after: steps without use after which an atom is replaced.
    microbatches: see `mean_gradient`.

  Returns:
    `step(state, batch, *, axis=None) -> (state, metrics)`, metrics as scalars:
    `objective`, `fvu` and `l0` of the codes; `gap`, their duality gap as a share of the
    objective; `encoder_error`, |u - encoder(x)|^2 / |u|^2; `dead_fraction`, the share
    of atoms that no code used in `replace_after` steps.
  """
  loss = _make_loss(autoencoder, learning)

  def step(state: SparseCodingState, batch: Batch, *, axis: str | None = None):
    params, alpha = state.player.params, state.settings["alpha"]
    atoms_kd = params["decoder"]["atoms"]
    signals_bd = signals_of(params, batch["image"])
    codes_bk = solve(atoms_kd, signals_bd, alpha)
    gradients, seen, _ = mean_gradient(loss, axis, microbatches)(
      params, (batch["image"], signals_bd, codes_bk), axis
    )
    idle_k = _idle_steps(state.idle_k, codes_bk, axis)
    dead_k = idle_k >= replace_after
    metrics = _metrics(signals_bd, atoms_kd, codes_bk, alpha, signed, axis)
    metrics["encoder_error"] = seen["missed"] / metrics.pop("size")
    metrics |= {"dead_fraction": jnp.mean(dead_k), "grad_norm": norm(gradients)}
    player = apply_gradients(state.player, optimizer, gradients)
    state = state.replace(step=state.step + 1, player=player, idle_k=idle_k)
    if learning != "fixed":
      new_kd, statistics = player.params["decoder"]["atoms"], state.statistics
      if learning == "online":
        statistics = dictionary.averaged(
          statistics, codes_bk, signals_bd, state.step, window, axis
        )
        new_kd = dictionary.improved(atoms_kd, statistics)
      key = randomness.stream_key(state.key, "sparse_coding/replace", state.step)
      places_b, count = batch["position"], len(dead_k)
      examples = dictionary.examples_for(key, count, signals_bd, places_b, axis)
      new_kd = jnp.where(dead_k[:, None], examples, new_kd)
      state = _learnt(state, new_kd, statistics, dead_k)
    return state, {f"sparse_coding/{name}": value for name, value in metrics.items()}

  return step


def _make_loss(autoencoder: Autoencoder, learning: str) -> Callable[..., tuple]:
  """Returns the loss of the encoder, and of a dictionary that learns by gradients."""

  def loss(params, examples, axis):
    images_bhwc, signals_bd, codes_bk = examples
    encoded, _ = autoencoder.encode(params, images_bhwc, train=True, axis=axis)
    missed = jnp.mean(jnp.sum((encoded.values - codes_bk) ** 2, axis=1))
    value = 0.5 * missed
    if learning == "gradient":
      residual_bd = signals_bd - codes_bk @ params["decoder"]["atoms"]
      value += 0.5 * jnp.mean(jnp.sum(residual_bd**2, axis=1))
    return value, ({"missed": missed}, None)

  return loss


def _learnt(state, atoms_kd, statistics, replaced_k):
  """Returns the state with another dictionary, some of whose atoms are new."""
  decoder = state.player.params["decoder"]
  decoder |= {"atoms": dictionary.within_unit_norm(atoms_kd)}
  params = state.player.params | {"decoder": decoder}
  return state.replace(
    player=state.player.replace(params=params),
    statistics=dictionary.forgotten(statistics, replaced_k),
    idle_k=jnp.where(replaced_k, 0, state.idle_k),
  )


def _idle_steps(idle_k, codes_bk, axis):
  """Returns the steps since each atom was last used, with those of this batch."""
  uses_k = jnp.sum(codes_bk != 0, axis=0, dtype=jnp.int32)
  return jnp.where(collectives.total(uses_k, axis) > 0, 0, idle_k + 1)


def _metrics(signals_bd, atoms_kd, codes_bk, alpha, signed, axis):
  """Returns what codes are like over the global batch, and `size`, mean |u|^2."""
  residual_bd = signals_bd - codes_bk @ atoms_kd
  of_examples = {
    "objective": objective(signals_bd, atoms_kd, codes_bk, alpha),
    "gap": duality_gap(signals_bd, atoms_kd, codes_bk, alpha, signed),
    "error": jnp.sum(residual_bd**2, axis=1),
    "variance": jnp.sum(signals_bd**2, axis=1),
    "l0": jnp.sum(codes_bk != 0, axis=1, dtype=jnp.float32),
    "size": jnp.maximum(jnp.sum(codes_bk**2, axis=1), 1e-12),
  }
  means = {
    name: collectives.batch_mean(values_b, axis)
    for name, values_b in of_examples.items()
  }
  means["gap"] /= means["objective"]
  means["fvu"] = means.pop("error") / means.pop("variance")
  return means
