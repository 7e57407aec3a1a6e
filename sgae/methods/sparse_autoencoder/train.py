"""One update of the sparse autoencoder."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import optax
from flax import struct

from sgae.kernels import collectives
from sgae.losses import reconstruction
from sgae.losses.sparsity import Omega
from sgae.methods.gradients import apply_gradients, mean_gradient, norm
from sgae.methods.player import Batch, PlayerState
from sgae.networks.autoencoder import Autoencoder
from sgae.networks.mlp import unit_norm
from sgae.networks.network import along_last
from sgae.networks.sparsity import density, top_code

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
  autoencoder: Autoencoder,
  optimizer: optax.GradientTransformation,
  num_latents: int,
  settings: Mapping[str, float],
  init_key: jax.Array,
  root_key: jax.Array,
) -> AutoencoderState:
  """Returns the state before the first step; `settings` as in the step's factory."""
  params = autoencoder.init(init_key)
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
  omega: Omega,
  *,
  dead_after: int,
  auxiliary_k: int,
  unit_norm_atoms: bool,
  microbatches: int = 1,
) -> Callable[..., tuple[AutoencoderState, Metrics]]:
  """Binds the autoencoder's step.

  loss = mse + sparsity_weight * Omega(code) + auxiliary_weight * AuxK, where
  `sparsity_weight`, `auxiliary_weight` and `rho` are read from `state.settings`.

  Args:
    autoencoder: the networks.
    optimizer: from `make_optimizer`.
    omega: a value of `losses.sparsity.SPARSITY_PENALTIES`.
    dead_after: a latent is dead when it has not fired in this many steps.
    auxiliary_k: how many dead latents an example may use in the AuxK loss; 0: no such
      loss.
    unit_norm_atoms: keep atoms at norm 1, the gradient along them projected out.
    microbatches: see `mean_gradient`.

  Returns:
    `step(state, batch, *, axis=None) -> (state, metrics)`, metrics as scalars.
  """

  loss = _make_loss(autoencoder, omega, auxiliary_k)

  def step(state: AutoencoderState, batch: Batch, *, axis: str | None = None):
    dead_k = state.idle_k >= dead_after
    gradients, metrics, code = mean_gradient(loss, axis, microbatches)(
      state.player.params, batch["image"], dead_k, state.settings, axis
    )
    metrics["sae/grad_norm"] = norm(gradients)
    if unit_norm_atoms:
      gradients = _on_atoms(gradients, _project_out, state.player.params)
    player = apply_gradients(state.player, optimizer, gradients)
    params = autoencoder.after_update(player.params, code.values, axis)
    if unit_norm_atoms:
      params = _on_atoms(params, lambda atoms, _: unit_norm(atoms), params)

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


def _make_loss(
  autoencoder: Autoencoder, omega: Omega, auxiliary_k: int
) -> Callable[..., tuple]:
  """Returns `loss(params, images_bhwc, dead_k, settings, axis) -> (loss, (metrics,
  code))`, to be differentiated by `mean_gradient`.
  """

  def loss(params, images_bhwc, dead_k, settings, axis):
    code, pre_bk = autoencoder.encode(params, images_bhwc, train=True, axis=axis)
    outputs = autoencoder.decode(params, code)
    mse = reconstruction.squared_error(images_bhwc, outputs)
    penalty = omega(code, settings["rho"], axis)
    value = mse + settings["sparsity_weight"] * penalty
    metrics = {"sae/mse": mse, "sae/omega": penalty}
    if auxiliary_k:
      # Without dead latents the error is 1 and has no gradient: it says nothing, and
      # is not computed. (Not a bare 0: either is to vary over devices.)
      error = jax.lax.cond(
        dead_k.any(),
        lambda: _auxiliary_error(
          autoencoder, params, images_bhwc - outputs, pre_bk, dead_k, auxiliary_k
        ),
        lambda: 0.0 * mse,
      )
      value += settings["auxiliary_weight"] * error
      metrics["sae/auxiliary"] = error
    variance = reconstruction.squared_error(
      images_bhwc, jnp.broadcast_to(params["encoder"]["mean"], images_bhwc.shape)
    )
    return value, (metrics | {"sae/loss": value, "variance": variance}, code)

  return loss


def _auxiliary_error(autoencoder, params, residual_bhwc, pre_bk, dead_k, k):
  """Returns what the k largest dead latents leave unexplained of the residual."""
  dead_bk = jnp.where(along_last(dead_k, pre_bk), pre_bk, 0.0)
  silent = autoencoder.decode(params, jnp.zeros_like(pre_bk[:1]))
  spoken = autoencoder.decode(params, top_code(dead_bk, k))
  return reconstruction.auxiliary_error(residual_bhwc, spoken - silent)


def _on_atoms(tree, function, params):
  """Applies `function(leaf, atoms)` to the atoms' leaf of a tree like `params`."""
  leaf, atoms = tree["decoder"]["atoms"], params["decoder"]["atoms"]
  return tree | {"decoder": tree["decoder"] | {"atoms": function(leaf, atoms)}}


def _project_out(gradient, atoms):
  """Removes from each atom's gradient its part along the (unit-norm) atom."""
  along = jnp.sum(gradient * atoms, axis=range(1, atoms.ndim), keepdims=True)
  return gradient - along * atoms
