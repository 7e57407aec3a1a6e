"""Sparse coding: its solvers, the dictionary's update, LISTA, what it hands on."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.decomposition import sparse_encode

from sgae.config import validate
from sgae.data.dataset import Dataset
from sgae.devices.mesh import local_mesh
from sgae.errors import UserError
from sgae.evaluation.measures.codes import coherence, dictionary_stability
from sgae.evaluation.measures.reference import EvaluationData
from sgae.methods import METHODS
from sgae.methods.sparse_coding import dictionary
from sgae.methods.sparse_coding.evaluate import make_evaluator
from sgae.methods.sparse_coding.solvers import (
  SOLVERS,
  duality_gap,
  objective,
  solve,
  solve_to_gap,
)
from sgae.networks import lista
from tests.systems import (
  DICTIONARY,
  EXAMPLES,
  IMAGES,
  batches,
  make_phase,
  run_steps,
  small_config,
)

ALPHA = 0.1


def unit_atoms(count: int, width: int, seed: int = 0) -> np.ndarray:
  """Returns random atoms of norm 1."""
  atoms = np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)
  return atoms / np.linalg.norm(atoms, axis=1, keepdims=True)


ATOMS: Any = unit_atoms(40, 20)
SIGNALS: Any = np.random.default_rng(1).normal(size=(16, 20)).astype(np.float32)


def sparse_config(**fields):
  """Returns a tiny config of sparse coding."""
  config = small_config(**DICTIONARY | fields)
  if "phases" not in fields:
    config.phases = ("sparse_coding",)
  return config


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("solver", SOLVERS)
def test_solvers_find_the_least_objective(solver, signed):
  expected = sparse_encode(
    SIGNALS.astype(np.float64),
    ATOMS.astype(np.float64),
    algorithm="lasso_cd",
    alpha=ALPHA,
    positive=not signed,
    max_iter=100_000,
  )
  least = objective(SIGNALS, ATOMS, jnp.float32(expected), ALPHA)
  codes, gap = solve_to_gap(
    ATOMS, SIGNALS, ALPHA, solver=solver, most=20_000, tolerance=2e-5, signed=signed
  )
  np.testing.assert_allclose(objective(SIGNALS, ATOMS, codes, ALPHA), least, rtol=1e-3)
  assert gap.max() <= 2e-5
  assert signed or codes.min() == 0
  few = solve(ATOMS, SIGNALS, ALPHA, solver=solver, iterations=5, signed=signed)
  bound = duality_gap(SIGNALS, ATOMS, few, ALPHA, signed)
  excess = objective(SIGNALS, ATOMS, few, ALPHA) - least
  assert (np.asarray(bound) > np.asarray(excess) - 1e-4).all()
  assert excess.max() > 1e-3  # five do not do


def test_codes_on_orthonormal_atoms_are_shrunk_products():
  atoms: Any = np.linalg.qr(SIGNALS.T @ SIGNALS)[0][:5].astype(np.float32)
  products = SIGNALS @ atoms.T
  expected = np.sign(products) * np.maximum(np.abs(products) - ALPHA, 0)
  for solver in SOLVERS:
    codes = solve(atoms, SIGNALS, ALPHA, solver=solver, iterations=200, signed=True)
    np.testing.assert_allclose(codes, expected, atol=1e-4)


def test_a_row_is_solved_by_itself():
  def codes_of(signals):
    return solve_to_gap(
      ATOMS, signals, ALPHA, solver="fista", most=500, tolerance=1e-3, signed=True
    )[0]

  together, alone = codes_of(SIGNALS), codes_of(SIGNALS[:3])
  np.testing.assert_allclose(together[:3], alone, atol=1e-5)


def test_no_eigenvalue_exceeds_its_bound():
  for seed, count in enumerate((1, 5, 64)):
    atoms = unit_atoms(count, 20, seed)
    largest = np.linalg.eigvalsh(atoms @ atoms.T).max()
    bound = float(lista.eigenvalue_bound(jnp.asarray(atoms @ atoms.T)))
    assert largest * 0.9999 <= bound <= 1.2 * largest


def test_the_dictionary_is_improved_one_atom_after_the_other():
  codes = np.maximum(np.random.default_rng(2).normal(size=(64, 40)), 0)
  codes[:, 7] = 0  # has no use, and stays
  signals = np.random.default_rng(3).normal(size=(64, 20))
  gram, products = codes.T @ codes / 64, codes.T @ signals / 64
  expected = ATOMS.astype(np.float64)
  for k in range(40):
    if k != 7:
      expected[k] += (products[k] - gram[k] @ expected) / gram[k, k]
      expected[k] /= max(1, np.linalg.norm(expected[k]))
  statistics = dictionary.Statistics(jnp.float32(gram), jnp.float32(products))
  found = jax.jit(dictionary.improved)(ATOMS, statistics)
  np.testing.assert_allclose(found, expected, atol=1e-5)
  assert np.linalg.norm(found, axis=1).max() <= 1 + 1e-6


def test_statistics_are_means_over_steps_then_over_a_window():
  statistics = dictionary.Statistics(jnp.zeros((2, 2)), jnp.zeros((2, 3)))
  values = []
  for done in range(5):
    codes, signals = jnp.full((4, 2), float(done)), jnp.ones((4, 3))
    statistics = dictionary.averaged(statistics, codes, signals, done + 1, 3, None)
    values.append(float(statistics.products_kd[0, 0]))
  np.testing.assert_allclose(values, [0, 0.5, 1, 5 / 3, 5 / 3 + (4 - 5 / 3) / 3])
  forgotten = dictionary.forgotten(statistics, jnp.array([True, False]))
  np.testing.assert_array_equal(forgotten.gram_kk[0], 0)
  np.testing.assert_array_equal(forgotten.gram_kk[:, 0], 0)
  assert forgotten.gram_kk[1, 1] == statistics.gram_kk[1, 1] > 0


@pytest.mark.parametrize("learning", ["online", "gradient"])
def test_known_atoms_are_recovered(learning):
  """Signals of three of 30 known atoms of 20 numbers each."""
  random = np.random.default_rng(0)
  truth = unit_atoms(30, 20, 5)
  codes = np.zeros((4096, 30), np.float32)
  for row in codes:
    row[random.choice(30, 3, replace=False)] = random.uniform(0.5, 1.5, 3)
  signals = jnp.asarray(
    codes @ truth + 0.01 * random.normal(size=(4096, 20)), "float32"
  )
  config = sparse_config(
    code__num_latents=40,
    sparse_coding__alpha=0.15,
    sparse_coding__dictionary=learning,
    sparse_coding__window=20,
    sparse_coding__optimizer__learning_rate=0.02,
    sparse_coding__iterations=40,
    sparse_coding__steps=400,
  )
  config.sparse_coding.replace_after = 50
  program = METHODS["sparse_coding"].build(config, (1, 1, 20))
  images = signals.reshape(16, 256, 1, 1, 20)

  def step(state, turn):
    batch = {"image": images[turn % 16], "position": jnp.arange(256)}
    return program.step(state, batch)

  start = program.init(jax.random.key(0))
  state, metrics = jax.jit(lambda s: jax.lax.scan(step, s, jnp.arange(400)))(start)
  found = state.player.params["decoder"]["atoms"]
  cosines = truth @ np.asarray(found).T / np.linalg.norm(found, axis=1)
  assert np.median(cosines.max(axis=1)) > 0.99
  assert (cosines.max(axis=1) > 0.97).mean() >= 0.95
  # the first dictionary is none of them
  first = start.player.params["decoder"]["atoms"]
  assert dictionary_stability(np.asarray(first), truth).value < 0.6
  assert metrics["sparse_coding/encoder_error"][-1] < 0.3
  assert np.linalg.norm(found, axis=1).max() <= 1 + 1e-5


def test_lista_that_is_tied_is_ista():
  mean = np.zeros((1, 1, 20), np.float32)
  images = jnp.asarray(SIGNALS).reshape(-1, 1, 1, 20)
  bound = lista.eigenvalue_bound(jnp.asarray(ATOMS @ ATOMS.T))
  for signed in (True, False):
    network = lista.lista_encoder(mean, 40, iterations=3, signed=signed)
    params = lista.tied_to_atoms(network.init(jax.random.key(0)), jnp.asarray(ATOMS))
    params["threshold"] = jnp.full(40, ALPHA / bound)
    codes = jax.nn.relu(network.apply(params, images).values) * (not signed)
    codes += network.apply(params, images).values * signed
    # of 40 atoms in 20 dimensions the solver bounds the other Gram matrix
    step = lista.eigenvalue_bound(jnp.asarray(ATOMS.T @ ATOMS))
    assert float(step) == pytest.approx(float(bound), rel=1e-4)
    expected = solve(ATOMS, SIGNALS, ALPHA, solver="ista", iterations=4, signed=signed)
    np.testing.assert_allclose(codes, expected, atol=1e-4)


def test_unused_atoms_become_examples_and_are_forgotten():
  config = sparse_config(sparse_coding__alpha=1e6)  # no code at all
  phase = make_phase("sparse_coding", config)
  stacked = batches(phase, 0, 3)
  state, metrics = run_steps(phase, phase.init({}), stacked)
  np.testing.assert_array_equal(metrics["sparse_coding/dead_fraction"], [0, 0, 1])
  atoms = np.asarray(state.player.params["decoder"]["atoms"])
  images = np.asarray(stacked["image"][2]).reshape(16, -1)
  centred = images - np.asarray(state.player.params["decoder"]["bias"])
  cosines = atoms @ (centred / np.linalg.norm(centred, axis=1, keepdims=True)).T
  np.testing.assert_allclose(cosines.max(axis=1), 1, atol=1e-5)
  assert len(np.unique(cosines.argmax(axis=1))) > 5
  np.testing.assert_array_equal(state.idle_k, 0)


def test_a_fixed_dictionary_stays_and_the_encoder_learns():
  config = sparse_config(
    phases=("sae", "sparse_coding"), sparse_coding__dictionary="fixed"
  )
  config = validate(config)
  sae, coding = make_phase("sae", config), make_phase("sparse_coding", config)
  trained, _ = run_steps(sae, sae.init({}), batches(sae, 0, 5))
  start = coding.init({"sae": trained})
  state, metrics = run_steps(coding, start, batches(coding, 0, 60))
  for name in ("atoms", "bias"):
    np.testing.assert_array_equal(
      state.player.params["decoder"][name], trained.player.params["decoder"][name]
    )
  errors = metrics["sparse_coding/encoder_error"]
  assert errors[-10:].mean() < errors[:10].mean()


def test_a_mixture_of_its_codes_starts_a_gan():
  config = sparse_config(
    phases=("sparse_coding", "gan"),
    gan__coder="mixture",
    gan__discriminator_start="encoder",
    gan__mixture__components=5,
    gan__mixture__axes=6,
    gan__mixture__rank=3,
  )
  config = validate(config)
  coding, gan = make_phase("sparse_coding", config), make_phase("gan", config)
  trained, _ = run_steps(coding, coding.init({}), batches(coding, 0, 5))
  params = trained.player.params
  branches, count = METHODS["gan"].prepare(
    config, Dataset("tiny", EXAMPLES, EXAMPLES, 10), params
  )
  assert count == len(IMAGES)
  state = gan.program.init_from(jax.random.key(0), params | branches)
  np.testing.assert_array_equal(
    state.generator.params["decoder"]["atoms"], params["decoder"]["atoms"]
  )
  rows = np.asarray(params["encoder"]["rows"])[:12]
  kernel = np.asarray(state.discriminator.params["Dense_0"]["kernel"]).T
  cosines = (rows * kernel).sum(1)
  cosines /= np.linalg.norm(rows, axis=1) * np.linalg.norm(kernel, axis=1)
  np.testing.assert_allclose(cosines, 1, atol=1e-5)
  _, metrics = run_steps(gan, state, batches(gan, 0, 2))
  assert np.isfinite(metrics["gan/g_loss"]).all()


def test_evaluation_measures_the_amortisation_gap():
  config = validate(sparse_config())
  data = EvaluationData(Dataset("tiny", EXAMPLES, EXAMPLES, 10), None)
  evaluator = make_evaluator(config, data, local_mesh())
  phase = make_phase("sparse_coding", config)
  state, _ = run_steps(phase, phase.init({}), batches(phase, 0, 20))
  observed = evaluator.observe(state, True)
  figures = evaluator.measure(observed, True)
  gap = figures["encoder_objective"].value / figures["objective"].value - 1
  assert figures["amortisation_gap"].value == pytest.approx(gap, rel=1e-5)
  assert gap > 0
  assert figures["largest_gap"].value <= 1e-4
  assert 0 < figures["coherence"].value < 1
  assert {"probe_error", "fvu", "l0", "encoder_fvu", "encoder_l0"} <= set(figures)
  assert set(evaluator.draw(observed)) == {"reconstructions", "atoms"}
  encoded = phase.program.functions["approximate"](state, (IMAGES / 127.5 - 1)[:4])
  np.testing.assert_allclose(encoded, observed.encoder_codes[:4], atol=1e-4)
  assert evaluator.protocol()["objective"].endswith(", alpha 0.1")


def test_the_protocol_of_a_population_says_the_alpha_of_its_members():
  config = sparse_config()
  config.population.vary = ("sparse_coding.alpha=0.3,0.1",)
  data = EvaluationData(Dataset("tiny", EXAMPLES, EXAMPLES, 10), None)
  evaluator = make_evaluator(validate(config), data, local_mesh())
  objective = evaluator.protocol()["objective"]
  assert objective.endswith(", alpha 0.1, 0.3 (each member its own)")


def test_coherence_is_the_largest_cosine():
  atoms = np.array([[1.0, 0.0], [0.0, 2.0], [-3.0, 3.0], [0.0, 0.0]])
  assert coherence(atoms).value == pytest.approx(0.5**0.5)


@pytest.mark.parametrize(
  ("fields", "words"),
  [
    ({"sae__output": "tanh"}, "sae.output='tanh' is no dictionary"),
    ({"sae__architecture": "convolutional"}, "choose 'lista' or 'mlp'"),
    ({"code__sparsity_map": "topk"}, "code.sparsity_map='topk' is not what"),
    ({"sparse_coding__dictionary": "fixed"}, r"phases=\('sae', 'sparse_coding'\)"),
    ({"sparse_coding__alpha": 0.0}, "sparse_coding.alpha"),
    ({"sparse_coding__solver": "newton"}, "sparse_coding.solver"),
    ({"sae__encoder_hidden": (3,)}, "sae.architecture='lista', which has no"),
    ({"sae__unit_norm_atoms": False}, "set it to True, or choose phases="),
    (
      {"sae__architecture": "mlp", "sae__encoder_hidden": (3,)},
      "sae.tied_start=True needs linear networks",
    ),
  ],
)
def test_what_sparse_coding_cannot_be_is_refused(fields, words):
  config = sparse_config()
  for name, value in fields.items():
    section, field = name.split("__")
    config[section][field] = value
  with pytest.raises(UserError, match=words):
    validate(config)
