"""Variants of the sparse autoencoder's loss, by hand and against plain forms."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgae.data.dataset import Dataset, Split
from sgae.errors import UserError
from sgae.losses import reconstruction, sparsity
from sgae.methods.sparse_autoencoder import hull
from sgae.methods.sparse_autoencoder.evaluate import stabilities
from sgae.methods.sparse_autoencoder.loss import Terms, make_loss
from sgae.methods.sparse_autoencoder.networks import build_autoencoder
from sgae.networks import archetypes
from sgae.networks.sparsity import make_gated
from tests.systems import (
  CONVOLUTIONAL,
  EXAMPLES,
  MEAN,
  batches,
  blank_batch,
  make_phase,
  run_steps,
  small_config,
)

IMAGES = jnp.asarray(EXAMPLES.images[:8], jnp.float32) / 127.5 - 1
NO_WEIGHTS = {"sparsity_weight": 0.0, "auxiliary_weight": 0.0, "rho": 0.05}
ARCHETYPAL = {"sae__archetypes": 30, "sae__unit_norm_atoms": False}
NONE_DEAD = jnp.zeros(24, bool)


def loss_of(config, terms, exponent=1.0, **weights):
  """Returns (autoencoder, fresh parameters, params -> (loss, (metrics, code)))."""
  autoencoder = build_autoencoder(config, MEAN)
  params = autoencoder.init(jax.random.key(1))
  loss, settings = make_loss(autoencoder, terms), NO_WEIGHTS | weights
  return (
    autoencoder,
    params,
    lambda params: loss(params, (IMAGES, IMAGES), NONE_DEAD, exponent, settings, None),
  )


def test_powers_by_hand():
  values = jnp.array([0.0, 0.5, 4.0])
  np.testing.assert_allclose(sparsity.raised(values, 1.0), values, atol=1e-6)
  half = np.sqrt(np.array([0.001, 0.501, 4.001])) - np.sqrt(0.001)
  np.testing.assert_allclose(sparsity.raised(values, 0.5), half, 1e-5, 1e-7)
  slope = jax.grad(lambda x: sparsity.raised(x, 0.2).sum())(values)
  np.testing.assert_allclose(slope, 0.2 * (values + 1e-3) ** -0.8, rtol=1e-4)


def test_a_gate_opens_and_a_magnitude_of_its_own_follows():
  gated = make_gated()
  params = {
    "log_scale": jnp.log(jnp.array([2.0, 2.0, 1.0])),
    "bias": jnp.array([0.5, 0.5, -1.0]),
  }
  pre = jnp.array([[1.0, -0.1, 0.5]])
  code = gated.apply(params, pre, train=True)
  # 2 * 1 + .5; shut, though 2 * -.1 + .5 > 0; open, and 1 * .5 - 1 < 0
  np.testing.assert_allclose(code.values, [[2.5, 0.0, 0.0]])
  np.testing.assert_array_equal(code.l0, [1.0])
  assert gated.gates is not None
  np.testing.assert_allclose(gated.gates(pre), [[1.0, 0.0, 0.5]])
  slope = jax.grad(lambda x: gated.apply(params, x, train=True).values.sum())(pre)
  np.testing.assert_allclose(slope, [[2.0, 0.0, 0.0]])


def test_the_gates_own_reconstruction_trains_no_decoder():
  config = small_config(code__sparsity_map="gated")
  l1 = sparsity.SPARSITY_PENALTIES["l1"]
  autoencoder, params, loss = loss_of(config, Terms(l1), sparsity_weight=0.1)
  params["sparsity"]["bias"] += 0.1  # code and gates are not the same
  code, pre = autoencoder.encode(params, IMAGES, train=True)

  def plain(params):
    code, _ = autoencoder.encode(params, IMAGES, train=True)
    return reconstruction.squared_error(IMAGES, autoencoder.decode(params, code))

  def of_gates(params):
    gates = jax.nn.relu(autoencoder.encode(params, IMAGES, train=True)[1])
    images = autoencoder.decode(params, gates)
    return reconstruction.squared_error(IMAGES, images) + 0.1 * sparsity.l1(gates)

  value, (metrics, _) = loss(params)
  np.testing.assert_allclose(value, plain(params) + of_gates(params), rtol=1e-5)
  np.testing.assert_allclose(metrics["sae/omega"], sparsity.l1(jax.nn.relu(pre)))
  assert not np.allclose(code.values, jax.nn.relu(pre))
  found = jax.grad(lambda params: loss(params)[0])(params)
  alone, gates = jax.grad(plain)(params), jax.grad(of_gates)(params)
  assert any(leaf.any() for leaf in jax.tree.leaves(gates["decoder"]))
  for branch, expected in {
    "decoder": alone["decoder"],
    "sparsity": alone["sparsity"],
    "encoder": jax.tree.map(jnp.add, alone["encoder"], gates["encoder"]),
  }.items():
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6),
      found[branch],
      expected,
    )


@pytest.mark.parametrize("fields", [{}, CONVOLUTIONAL], ids=["mlp", "convolutional"])
def test_prefixes_reconstruct_alone_and_their_errors_add_up(fields):
  config = small_config(code__sparsity_map="batch_topk", code__k=6, **fields)
  latents = config.code.num_latents
  none = sparsity.SPARSITY_PENALTIES["none"]
  autoencoder, params, loss = loss_of(config, Terms(none, prefixes=(2, 5, latents)))
  code, _ = autoencoder.encode(params, IMAGES, train=True)
  errors = []
  for count in (2, 5, latents):
    kept = jnp.where(jnp.arange(latents) < count, code.values, 0.0)
    images = autoencoder.decode(params, kept)
    errors.append(reconstruction.squared_error(IMAGES, images))
  value, (metrics, _) = loss(params)
  np.testing.assert_allclose(value, sum(errors), rtol=1e-5)
  np.testing.assert_allclose(metrics["sae/mse"], errors[-1], rtol=1e-6)
  assert len(set(map(float, errors))) == 3


def test_one_prefix_is_batch_topk_bit_for_bit():
  def program(*prefixes):
    config = small_config(code__sparsity_map="batch_topk", sae__matryoshka=prefixes)
    phase = make_phase("sae", config)
    batch = blank_batch(phase, MEAN)
    return str(jax.make_jaxpr(phase.step)(jax.eval_shape(phase.init, {}), batch))

  assert program(24) == program()
  assert program(8, 24) != program()


def test_a_penalty_by_norms_does_not_see_how_a_latent_shares_its_size_with_its_atom():
  config = small_config(code__sparsity_map="relu", sae__unit_norm_atoms=False)
  l1 = sparsity.SPARSITY_PENALTIES["l1"]
  penalties = {}
  for annealed in (False, True):
    terms = Terms(l1, by_norms=True, annealed=annealed)
    _, params, loss = loss_of(config, terms, exponent=0.5)
    scale = jnp.linspace(0.5, 2.0, 24)
    scaled = jax.tree.map(jnp.copy, params)
    scaled["decoder"]["atoms"] *= scale[:, None]
    for name in ("rows", "bias"):
      encoder = scaled["encoder"]
      encoder[name] /= scale.reshape(-1, *(1,) * (encoder[name].ndim - 1))
    before, after = (loss(each)[1][0]["sae/omega"] for each in (params, scaled))
    np.testing.assert_allclose(before, after, rtol=1e-5)
    penalties[annealed] = (before, loss(params)[1][1].values)
  plain, values = penalties[False]  # atoms start at norm 1
  np.testing.assert_allclose(plain, sparsity.l1(values), rtol=1e-5)
  raised = sparsity.l1(sparsity.raised(values, 0.5))
  np.testing.assert_allclose(penalties[True][0], raised, rtol=1e-5)


def test_the_exponent_falls_from_1_to_its_end_over_the_steps():
  config = small_config(sae__p_annealing=0.8, sae__sparsity_weight=0.1)
  config.sae.update(steps=5, log_every=1, evaluate_every=1, save_every=1)
  phase = make_phase("sae", config)
  _, metrics = run_steps(phase, phase.init({}), batches(phase, 0, 6))
  exponents = [1, 0.8, 0.6, 0.4, 0.2, 0.2]
  np.testing.assert_allclose(metrics["sae/exponent"], exponents, rtol=1e-5)
  plain = make_phase("sae", small_config(sae__sparsity_weight=0.1))
  _, by_l1 = run_steps(plain, plain.init({}), batches(plain, 0, 1))
  np.testing.assert_allclose(metrics["sae/omega"][0], by_l1["sae/omega"][0], rtol=1e-5)
  assert metrics["sae/omega"][1] > by_l1["sae/omega"][0]


def test_each_seed_is_compared_with_the_others_of_its_setting():
  def state_with(atoms):
    params = {"decoder": {"atoms": jnp.asarray(atoms, jnp.float32)}}
    return SimpleNamespace(player=SimpleNamespace(params=params))

  square = np.eye(4).reshape(4, 2, 2, 1)  # atoms with places
  mixed = np.concatenate([square[:2], square[2:3] + square[3:], -square[:1]])
  found = stabilities([state_with(each) for each in (square, square[::-1], mixed)])
  # to itself in another order; to the mixture by two atoms and half a diagonal
  near = (1 + 1 + 0.5**0.5 + 0) / 4
  for figures, expected in zip(
    found, [(1 + near) / 2, (1 + near) / 2, near], strict=True
  ):
    value = figures["dictionary_stability"].value
    np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_atoms_are_mixtures_of_points_and_a_little_more():
  points = jnp.array([[3.0, 4.0], [0.0, 5.0], [-5.0, 0.0]])  # of norm 5
  params = archetypes.init(points, 2)
  np.testing.assert_allclose(archetypes.atoms(params), points[:2] / 5, rtol=1e-6)
  moved = params | {
    "mixing": jnp.array([[1.0, 3.0, -2.0], [0.5, 0.0, 0.0], [-1.0, -0.1, 0.0]]),
    "offset": jnp.array([[3.0, 4.0], [0.0, 0.5], [0.0, 0.0]]),
  }
  bounded = archetypes.projected(moved, relaxation=0.2)  # of norm 1 at most
  mixing = [[0.25, 0.75, 0.0], [1.0, 0.0, 0.0], [1 / 3] * 3]  # nothing is left of one
  np.testing.assert_allclose(bounded["mixing"], mixing, rtol=1e-6)
  offset = [[0.6, 0.8], [0.0, 0.5], [0.0, 0.0]]
  np.testing.assert_allclose(bounded["offset"], offset, rtol=1e-6)
  slopes = jax.grad(lambda params: archetypes.atoms(params).sum())(params)
  assert not slopes["points"].any()
  assert slopes["mixing"].all() and slopes["offset"].all()


def test_archetypes_are_of_all_classes_of_data_that_are_stored_by_class():
  dark_then_light = np.repeat(np.array([0, 255], np.uint8), 500)[:, None, None, None]
  images = np.broadcast_to(dark_then_light, (1000, 4, 4, 1))
  split = Split(images, np.repeat([0, 1], 500))
  config = small_config(**ARCHETYPAL | {"sae__archetypes": 2})
  prepared, count = hull.prepare(config, Dataset("sorted", split, split, 2), {})
  assert count == 40
  np.testing.assert_allclose(np.sort(prepared["points"][:, 0]), [-1, 1])


def test_archetypal_atoms_stay_within_their_bounds_and_learn():
  config = small_config(**ARCHETYPAL)
  data = Dataset("noise", EXAMPLES, EXAMPLES, 10)
  prepared, images = hull.prepare(config, data, {})
  assert (prepared["points"].shape, images) == ((30, 16), 256)
  again, _ = hull.prepare(small_config(seed=1, **ARCHETYPAL), data, {})
  np.testing.assert_array_equal(prepared["points"], again["points"])
  phase = make_phase("sae", config)
  start = phase.program.init_from(jax.random.key(0), prepared)
  state, metrics = run_steps(phase, start, batches(phase, 0, 200))
  params = state.player.params
  np.testing.assert_array_equal(params["hull"]["points"], prepared["points"])
  np.testing.assert_allclose(params["hull"]["mixing"].sum(axis=1), 1.0, rtol=1e-5)
  assert (params["hull"]["mixing"] >= 0).all()
  most = 0.1 * np.linalg.norm(prepared["points"], axis=1).mean()
  assert (jnp.linalg.norm(params["hull"]["offset"], axis=1) <= most * 1.00001).all()
  made = archetypes.atoms(params["hull"])
  np.testing.assert_allclose(params["decoder"]["atoms"], made, rtol=1e-5, atol=1e-6)
  assert (params["hull"]["mixing"] != start.player.params["hull"]["mixing"]).any()
  fvu = metrics["sae/fvu"]  # of noise, which leaves little to learn
  assert fvu[-50:].mean() < 0.9 * fvu[:50].mean()
  with pytest.raises(UserError, match="sae.archetypes=300 is more than the 256"):
    hull.check_data(small_config(**ARCHETYPAL | {"sae__archetypes": 300}), data)
