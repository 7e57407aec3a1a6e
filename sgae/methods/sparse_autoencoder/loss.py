"""The loss of the sparse autoencoder, and its variants."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from sgae.losses import reconstruction
from sgae.losses.sparsity import Omega, raised
from sgae.methods.sparse_autoencoder import hull
from sgae.networks.autoencoder import Autoencoder, decode_first, norms_of_atoms
from sgae.networks.network import Params, along_last
from sgae.networks.sparsity import Code, top_code


class Terms(NamedTuple):
  """What the loss is made of, besides the weights that it reads from the settings.

  Attributes:
    omega: a value of `losses.sparsity.SPARSITY_PENALTIES`.
    auxiliary_k: how many dead latents an example may use in the AuxK loss; 0: no such
      loss.
    prefixes: numbers of latents, rising, the last of them all: the first so many of a
      code reconstruct alone as well, and the errors are added up (Matryoshka: Bussmann
      et al. 2025, arXiv 2503.17547). (): the whole code alone.
    by_norms: whether Omega is of latents times the norms of their atoms.
    annealed: whether Omega is of powers.
    archetypal: whether the branch `hull` says what the atoms are, and is trained.
    centred: whether targets have the mean 0, and not that of what is encoded.
  """

  omega: Omega
  auxiliary_k: int = 0
  prefixes: tuple[int, ...] = ()
  by_norms: bool = False
  annealed: bool = False
  archetypal: bool = False
  centred: bool = False


def make_loss(autoencoder: Autoencoder, terms: Terms) -> Callable[..., tuple]:
  """Returns the loss, to be differentiated by `mean_gradient`.

  loss = mse + sparsity_weight * Omega(code) + auxiliary_weight * AuxK, with mse a sum
  over prefixes. With gates Omega is of them, and the error of what they reconstruct
  alone is added, which trains no decoder.

  Returns:
    `loss(params, (images_bhwc, targets_bhwc), dead_k, exponent, settings, axis) ->
    (loss, (metrics, code))`; targets are what is reconstructed, the images themselves
    or others, `exponent` is read where Omega is annealed.
  """

  def loss(params, examples, dead_k, exponent, settings, axis):
    images_bhwc, targets_bhwc = examples
    if terms.archetypal:
      params = hull.with_atoms(params)
    code, pre_bk = autoencoder.encode(params, images_bhwc, train=True, axis=axis)
    outputs = autoencoder.decode(params, code)
    mse = value = reconstruction.squared_error(targets_bhwc, outputs)
    metrics = {"sae/mse": mse}
    for count in terms.prefixes[:-1]:
      part = decode_first(autoencoder, params, code, count)
      value += reconstruction.squared_error(targets_bhwc, part)
    opened = code
    if autoencoder.gates is not None:
      gates_bk = autoencoder.gates(pre_bk)
      opened = Code(gates_bk, code.l0)
      # decoder and its like are as they are: the gates alone are trained by this
      by_gates = autoencoder.decode(jax.lax.stop_gradient(params), gates_bk)
      metrics["sae/gate_mse"] = reconstruction.squared_error(targets_bhwc, by_gates)
      value += metrics["sae/gate_mse"]
    penalty = terms.omega(_penalised(opened, params, exponent), settings["rho"], axis)
    value += settings["sparsity_weight"] * penalty
    metrics["sae/omega"] = penalty
    if terms.auxiliary_k:
      # Without dead latents the error is 1 and has no gradient: it says nothing, and
      # is not computed. (Not a bare 0: either is to vary over devices.)
      error = jax.lax.cond(
        dead_k.any(),
        lambda: _auxiliary_error(
          autoencoder, params, targets_bhwc - outputs, pre_bk, dead_k, terms.auxiliary_k
        ),
        lambda: 0.0 * mse,
      )
      value += settings["auxiliary_weight"] * error
      metrics["sae/auxiliary"] = error
    mean = jnp.float32(0) if terms.centred else params["encoder"]["mean"]
    variance = reconstruction.squared_error(
      targets_bhwc, jnp.broadcast_to(mean, targets_bhwc.shape)
    )
    return value, (metrics | {"sae/loss": value, "variance": variance}, code)

  def _penalised(opened, params, exponent):
    """Returns the code whose values Omega is of."""
    values_bk = opened.values
    if terms.by_norms:
      values_bk *= along_last(norms_of_atoms(params), values_bk)
    if terms.annealed:
      values_bk = raised(values_bk, exponent)
    return Code(values_bk, opened.l0)

  return loss


def _auxiliary_error(
  autoencoder: Autoencoder,
  params: Params,
  residual_bhwc: jax.Array,
  pre_bk: jax.Array,
  dead_k: jax.Array,
  k: int,
) -> jax.Array:
  """Returns what the k largest dead latents leave unexplained of the residual."""
  dead_bk = jnp.where(along_last(dead_k, pre_bk), pre_bk, 0.0)
  silent = autoencoder.decode(params, jnp.zeros_like(pre_bk[:1]))
  spoken = autoencoder.decode(params, top_code(dead_bk, k))
  return reconstruction.auxiliary_error(residual_bhwc, spoken - silent)
