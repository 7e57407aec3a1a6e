"""Maps from pre-activations to sparse codes, non-negative but for `none`.

`relu`, `gated` and `sigmoid` leave sparsity to a penalty (losses/sparsity.py); `topk`,
`batch_topk` and `jumprelu` make exact zeros by themselves. The k-th largest value is
found by bisection over the bits of non-negative floats: exact, counts only (so it is
summed over devices as it stands), and on a CPU quicker than `lax.top_k` unless few of
many are kept.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from sgae.kernels import collectives, sparse
from sgae.kernels.sparse import Active, Preactivations
from sgae.kernels.switch import uses_reference
from sgae.kernels.top_k import top_k
from sgae.networks.network import Params, along_last

# Latents for each one kept from which `lax.top_k` beats bisection on a CPU, 3 times at
# 512 (of 512 examples).
FEW = 64


class Code(NamedTuple):
  """A sparse code.

  Attributes:
    values: float32 [B, K] or, of a convolutional autoencoder, [B, h, w, K];
      non-negative but for 'none'.
    l0: float32 [B], number of active latents; it has a gradient (for the threshold)
      under `jumprelu` alone.
    active: the latents that are not zero, if they are few of many, with the values that
      a decoder reads; who changes `values` makes a new code without them.
  """

  values: jax.Array
  l0: jax.Array
  active: Active | None = None


class SparsityMap(NamedTuple):
  """A sparsity map as pure functions.

  Attributes:
    init: `init(num_latents) -> params` (an empty dict where nothing is kept).
    apply: `apply(params, pre_bk, *, train, axis) -> Code`. `train` says whether
      statistics of the batch may be used; without it, each row depends on itself
      alone.
    after_update: `after_update(params, code_bk, axis) -> params`, run after each
      optimizer update with the values of the training batch's code.
    selects: how many of a row's largest are all that it looks at; `apply` then takes
      `Preactivations` as well, which may hold these. None: it needs all.
    gates: `gates(pre_bk) -> values_bk`, what a penalty is on and an auxiliary
      reconstruction is made of, where a step that has no gradient opens the latents.
      None: there is none, and a penalty is on the code.
  """

  init: Callable[[int], Params]
  apply: Callable[..., Code]
  after_update: Callable[[Params, jax.Array, str | None], Params]
  selects: int | None = None
  gates: Callable[[jax.Array], jax.Array] | None = None


def kth_largest(values_bk: jax.Array, k: int, axis: str | None = None) -> jax.Array:
  """Returns the k-th largest of ALL elements of a non-negative float32 array.

  Args:
    values_bk: float32 of any shape, every element >= 0.
    k: rank from 1 to the number of elements over all devices.
    axis: mapped axis over which the elements are spread, or None.

  Returns:
    float32 scalar, bit for bit an element of `values_bk`.
  """
  bits = jax.lax.bitcast_convert_type(values_bk, jnp.int32)

  def refine(i, found):
    candidate = found | (1 << (30 - i))
    count = collectives.total(jnp.sum(bits >= candidate, dtype=jnp.int32), axis)
    return jnp.where(count >= k, candidate, found)

  # a zero made from the data, so that it varies over devices just as the data does
  zero = bits.ravel()[0] & 0
  found = jax.lax.fori_loop(0, 31, refine, zero)
  return jax.lax.bitcast_convert_type(found, jnp.float32)


def keep_largest(values_bk: jax.Array, k: int) -> jax.Array:
  """Zeroes all but the k largest of each example of a non-negative [B, ...] array.

  Elements equal to the k-th largest are all kept; zeros count for nothing.
  """
  # No gradient through the choice of threshold, only through what is kept.
  fixed = jax.lax.stop_gradient(values_bk)
  rows = fixed.reshape(fixed.shape[0], -1)

  def by_selection(rows):
    # the least of them, not the last: XLA turns a slice of this into a sort (0.10.2)
    return top_k(rows, k)[0].min(axis=1)

  def by_bisection(rows):
    return jax.vmap(lambda row: kth_largest(row, k))(rows)

  if rows.shape[1] >= FEW * k or uses_reference("top_k"):
    thresholds = by_selection(rows)
  else:  # on a GPU the turns of its loop cost bisection 6 times the sorting (H200)
    thresholds = jax.lax.platform_dependent(
      rows, cuda=by_selection, rocm=by_selection, default=by_bisection
    )
  return jnp.where(fixed >= _for_examples(thresholds, values_bk), values_bk, 0.0)


def top_code(pre: jax.Array | Preactivations, k: int) -> Code:
  """Keeps the k largest rectified numbers of each example of a [B, ...] array.

  Args:
    pre: float, of either sign; if its largest were selected, they are k.
    k: how many.

  Returns:
    The code, with its active latents if it is a [B, K] and they are worth it.
  """
  pre = pre if isinstance(pre, Preactivations) else Preactivations(pre)
  pre_bk, largest = pre
  if largest is None and pre_bk.ndim == 2 and sparse.is_worth_it(pre_bk.shape[1], k):
    largest = sparse.largest(pre_bk, k)
  code_bk = jax.nn.relu(pre_bk)
  if largest is None:
    return _counted(keep_largest(code_bk, k))
  active = largest._replace(values=jax.nn.relu(largest.values))
  values_bk = sparse.spread(code_bk, active)
  return Code(values_bk, sparse.active_latents(values_bk, active), active)


def sum_of_atoms(code: Code | jax.Array, atoms_kd: jax.Array) -> jax.Array:
  """Returns `code @ atoms_kd`, [B, K] x [K, D] -> [B, D]."""
  if isinstance(code, Code):
    return sparse.decode(code.values, code.active, atoms_kd)
  return sparse.decode(code, None, atoms_kd)


def values_of(code: Code | jax.Array) -> jax.Array:
  """Returns the values of a code, which may be an array of them."""
  return code.values if isinstance(code, Code) else code


def density(code: Code, axis: str | None) -> jax.Array:
  """Returns in which part of the examples each latent fires somewhere: float32 [K].

  Args:
    code: of a batch.
    axis: mapped axis over which the batch is spread, or None.
  """
  if code.active is not None:
    return collectives.mean(sparse.frequency(code.values, code.active), axis)
  fired_bk = (code.values != 0).any(axis=range(1, code.values.ndim - 1))
  return collectives.batch_mean(fired_bk.astype(jnp.float32), axis)


def make_relu() -> SparsityMap:
  """code = max(pre, 0)."""
  return _stateless(jax.nn.relu)


def make_identity() -> SparsityMap:
  """code = pre, of either sign and with no zeros: a plain autoencoder."""
  return _stateless(lambda pre_bk: pre_bk)


def make_sigmoid() -> SparsityMap:
  """code = 1 / (1 + exp(-pre)): the classic units of KL sparsity, never quite zero."""
  return _stateless(jax.nn.sigmoid)


def make_topk(k: int) -> SparsityMap:
  """Keeps the k largest rectified pre-activations of each example.

  Makhzani & Frey 2013 (arXiv 1312.5663); Gao et al. 2024 (arXiv 2406.04093).
  """

  def apply(params, pre, *, train, axis=None):
    del params, train, axis
    return top_code(pre, k)

  return SparsityMap(lambda num_latents: {}, apply, _unchanged, selects=k)


def make_batch_topk(k: int, threshold_decay: float = 0.99) -> SparsityMap:
  """Keeps the k * B largest over the global batch, so examples share a budget.

  For inference the map keeps what reaches `params['threshold']`, the running mean of
  the smallest kept activation. Bussmann et al. 2024 (arXiv 2412.06410).
  """

  def apply(params, pre_bk, *, train, axis=None):
    code = jax.nn.relu(pre_bk)
    if not train:
      return _counted(jnp.where(code >= params["threshold"], code, 0.0))
    fixed = jax.lax.stop_gradient(code)
    batch = collectives.total(jnp.int32(pre_bk.shape[0]), axis)
    threshold = kth_largest(fixed, k * batch, axis)
    return _counted(jnp.where(fixed >= threshold, code, 0.0))

  def after_update(params, code_bk, axis):
    kept = jnp.where(code_bk > 0, code_bk, jnp.inf)
    smallest = collectives.batch_minimum(kept, axis)
    old = params["threshold"]
    mixed = threshold_decay * old + (1 - threshold_decay) * smallest
    new = jnp.where(old == 0, smallest, mixed)  # the first batch sets it whole
    return {"threshold": jnp.where(jnp.isfinite(smallest), new, old)}

  return SparsityMap(
    lambda num_latents: {"threshold": jnp.float32(0)}, apply, after_update
  )


def make_jumprelu(threshold: float, bandwidth: float) -> SparsityMap:
  """code = pre where pre exceeds a learned threshold per latent, else 0.

  The threshold itself is trained (not its logarithm, whose steps vanish when it is
  small) by straight-through estimates with a rectangle kernel of width `bandwidth`.
  Rajamanoharan et al. 2024 (arXiv 2407.14435).

  Args:
    threshold: its start, > 0, in units of the pre-activation.
    bandwidth: width of the kernel, > 0, in the same unit.
  """

  def apply(params, pre_bk, *, train, axis=None):
    del train, axis
    threshold = along_last(params["threshold"], pre_bk)
    active_bk = _step(pre_bk, threshold, bandwidth)
    return Code(_jumprelu(pre_bk, threshold, bandwidth), _total_b(active_bk))

  def after_update(params, code_bk, axis):
    del code_bk, axis
    return {"threshold": jnp.maximum(params["threshold"], 0.0)}

  return SparsityMap(
    lambda num_latents: {"threshold": jnp.full(num_latents, threshold, jnp.float32)},
    apply,
    after_update,
  )


def make_gated() -> SparsityMap:
  """code = max(exp(r) pre + b, 0) where pre > 0, else 0; r and b learned per latent.

  The gate says which latents are active, the rest how large they are, so that a
  penalty on `gates` = max(pre, 0) does not shrink them. The step of the gate has no
  gradient: `gates` need a reconstruction of their own. Rajamanoharan et al. 2024
  (arXiv 2404.16014), in coordinates in which the gate is the pre-activation: the
  encoder's bias is that of the gate, which the code's gradient reaches as well.
  """

  def init(num_latents):
    return {"log_scale": jnp.zeros(num_latents), "bias": jnp.zeros(num_latents)}

  def apply(params, pre_bk, *, train, axis=None):
    del train, axis
    scale, bias = (along_last(params[name], pre_bk) for name in ("log_scale", "bias"))
    magnitudes_bk = jax.nn.relu(jnp.exp(scale) * pre_bk + bias)
    return _counted(jnp.where(pre_bk > 0, magnitudes_bk, 0.0))

  return SparsityMap(init, apply, _unchanged, gates=jax.nn.relu)


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def _jumprelu(pre, threshold, bandwidth):
  return jnp.where((pre > threshold) & (pre > 0), pre, 0.0)


@_jumprelu.defjvp
def _jumprelu_jvp(bandwidth, primals, tangents):
  pre, threshold = primals
  code = _jumprelu(pre, threshold, bandwidth)
  kernel = _rectangle((pre - threshold) / bandwidth) / bandwidth
  tangent = jnp.where(code > 0, tangents[0], 0.0) - threshold * kernel * tangents[1]
  return code, tangent


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def _step(pre, threshold, bandwidth):
  return ((pre > threshold) & (pre > 0)).astype(jnp.float32)


@_step.defjvp
def _step_jvp(bandwidth, primals, tangents):
  pre, threshold = primals
  kernel = _rectangle((pre - threshold) / bandwidth) / bandwidth
  return _step(pre, threshold, bandwidth), -kernel * tangents[1]


def _rectangle(x):
  return (jnp.abs(x) < 0.5).astype(jnp.float32)


def _stateless(function) -> SparsityMap:
  def apply(params, pre_bk, *, train, axis=None):
    del params, train, axis
    return _counted(function(pre_bk))

  return SparsityMap(lambda num_latents: {}, apply, _unchanged)


def _counted(code_bk) -> Code:
  return Code(code_bk, _total_b((code_bk != 0).astype(jnp.float32)))


def _total_b(active_bk):
  return active_bk.sum(axis=range(1, active_bk.ndim))


def _for_examples(numbers_b, like):
  return numbers_b.reshape(-1, *(1,) * (like.ndim - 1))


def _unchanged(params, code_bk, axis):
  del code_bk, axis
  return params
