"""The sparse products equal the dense ones, also where they must not be taken."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from sgae import parallel, reduction
from sgae.networks import sparse_product
from sgae.networks.dense_product import WIDE
from sgae.networks.sparsity import keep_largest

ACTIVE, LATENTS = 2, 128
NOISE = np.random.default_rng(0)
PRE = jnp.asarray(NOISE.normal(size=(6, LATENTS)), jnp.float32)
ATOMS = jnp.asarray(NOISE.normal(size=(LATENTS, 5)), jnp.float32)
WANTED = jnp.asarray(NOISE.normal(size=(6, 5)), jnp.float32)


def loss_of(active):
  def loss(pre_bk, atoms_kd):
    code_bk = keep_largest(jax.nn.relu(pre_bk), ACTIVE)
    outputs = sparse_product.decode(code_bk, atoms_kd, active)
    return jnp.sum((outputs - WANTED[: len(pre_bk)]) ** 2)

  return jax.value_and_grad(loss, (0, 1))


def assert_close(found, wanted):
  for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
  "pre_bk",
  [PRE, PRE.at[1].set(-1.0), PRE.at[2].set(1.0), PRE.at[3, 1:].set(-1.0)],
  ids=["usual", "all zero", "all equal", "one active"],
)
def test_value_and_gradients_are_those_of_the_dense_product(pre_bk):
  found = jax.jit(loss_of(ACTIVE))(pre_bk, ATOMS)
  assert_close(found, jax.jit(loss_of(None))(pre_bk, ATOMS))


def test_few_of_many_are_gathered():
  assert sparse_product.is_worth_it(LATENTS, ACTIVE)
  assert not sparse_product.is_worth_it(LATENTS - 1, ACTIVE)


def test_a_population_of_autoencoders():
  pre, atoms = jnp.stack([PRE, -PRE]), jnp.stack([ATOMS, ATOMS + 1])
  found = jax.vmap(loss_of(ACTIVE))(pre, atoms)
  assert_close(found, jax.vmap(loss_of(None))(pre, atoms))


def test_under_shard_map():
  def local(pre_bk, atoms_kd):
    value, gradients = loss_of(ACTIVE)(pre_bk, reduction.varying(atoms_kd, "data"))
    return jax.lax.psum((value, gradients[1]), "data")

  whole, spread = PartitionSpec(), PartitionSpec("data")
  mapped = jax.shard_map(
    local, mesh=parallel.make_mesh(1), in_specs=(spread, whole), out_specs=whole
  )
  value, (_, atoms) = loss_of(None)(PRE, ATOMS)
  assert_close(jax.jit(mapped)(PRE, ATOMS), (value, atoms))


def test_bfloat16_is_summed_in_float32():
  code_bk = keep_largest(jax.nn.relu(PRE), ACTIVE).astype(jnp.bfloat16)
  atoms_kd = ATOMS.astype(jnp.bfloat16)
  outputs = sparse_product.decode(code_bk, atoms_kd, ACTIVE)
  assert outputs.dtype == jnp.bfloat16
  exact = code_bk.astype(jnp.float32) @ atoms_kd.astype(jnp.float32)
  np.testing.assert_array_equal(outputs, exact.astype(jnp.bfloat16))


X = jnp.asarray(NOISE.normal(size=(6, 5)), jnp.float32)
ROWS = jnp.asarray(NOISE.normal(size=(LATENTS, 5)), jnp.float32)
WIDE_ROWS = jnp.asarray(NOISE.normal(size=(WIDE, 5)), jnp.float32)


def code_loss_of(product, kept=ACTIVE):
  """Returns a function of (x, rows) whose gradient is not zero at `kept` latents."""

  def loss(x_bd, rows_kd):
    code_bk = keep_largest(jax.nn.relu(product(x_bd, rows_kd)), kept)
    return jnp.sum(jnp.sin(code_bk.astype(jnp.float32)))

  return jax.value_and_grad(loss, (0, 1))


def sparse_encoder(x_bd, rows_kd):
  return sparse_product.encode(x_bd, rows_kd, ACTIVE)


def dense_encoder(x_bd, rows_kd):
  return x_bd @ rows_kd.T


@pytest.mark.parametrize("rows_kd", [ROWS, WIDE_ROWS], ids=["narrow", "wide"])
@pytest.mark.parametrize("active", [ACTIVE, None])
@pytest.mark.parametrize("kept", [1, ACTIVE, ACTIVE + 1, LATENTS])
def test_an_encoder_has_the_gradients_of_the_dense_product(kept, active, rows_kd):
  def encoder(x_bd, rows_kd):
    return sparse_product.encode(x_bd, rows_kd, active)

  found = jax.jit(code_loss_of(encoder, kept))(X, rows_kd)
  assert_close(found, jax.jit(code_loss_of(dense_encoder, kept))(X, rows_kd))


def test_a_population_of_encoders():
  x, rows = jnp.stack([X, -X]), jnp.stack([ROWS, ROWS + 1])
  found = jax.vmap(code_loss_of(sparse_encoder))(x, rows)
  assert_close(found, jax.vmap(code_loss_of(dense_encoder))(x, rows))


def test_gradients_of_bfloat16_rows_are_summed_in_float32():
  x, rows = (array.astype(jnp.bfloat16) for array in (X, ROWS))
  _, (_, found) = code_loss_of(sparse_encoder)(x, rows)
  assert found.dtype == jnp.bfloat16
  # the gradient that reaches the rows is one number for each active latent
  code, pull = jax.vjp(lambda pre: keep_largest(jax.nn.relu(pre), ACTIVE), x @ rows.T)
  slopes = jnp.cos(code.astype(jnp.float32)).astype(jnp.bfloat16)
  (reaching,) = pull(jnp.where(code > 0, slopes, 0))
  exact = reaching.astype(jnp.float32).T @ x.astype(jnp.float32)
  np.testing.assert_allclose(found.astype(jnp.float32), exact, rtol=2**-8, atol=1e-6)
