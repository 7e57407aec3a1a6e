"""The steps of both phases: which parameters change, counters, populations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgae import randomness
from sgae.devices import backend
from sgae.methods.inheritance import inherit, replace_branches
from sgae.methods.player import update_ema
from tests.systems import (
  CONVOLUTIONAL,
  DICTIONARY,
  batches,
  make_phase,
  run_steps,
  small_config,
)


def one_step(phase, state):
  """Runs the phase's pure step, compiled, over the first batch."""
  batch = jax.tree.map(lambda leaf: leaf[0], batches(phase, 0, 1))
  return jax.jit(phase.step)(state, batch)


def same(a, b):
  return all(jax.tree.leaves(jax.tree.map(lambda x, y: bool((x == y).all()), a, b)))


@pytest.mark.parametrize(
  "fields",
  [
    dict(
      gan__loss="hinge", gan__penalties__gradient_penalty=1.0, train__microbatches=2
    ),
    CONVOLUTIONAL | dict(gan__discriminator_normalization="spectral"),
    CONVOLUTIONAL
    | dict(
      gan__discriminator_normalization="batch",
      gan__penalties__r1=0.0,
      gan__penalties__r2=0.0,
    ),
  ],
  ids=["all penalties in microbatches", "spectral", "batch"],
)
def test_on_a_gpu_one_discriminator_pass_gives_the_same_update(fields, monkeypatch):
  config = small_config(**fields)

  def final(on_gpu):
    monkeypatch.setattr(backend, "_target", "gpu" if on_gpu else "cpu")
    phase = make_phase("gan", config)
    state, metrics = one_step(phase, phase.init({}))
    return state.replace(key=0), metrics

  together, apart = (jax.tree.leaves(final(on_gpu)) for on_gpu in (True, False))
  for a, b in zip(together, apart, strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


# The others are in golden records, and in the parity of several devices.
@pytest.mark.parametrize(
  ("loss", "generator", "penalised"),
  [("hinge", "sparse", True), ("wasserstein", "plain", False)],
)
def test_a_loss_moves_both_players_and_names_its_penalties(loss, generator, penalised):
  config = small_config(gan__loss=loss, gan__generator=generator)
  weight = 0.1 if penalised else 0.0
  config.gan.penalties.update(r1=weight, r2=weight, gradient_penalty=weight)
  phase = make_phase("gan", config)
  start = phase.init({})
  state, metrics = one_step(phase, start)
  assert all(np.isfinite(value) for value in metrics.values())
  assert ("gan/r1" in metrics) == penalised
  assert not same(start.generator.params, state.generator.params)
  assert not same(start.discriminator.params, state.discriminator.params)


@pytest.mark.parametrize("normalization", ["layer", "group"])  # others: test_parallel
def test_a_normalization_trains_finitely(normalization):
  config = small_config(**CONVOLUTIONAL)
  config.gan.update(
    generator_normalization=normalization, discriminator_normalization=normalization
  )
  phase = make_phase("gan", config)
  start = phase.init({})
  state, metrics = run_steps(phase, start, batches(phase, 0, 3))
  assert all(np.isfinite(column).all() for column in metrics.values())
  for player in ("generator", "discriminator"):
    assert not same(getattr(start, player).params, getattr(state, player).params)


def test_running_statistics_are_averaged_with_the_weights():
  phase = make_phase("gan", small_config(**CONVOLUTIONAL))
  start = phase.init({})
  state, _ = one_step(phase, start)
  before, after, average = (
    params["coder"]["dense"]["mean"]
    for params in (start.ema_params, state.generator.params, state.ema_params)
  )
  assert not same(before, after)
  np.testing.assert_allclose(average, 0.1 * before + 0.9 * after, rtol=1e-5)


def test_a_spatial_decoder_is_transferred_and_its_atoms_keep_their_norm():
  config = small_config(**CONVOLUTIONAL)
  sae = make_phase("sae", config)
  trained, metrics = run_steps(sae, sae.init({}), batches(sae, 0, 3))
  atoms = trained.player.params["decoder"]["atoms"]
  assert atoms.shape == (6, 2, 2, 5)
  np.testing.assert_allclose(jnp.sum(atoms**2, axis=(1, 2, 3)), 1, rtol=1e-5)
  assert trained.idle_k.shape == (6,)
  assert np.all((metrics["sae/l0"] > 0) & (metrics["sae/l0"] <= config.code.k))
  gan = make_phase("gan", config)
  start = gan.init({"sae": trained})
  assert same(start.generator.params["decoder"], trained.player.params["decoder"])


def test_a_residual_pair_trains_finitely():
  config = small_config(gan__generator="plain", gan__sparsity_weight=0.0)
  config.gan.update(
    generator_architecture="residual",
    discriminator_architecture="residual",
    generator_hidden=(4,),
    discriminator_hidden=(4, 6),
  )
  config.gan.residual.groups = 2
  phase = make_phase("gan", config)
  _, metrics = run_steps(phase, phase.init({}), batches(phase, 0, 3))
  assert all(np.isfinite(column).all() for column in metrics.values())


@pytest.mark.parametrize("frozen", ["generator", "discriminator"])
def test_a_player_with_learning_rate_zero_does_not_change(frozen):
  config = small_config()
  config.gan[f"{frozen}_optimizer"].learning_rate = 0.0
  phase = make_phase("gan", config)
  start = phase.init({})
  state, _ = one_step(phase, start)
  moved = {"generator", "discriminator"} - {frozen}
  assert same(getattr(start, frozen).params, getattr(state, frozen).params)
  (other,) = moved
  assert not same(getattr(start, other).params, getattr(state, other).params)


def test_update_counts_are_those_of_the_config():
  phase = make_phase(
    "gan", small_config(gan__discriminator_updates=3, gan__generator_updates=2)
  )
  state, _ = run_steps(phase, phase.init({}), batches(phase, 0, 4))
  assert int(state.discriminator.optimizer[0].count) == 12
  assert int(state.generator.optimizer[0].count) == 8
  assert int(state.step) == 4


def test_average_follows_its_formula():
  average, params = {"w": jnp.array([1.0])}, {"w": jnp.array([3.0])}
  early = update_ema(average, params, jnp.float32(0.999), jnp.int32(0))
  late = update_ema(average, params, jnp.float32(0.9), jnp.int32(10_000))
  np.testing.assert_allclose(early["w"], 0.1 * 1 + 0.9 * 3, rtol=1e-6)
  np.testing.assert_allclose(late["w"], 0.9 * 1 + 0.1 * 3, rtol=1e-6)


def test_decoder_factor_zero_freezes_the_transferred_decoder():
  sae = make_phase("sae", small_config())
  trained, _ = run_steps(sae, sae.init({}), batches(sae, 0, 3))
  phase = make_phase("gan", small_config(gan__decoder_rate_factor=0.0))
  start = phase.init({"sae": trained})
  assert same(start.generator.params["decoder"], trained.player.params["decoder"])
  state, _ = run_steps(phase, start, batches(phase, 0, 3))
  assert same(state.generator.params["decoder"], trained.player.params["decoder"])
  assert not same(state.generator.params["coder"], start.generator.params["coder"])


def test_transfer_refuses_another_shape():
  sae = make_phase("sae", small_config())
  gan = make_phase("gan", small_config(code__num_latents=12))
  with pytest.raises(ValueError, match="does not fit"):
    branches = inherit("gan", {"sae": sae.init({})})
    replace_branches(gan.init({}).generator.params, branches)


def test_atoms_keep_unit_norm_and_the_mean_is_not_trained():
  phase = make_phase("sae", small_config())
  start = phase.init({})
  state, metrics = run_steps(phase, start, batches(phase, 0, 20))
  norms = jnp.linalg.norm(state.player.params["decoder"]["atoms"], axis=1)
  np.testing.assert_allclose(norms, 1.0, rtol=1e-5)
  assert same(
    state.player.params["encoder"]["mean"], start.player.params["encoder"]["mean"]
  )
  assert metrics["sae/fvu"][-1] < metrics["sae/fvu"][0]
  np.testing.assert_array_equal(metrics["sae/l0"], 4.0)


def test_idle_counters_by_hand():
  phase = make_phase("sae", small_config(code__sparsity_map="relu"))
  start = phase.init({})
  encoder = start.player.params["encoder"]
  encoder["bias"] = encoder["bias"].at[5].set(-1e6)  # never fires
  state, metrics = run_steps(phase, start, batches(phase, 0, 4))
  assert int(state.idle_k[5]) == 4
  assert metrics["sae/dead_fraction"][1] == 0.0
  assert metrics["sae/dead_fraction"][2] >= 1 / 24  # dead_after=3


@pytest.mark.parametrize("name", ["sae", "gan", "vae", "sparse_coding"])
def test_same_seed_same_bits_and_other_seed_other_bits(name):
  phase = make_phase(name, small_config())  # the seed is in the state alone
  run = jax.jit(lambda state, stacked: run_steps(phase, state, stacked)[0])

  def final(seed):
    start = make_phase(name, small_config(seed=seed)).init({})
    return run(start, batches(phase, 0, 3))

  one, again, other = final(0), final(0), final(1)

  def key(state):
    return state.replace(key=jax.random.key_data(state.key) * 0)

  assert same(key(one), key(again))
  assert not same(key(one), key(other))


@pytest.mark.parametrize(  # the GAN: test_population.py
  ("name", "fields"),
  [
    ("sae", {}),
    ("vae", {}),
    # few iterations: where the solver restarts its momentum, which rounding decides,
    # codes that are not yet found differ by a thousandth
    ("sparse_coding", DICTIONARY | dict(sparse_coding__iterations=4)),
  ],
)
def test_a_population_equals_single_runs(name, fields):
  """Six states that differ in every swept number, by vmap of the step."""
  members = []
  phase = make_phase(name, small_config(sae__p_annealing=0.1, **fields))  # keeps it in
  for i in range(6):
    config = small_config(
      seed=i,
      sae__sparsity_weight=1e-4 * i,
      sae__p_annealing=0.1 * (i + 1),
      sae__optimizer__learning_rate=1e-3 * (i + 1),
      vae__beta=0.5 + 0.1 * i,
      vae__free_bits=0.1 * (i + 1),
      vae__optimizer__learning_rate=1e-3 * (i + 1),
      sparse_coding__alpha=0.05 * (i + 1),
      sparse_coding__optimizer__learning_rate=1e-3 * (i + 1),
      **fields,
    )
    members.append((make_phase(name, config).init({}), batches(phase, i, 20)))
  traces = 0

  def counted(state, stacked):
    nonlocal traces
    traces += 1
    return run_steps(phase, state, stacked)[0]

  single = jax.jit(counted)
  alone = [single(state, stacked) for state, stacked in members]
  assert traces == 1
  states = jax.tree.map(lambda *leaves: jnp.stack(leaves), *[m[0] for m in members])
  stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *[m[1] for m in members])
  together = jax.jit(jax.vmap(lambda s, b: run_steps(phase, s, b)[0]))(states, stacked)
  for i, state in enumerate(alone):
    member = jax.tree.map(lambda leaf, i=i: leaf[i], together)
    for a, b in zip(
      jax.tree.leaves(state.replace(key=0)),
      jax.tree.leaves(member.replace(key=0)),
      strict=True,
    ):
      np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
  ("name", "sparsity_map", "penalty", "weight"),
  [("sae", "topk", "l1", 0.0), ("gan", "jumprelu", "l0", 1.0)],
)
def test_microbatches_give_the_update_of_the_whole_batch(
  name, sparsity_map, penalty, weight
):
  def after(microbatches):
    config = small_config(
      code__sparsity_map=sparsity_map,
      code__penalty=penalty,
      sae__sparsity_weight=1e-3,
      sae__dead_after=1,
      gan__penalties__gradient_penalty=weight,
      train__microbatches=microbatches,
    )
    phase = make_phase(name, config)
    state, metrics = run_steps(phase, phase.init({}), batches(phase, 0, 5))
    return jax.tree.leaves((state.replace(key=0), metrics))

  for whole, parts in zip(after(1), after(4), strict=True):
    np.testing.assert_allclose(whole, parts, rtol=1e-4, atol=1e-6)


