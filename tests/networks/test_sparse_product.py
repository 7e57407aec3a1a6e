"""A code by its few latents has the values and gradients of dense products."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from sgae.devices.mesh import make_mesh
from sgae.kernels import collectives, sparse
from sgae.kernels.dense import WIDE
from sgae.networks.sparsity import density, keep_largest, top_code

pytestmark = pytest.mark.usefixtures("optimised")

ACTIVE, LATENTS = 2, 128
NOISE = np.random.default_rng(0)


def noise(*shape):
  return jnp.asarray(NOISE.normal(size=shape), jnp.float32)


PRE, ATOMS, WANTED = noise(6, LATENTS), noise(LATENTS, 5), noise(6, 5)
X, ROWS, BIAS = noise(6, 5), noise(LATENTS, 5), noise(LATENTS)


@pytest.fixture(params=["cpu", "another"])
def platform(request, monkeypatch):
  """Takes what is meant for a CPU, then what is for platforms without a name."""

  def chosen(*operands, default, **named):
    return named.get(request.param, default)(*operands)

  monkeypatch.setattr(jax.lax, "platform_dependent", chosen)
  return request.param


def few_loss(pre_bk, atoms_kd):
  code = top_code(pre_bk, ACTIVE)
  outputs = sparse.decode(code.values, code.active, atoms_kd)
  # once by what is decoded, and once by the code itself, as a penalty would
  return jnp.sum((outputs - WANTED[: len(pre_bk)]) ** 2) + jnp.sum(code.values**3)


def dense_loss(pre_bk, atoms_kd):
  code_bk = keep_largest(jax.nn.relu(pre_bk), ACTIVE)
  outputs = code_bk @ atoms_kd
  return jnp.sum((outputs - WANTED[: len(pre_bk)]) ** 2) + jnp.sum(code_bk**3)


def both(loss):
  return jax.jit(jax.value_and_grad(loss, (0, 1)))


def assert_close(found, wanted):
  for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
  "pre_bk",
  [PRE, PRE.at[1].set(-1.0), PRE.at[2].set(0.0), PRE.at[3, 1:].set(-1.0)],
  ids=["usual", "all negative", "all zero", "one active"],
)
@pytest.mark.usefixtures("platform")
def test_value_and_gradients_are_those_of_the_dense_product(pre_bk):
  assert_close(both(few_loss)(pre_bk, ATOMS), both(dense_loss)(pre_bk, ATOMS))


def test_of_equal_numbers_a_cpu_keeps_as_many_as_were_asked_for(platform):
  code = top_code(PRE.at[2].set(1.0), ACTIVE)
  kept = ACTIVE if platform == "cpu" else LATENTS
  wanted = [ACTIVE, ACTIVE, kept, ACTIVE, ACTIVE, ACTIVE]
  assert (code.values > 0).sum(axis=1).tolist() == code.l0.tolist() == wanted


def test_few_of_many_are_gathered():
  assert top_code(PRE[:, : 16 * ACTIVE], ACTIVE).active is not None
  assert top_code(PRE[:, : 16 * ACTIVE - 1], ACTIVE).active is None
  assert top_code(PRE[:, None], ACTIVE).active is None  # this one has places


@pytest.mark.usefixtures("platform")
def test_a_population_of_autoencoders():
  pre, atoms = jnp.stack([PRE, -PRE]), jnp.stack([ATOMS, ATOMS + 1])
  found = jax.vmap(both(few_loss))(pre, atoms)
  assert_close(found, jax.vmap(both(dense_loss))(pre, atoms))


@pytest.mark.usefixtures("platform")
def test_under_shard_map():
  def local(pre_bk, atoms_kd):
    value, gradients = both(few_loss)(pre_bk, collectives.varying(atoms_kd, "data"))
    return jax.lax.psum((value, gradients[1]), "data")

  whole, spread = PartitionSpec(), PartitionSpec("data")
  mapped = jax.shard_map(
    local, mesh=make_mesh(1), in_specs=(spread, whole), out_specs=whole
  )
  value, (_, atoms) = both(dense_loss)(PRE, ATOMS)
  assert_close(jax.jit(mapped)(PRE, ATOMS), (value, atoms))


def test_bfloat16_is_summed_in_float32():
  few_code = top_code(PRE, ACTIVE)
  code = few_code._replace(values=few_code.values.astype(jnp.bfloat16))  # as a network
  atoms_kd = ATOMS.astype(jnp.bfloat16)
  outputs = sparse.decode(code.values, code.active, atoms_kd)
  assert outputs.dtype == jnp.bfloat16
  exact = code.values.astype(jnp.float32) @ atoms_kd.astype(jnp.float32)
  np.testing.assert_array_equal(outputs, exact.astype(jnp.bfloat16))


@pytest.mark.usefixtures("platform")
def test_how_often_latents_fire():
  pre_bk = PRE.at[3, 1:].set(-1.0)  # one that chooses more than fire
  code = top_code(pre_bk, ACTIVE)
  fired = keep_largest(jax.nn.relu(pre_bk), ACTIVE) > 0
  np.testing.assert_array_equal(density(code, None), fired.mean(axis=0))


# How many pre-activations something else reaches as well, as AuxK does dead ones.
OTHERS = [0, 1, ACTIVE, ACTIVE + 1, LATENTS]


def by_rows(active, others=0):
  def loss(x_bd, rows_kd, bias_k):
    pre = sparse.encode(x_bd, rows_kd, bias_k, active)
    code = top_code(pre, ACTIVE)
    return jnp.sum(jnp.sin(code.values)) + jnp.sum(pre.values[:, :others] ** 2)

  return jax.jit(jax.value_and_grad(loss, (0, 1, 2)))


def by_dense_rows(others=0):
  def loss(x_bd, rows_kd, bias_k):
    pre_bk = x_bd @ rows_kd.T + bias_k
    code_bk = keep_largest(jax.nn.relu(pre_bk), ACTIVE)
    return jnp.sum(jnp.sin(code_bk)) + jnp.sum(pre_bk[:, :others] ** 2)

  return jax.jit(jax.value_and_grad(loss, (0, 1, 2)))


@pytest.mark.parametrize("latents", [LATENTS, WIDE], ids=["narrow", "wide"])
@pytest.mark.parametrize("active", [ACTIVE, None])
@pytest.mark.parametrize("others", OTHERS)
@pytest.mark.usefixtures("platform")
def test_an_encoder_has_the_gradients_of_the_dense_product(others, active, latents):
  rows, bias = noise(latents, 5), noise(latents)
  found = by_rows(active, others)(X, rows, bias)
  assert_close(found, by_dense_rows(others)(X, rows, bias))


@pytest.mark.usefixtures("platform")
def test_a_population_of_encoders():
  x, rows, bias = (jnp.stack([one, one + 1]) for one in (X, ROWS, BIAS))
  found = jax.vmap(by_rows(ACTIVE, ACTIVE))(x, rows, bias)
  assert_close(found, jax.vmap(by_dense_rows(ACTIVE))(x, rows, bias))


def test_gradients_of_bfloat16_rows_are_summed_in_float32():
  x, rows, bias = (array.astype(jnp.bfloat16) for array in (X, ROWS, BIAS))
  _, (_, found, _) = by_rows(ACTIVE)(x, rows, bias)
  assert found.dtype == jnp.bfloat16
  # the gradient that reaches the rows is one number for each active latent
  pre_bk = x @ rows.T + bias
  code, pull = jax.vjp(lambda pre: keep_largest(jax.nn.relu(pre), ACTIVE), pre_bk)
  (reaching,) = pull(jnp.cos(code))
  exact = reaching.astype(jnp.float32).T @ x.astype(jnp.float32)
  np.testing.assert_allclose(found.astype(jnp.float32), exact, rtol=2**-8, atol=1e-6)


def test_other_platforms_do_not_scatter():
  arguments = (X, ROWS, BIAS)
  traced = by_rows(ACTIVE).trace(*arguments)

  def scatters(platform):
    return traced.lower(lowering_platforms=(platform,)).as_text().count(".scatter")

  assert scatters("cpu") > 0
  assert scatters("tpu") == scatters("cuda") == 0
