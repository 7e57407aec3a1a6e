"""One update of the sparse autoencoder."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import optax
from flax import struct

from sgae.kernels import collectives
from sgae.methods.gradients import apply_gradients, mean_gradient, norm
from sgae.methods.player import Batch, PlayerState
from sgae.methods.sparse_autoencoder import hull
from sgae.methods.sparse_autoencoder.loss import Terms, make_loss
from sgae.networks.autoencoder import Autoencoder
from sgae.networks.mlp import unit_norm
from sgae.networks.network import Params
from sgae.networks.sparsity import density

Metrics = dict[str, jax.Array]


class AutoencoderState(struct.PyTreeNode):
  """State of the `sae` phase.

  Attributes:
    step: int32 scalar, steps done.
    player: the autoencoder.
    idle_k: int32 [K], steps since each latent last fired.
    settings: float32 scalars that a user sweeps; `make_autoencoder_step` names them.
    key: the run's root key.
  """

  step: jax.Array
  player: PlayerState
  idle_k: jax.Array
  settings: dict[str, jax.Array]
  key: jax.Array


def init_autoencoder_state(
  params: Params,
  optimizer: optax.GradientTransformation,
  num_latents: int,
  settings: Mapping[str, float],
  root_key: jax.Array,
) -> AutoencoderState:
  """Returns the state before the first step; `settings` as in the step's factory."""
  return AutoencoderState(
    step=jnp.int32(0),
    player=PlayerState(params=params, optimizer=optimizer.init(params)),
    idle_k=jnp.zeros(num_latents, jnp.int32),
    settings={name: jnp.float32(value) for name, value in settings.items()},
    key=root_key,
  )


def make_autoencoder_step(
  autoencoder: Autoencoder,
  optimizer: optax.GradientTransformation,
  terms: Terms,
  *,
  dead_after: int,
  unit_norm_atoms: bool,
  annealing_steps: int,
  relaxation: float,
  microbatches: int = 1,
  target: str = "image",
) -> Callable[..., tuple[AutoencoderState, Metrics]]:
  """Binds the autoencoder's step.

  `sparsity_weight`, `auxiliary_weight`, `rho` and, where Omega is annealed,
  `p_annealing` are read from `state.settings`.

  Args:
    autoencoder: the networks.
    optimizer: from `make_optimizer`.
    terms: of the loss.
    dead_after: a latent is dead when it has not fired in this many steps.
    unit_norm_atoms: keep atoms at norm 1, the gradient along them projected out.
    annealing_steps: over which the exponent of an annealed Omega falls.
    relaxation: see `archetypes.projected`; read where atoms are archetypal.
    microbatches: see `mean_gradient`.
    target: the array of a batch that is reconstructed from 'image': 'image' itself, or
      of a transcoder the second side, float32 [B, 1, 1, D'].

  Returns:
    `step(state, batch, *, axis=None) -> (state, metrics)`, metrics as scalars.
  """

  loss = make_loss(autoencoder, terms)

  def step(state: AutoencoderState, batch: Batch, *, axis: str | None = None):
    dead_k = state.idle_k >= dead_after
    exponent = _exponent(state, annealing_steps if terms.annealed else 0)
    examples = batch["image"], batch[target]
    gradients, metrics, code = mean_gradient(loss, axis, microbatches)(
      state.player.params, examples, dead_k, exponent, state.settings, axis
    )
    if terms.annealed:
      metrics["sae/exponent"] = exponent
    metrics["sae/grad_norm"] = norm(gradients)
    if unit_norm_atoms:
      gradients = _on_atoms(gradients, _project_out, state.player.params)
    player = apply_gradients(state.player, optimizer, gradients)
    params = autoencoder.after_update(player.params, code.values, axis)
    if unit_norm_atoms:
      params = _on_atoms(params, lambda atoms, _: unit_norm(atoms), params)
    if terms.archetypal:
      params = hull.after_update(params, relaxation)

    density_k = density(code, axis)
    idle_k = jnp.where(density_k > 0, 0, state.idle_k + 1)
    metrics["sae/fvu"] = metrics["sae/mse"] / metrics.pop("variance")
    metrics["sae/l0"] = collectives.batch_mean(code.l0, axis)
    metrics["sae/dead_fraction"] = jnp.mean(idle_k >= dead_after)
    new_state = state.replace(
      step=state.step + 1, player=player.replace(params=params), idle_k=idle_k
    )
    return new_state, metrics

  return step


def _exponent(state: AutoencoderState, steps: int) -> jax.Array:
  """Returns the exponent of Omega, which falls from 1 over as many steps; 0: stays."""
  exponent = jnp.float32(1)
  if steps:
    done = jnp.minimum(state.step / max(steps - 1, 1), 1.0)
    exponent -= state.settings["p_annealing"] * done
  return exponent


def of_both_sides(step: Callable[..., tuple]) -> Callable[..., tuple]:
  """Returns a step that sees the second side's images at odd places of the batch."""

  def own(state: AutoencoderState, batch: Batch, *, axis: str | None = None):
    odd_b = batch["position"] % 2 == 1
    images = jnp.where(
      odd_b[:, None, None, None], batch["second_image"], batch["image"]
    )
    return step(state, {**batch, "image": images}, axis=axis)

  return own


def _on_atoms(tree, function, params):
  """Applies `function(leaf, atoms)` to the atoms' leaf of a tree like `params`."""
  leaf, atoms = tree["decoder"]["atoms"], params["decoder"]["atoms"]
  return tree | {"decoder": tree["decoder"] | {"atoms": function(leaf, atoms)}}


def _project_out(gradient, atoms):
  """Removes from each atom's gradient its part along the (unit-norm) atom."""
  along = jnp.sum(gradient * atoms, axis=range(1, atoms.ndim), keepdims=True)
  return gradient - along * atoms