def test_bfloat16_keeps_parameters_and_outputs_in_float32():
  for name in ("sae", "gan", "vae"):
    states, metrics = {}, {}
    for precision in ("float32", "bfloat16"):
      phase = make_phase(name, small_config(precision__compute=precision))
      states[precision], metrics[precision] = run_steps(
        phase, phase.init({}), batches(phase, 0, 3)
      )
    dtypes = jax.tree.map(lambda leaf: leaf.dtype, states)
    assert dtypes["bfloat16"] == dtypes["float32"]
    for key, column in metrics["float32"].items():
      np.testing.assert_allclose(column, metrics["bfloat16"][key], rtol=0.1, atol=0.05)
      assert metrics["bfloat16"][key].dtype == np.float32
    assert not same(
      states["float32"].replace(key=jnp.zeros(())),
      states["bfloat16"].replace(key=jnp.zeros(())),
    )


def test_noise_depends_only_on_the_position_of_the_example():
  key = randomness.stream_key(randomness.root_key(0), "noise", 3)
  whole = randomness.normal(key, jnp.arange(8), (5,))
  part = randomness.normal(key, jnp.arange(4, 8), (5,))
  np.testing.assert_array_equal(whole[4:], part)
  other = randomness.stream_key(randomness.root_key(0), "noise", 4)
  assert not np.array_equal(whole, randomness.normal(other, jnp.arange(8), (5,)))
