"""The gathered product equals the dense one, also where it must not be taken."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from sgae import parallel, reduction
from sgae.networks import sparse_product
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
