"""Populations: each member is the single run of its seed and settings."""

import io
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgae import load_run
from sgae.config import validate
from sgae.data import order, resident
from sgae.editing.choice import InvertChoice
from sgae.editing.invert import invert_run
from sgae.editing.trained import open_run
from sgae.errors import StoppedBySignal, TrainingDiverged, UserError
from sgae.evaluation import evaluate
from sgae.evaluation.evaluate import evaluate_run, note_success
from sgae.evaluation.measures.codes import dictionary_stability
from sgae.evaluation.sample import sample_run
from sgae.methods import population
from sgae.reporting.console import Console
from sgae.reporting.figures import describe
from sgae.reporting.metrics import read_metrics
from sgae.runs.compare_directories import compare_runs
from tests.runs import stopping_console, timeless, tiny_config, train
from tests.systems import EXAMPLES, MEAN, make_phase, run_steps, saved, small_config

VARY = (
  "gan.penalties.r1=0,1",
  "gan.generator_optimizer.learning_rate"
  "+gan.discriminator_optimizer.learning_rate=0.001,0.002",
)


def trained(config, name, steps, inherited=None):
  """Runs a population's step over its members' own examples; returns state, metrics."""
  program = population.build(name, config, MEAN.shape, MEAN)
  indices = np.stack(
    [
      order.batch_indices(seed, name, 0, steps, program.batch_shape, len(EXAMPLES[0]))
      for seed in program.members
    ],
    axis=1,
  )
  positions = jnp.arange(program.batch_shape[-1])

  def step(state, indices):
    batch = resident.gather(EXAMPLES, indices) | {"position": positions}
    return program.step(state, batch)

  start = program.init(jax.random.key(0), program.settings, inherited or {})
  return jax.jit(lambda state: jax.lax.scan(step, state, indices))(start)


def test_members_are_every_combination_with_every_seed():
  config = small_config(seed=5)
  config.population.update(seeds=2, vary=VARY)
  members = population.members_of(config)
  assert [member.seed for member in members] == [5, 6] * 4
  rates = [m.settings["gan.discriminator_optimizer.learning_rate"] for m in members]
  assert rates == [0.001, 0.001, 0.002, 0.002] * 2
  assert [m.settings["gan.penalties.r1"] for m in members] == [0] * 4 + [1] * 4
  own = population.config_of(config, members[3])
  assert own.gan.generator_optimizer.learning_rate == 0.002
  assert not population.members_of(own)


def test_each_member_ends_as_the_single_run_of_its_seed_and_settings():
  config = small_config()
  config.population.update(seeds=2, vary=VARY)
  state, metrics = trained(config, "gan", 50)
  for number in (1, 6):  # the penalty's weight is 0 and 1
    member = population.members_of(config)[number]
    own = population.config_of(config, member)
    phase = make_phase("gan", own)
    indices = order.batch_indices(
      member.seed, "gan", 0, 50, phase.batch_shape, len(EXAMPLES[0])
    )
    positions = np.tile(np.arange(phase.batch_shape[-1], dtype=np.int32), (50, 1))
    batches = resident.gather(EXAMPLES, indices) | {"position": jnp.asarray(positions)}
    alone, losses = jax.jit(lambda s, b, p=phase: run_steps(p, s, b))(
      phase.init({}), batches
    )
    for branch in ("generator", "discriminator"):
      of_population = jax.tree.map(
        lambda leaf, i=number: leaf[i], getattr(state.members, branch).params
      )
      jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-5),
        of_population,
        getattr(alone, branch).params,
      )
    np.testing.assert_allclose(
      metrics["gan/d_loss"][:, number], losses["gan/d_loss"], atol=1e-5
    )


def test_a_member_that_diverges_is_frozen_and_the_others_go_on():
  config = small_config(gan__loss="wasserstein")
  rate = "gan.generator_optimizer.learning_rate=0.001,1e38"
  config.population.update(vary=(rate,))
  state, metrics = trained(config, "gan", 20)
  failed = np.asarray(state.failed_at)
  assert failed[0] == 0
  assert 0 < failed[1] <= 20
  finite = np.isfinite(metrics["gan/g_loss"][:, 1])
  assert not finite[failed[1] - 1 :].all()
  assert all(
    np.isfinite(leaf[0]).all() for leaf in jax.tree.leaves(state.members.ema_params)
  )
  steps = np.asarray(state.members.step)
  assert steps.tolist() == [20, failed[1] - 1]
  alive, dead = population.members_of(config)
  assert int(population.state_of(state, alive).step) == 20
  refused = f"member 1 .* diverged at step {failed[1]} .* such as member 0"
  with pytest.raises(UserError, match=refused):
    population.state_of(state, dead)


@pytest.mark.parametrize(
  ("fields", "words"),
  [
    (dict(vary=("gan.latent_dim=3,4",)), "gan.ema_decay"),
    (dict(vary=("gan.ema_decay=0.9,high",)), "field=number,number"),
    (dict(vary=("gan.ema_decay=0.9,0.9",)), "twice"),
    (dict(vary=("gan.ema_decay=0.9,1.5",)), "gan.ema_decay=1.5"),
    (dict(seeds=0), "population.seeds=0"),
    (
      dict(vary=("gan.ema_decay=0.9,0.8", "gan.ema_decay=0.5,0.6")),
      "names gan.ema_decay twice",
    ),
  ],
)
def test_an_impossible_population_is_refused_in_one_line(fields, words):
  config = small_config()
  config.population.update(fields)
  with pytest.raises(UserError) as refusal:
    validate(config)
  assert words in str(refusal.value)
  assert "\n" not in str(refusal.value)


def test_members_have_seeds_that_single_runs_may_have():
  config = small_config()
  config.seed, config.population.seeds = 2**32 - 2, 2
  validate(config)
  config.population.seeds = 3
  with pytest.raises(UserError, match="goes beyond the largest seed"):
    validate(config)


def test_a_field_that_nothing_reads_is_refused_where_it_differs():
  config = small_config()  # whose loss has no margin
  shape = (8, 8, 1)
  config.population.update(seeds=2, vary=("gan.energy.margin=1,2",))
  with pytest.raises(UserError, match="gan.energy.margin, which nothing reads"):
    population.build_phases(validate(config), shape)
  config.population.vary = ("code.rho=0.1,0.2",)  # without the penalty 'kl'
  with pytest.raises(UserError, match="code.rho, which nothing reads"):
    population.build_phases(validate(config), shape)
  config.population.vary = ("gan.energy.margin=2",)
  assert population.build_phases(validate(config), shape)["gan"].members == (0, 1)


def population_config(**fields):
  config = tiny_config(**fields)
  config.population.update(seeds=2, vary=("gan.penalties.r1=0,0.5",))
  return config


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
  workdir = tmp_path_factory.mktemp("population") / "run"
  train(workdir, population_config())
  return workdir


def test_a_population_that_is_stopped_ends_in_the_same_bits(tmp_path, whole):
  workdir = tmp_path / "run"
  with pytest.raises(StoppedBySignal):
    train(workdir, population_config(), stopping_console(3))
  train(workdir, population_config())
  assert timeless(workdir) == timeless(whole)
  for phase in ("sae", "gan"):
    (step, arrays), (expected_step, expected) = (
      saved(workdir, phase),
      saved(whole, phase),
    )
    assert step == expected_step
    assert all((a == b).all() for a, b in zip(arrays, expected, strict=True))


def test_each_member_has_its_records_pictures_and_figures(whole):
  records = [r for r in read_metrics(whole) if r["phase"] == "gan" and r["step"] == 20]
  by_member = {record["member"]: record for record in records}
  assert sorted(by_member) == [0, 1, 2, 3]
  assert [by_member[i]["gan.penalties.r1"] for i in range(4)] == [0, 0, 0.5, 0.5]
  assert [by_member[i]["seed"] for i in range(4)] == [0, 1, 0, 1]
  assert len({record["gan/frechet"] for record in records}) == 4
  for member in range(4):
    assert (whole / "members" / str(member) / "gan_samples.png").exists()
  entry = json.loads((whole / "evaluation.json").read_bytes())["gan"]
  values = [member["figures"]["frechet"]["value"] for member in entry["members"]]
  assert entry["figures"]["frechet"]["value"] == pytest.approx(np.mean(values))
  assert entry["figures"]["frechet"]["error"] == pytest.approx(np.std(values, ddof=1))


def test_a_member_is_sampled_and_loaded_as_a_run_is(whole):
  console = Console(io.StringIO())
  sample_run(whole, {}, 3, "png", console, member=2)
  assert len(list((whole / "members" / "2" / "samples").glob("*.png"))) == 3
  first, third = load_run(whole), load_run(whole, member=2)
  assert not np.allclose(first.sample(4), third.sample(4))
  assert third.metrics("gan")["member"].tolist() == [2.0] * len(
    third.metrics("gan")["member"]
  )
  with pytest.raises(UserError, match="members 0 to 3"):
    load_run(whole, member=4)
  with pytest.raises(UserError, match="no population"):
    population.chosen_member(validate(tiny_config()), 1)


def test_results_of_members_lie_apart(whole, tmp_path):
  np.savez(tmp_path / "new.npz", images=np.zeros((2, *MEAN.shape), np.uint8))
  console = Console(io.StringIO())
  images = str(tmp_path / "new.npz")
  for member in (1, 2):
    invert_run(whole, {}, InvertChoice(images, iterations=0), console, member)
  first, second = (whole / "members" / name for name in ("1", "2"))
  codes = [np.load(place / "invert.npz")["codes"] for place in (first, second)]
  assert not np.allclose(*codes)
  assert not (whole / "invert.npz").exists()
  open_run(whole, {}, "code", console, 1, tmp_path / "read")  # without results
  assert not (tmp_path / "read" / "members").exists()


def test_the_members_are_the_seeds_of_a_comparison(whole, tmp_path):
  compare_runs(
    [str(whole)], 0, str(tmp_path), Console(io.StringIO()), {"gan": "gan/frechet"}, {}
  )
  groups = json.loads((tmp_path / "compare.json").read_bytes())["groups"]
  assert [group["seeds"] for group in groups] == [[0, 1], [0, 1]]
  assert all(group["figures"]["gan"]["frechet"]["n"] == 2 for group in groups)


def test_dictionaries_are_compared_between_seeds_of_one_setting(whole):
  evaluation = json.loads((whole / "evaluation.json").read_bytes())["sae"]
  names = ("seed", "gan.penalties.r1")
  found = {
    tuple(member[name] for name in names): member["figures"]["dictionary_stability"]
    for member in evaluation["members"]
  }
  runs = {member: load_run(whole, number) for number, member in enumerate(found)}
  for (seed, r1), figure in found.items():
    (other,) = {own_seed for own_seed, _ in found} - {seed}
    assert figure == found[other, r1]  # of two dictionaries, either has the same
    of_both = [runs[each, r1].params["sae"] for each in (seed, other)]
    expected = dictionary_stability(*(each["decoder"]["atoms"] for each in of_both))
    assert figure["value"] == pytest.approx(expected.value)
  assert evaluation["figures"]["dictionary_stability"]["value"] < 0.99


def test_evaluating_again_says_how_many_members_succeed(whole):
  stream = io.StringIO()
  evaluate_run(whole, {}, Console(stream), target=1e9)
  assert "mean and standard deviation of 4 of 4 members" in stream.getvalue()
  assert "of them within the target of 1e+09" in stream.getvalue()
  page = (whole / "report.html").read_text()
  assert "Share of members that reached the target" in page
  assert page.count('href="members/') == 4


def test_a_target_without_members_is_refused(whole_run):
  with pytest.raises(UserError, match="--target=5 .* has no members: leave it out"):
    evaluate_run(whole_run, {}, Console(quiet=True), target=5.0)


def test_points_have_no_distance_that_a_member_could_reach():
  config = small_config(data__source="mixture", data__name="ring")
  config.population.seeds = 2
  with pytest.raises(UserError, match="has no such distance: data.source='mixture'"):
    evaluate.check_target(config, "runs/ring", 20.0)


def test_a_success_neither_diverges_nor_loses_a_class():
  def figures(distance, classes):
    return {"frechet": {"value": distance}, "classes_covered": {"value": classes}}

  entry = {
    "members": [
      {"figures": figures(5.0, 10)},
      {"figures": figures(5.0, 9)},
      {"figures": figures(30.0, 10)},
      {"diverged_at": 7},
    ]
  }
  note_success("gan", entry, 20.0, 10)
  assert [m["success"] for m in entry["members"]] == [True, False, False, False]
  assert (entry["success"], entry["target"]) == (0.25, 20.0)


def test_a_success_loses_no_mode():
  members = [
    {"figures": {"frechet": {"value": 5.0}, "modes_covered": {"value": modes}}}
    for modes in (1000, 3)
  ]
  note_success("gan", {"members": members}, 20.0, 1000)
  assert [member["success"] for member in members] == [True, False]


@pytest.mark.parametrize("target", [-1.0, float("nan"), float("inf")])
def test_a_target_that_is_no_distance_is_refused(whole_run, target):
  with pytest.raises(UserError, match=f"--target={target:g} is not allowed"):
    evaluate_run(whole_run, {}, Console(quiet=True), target=target)


def test_a_figure_of_some_members_is_their_mean_whoever_is_first():
  one, other = {"a": {"value": 1.0}}, {"a": {"value": 3.0}, "b": {"value": 5.0}}
  for members in ((one, other), (other, one)):
    figures = evaluate.figures_of_members(members)
    assert figures == {
      "a": {"value": 2.0, "error": pytest.approx(2**0.5), "members": 2},
      "b": {"value": 5.0, "error": None, "members": 1},
    }
  entry = {"step": 1, "protocol": {}, "floor": {}, "controls": {}, "figures": figures}
  entry["members"] = [{"figures": one}, {"figures": other}]
  *_, of_both, of_one = describe("gan", entry)
  assert "members" not in of_both
  assert of_one.endswith("5  (1 of 2 members)")


def test_a_run_ends_when_its_last_member_diverges(tmp_path):
  stream = io.StringIO()
  config = population_config(gan__loss="wasserstein")
  for player in ("generator", "discriminator"):
    config.gan[f"{player}_optimizer"].learning_rate = 1e38
  with pytest.raises(TrainingDiverged, match="the last of 4 members") as diverged:
    train(tmp_path / "run", config, Console(stream))
  assert diverged.value.exit_code == 3
  assert (
    "gan: member 0 (seed 0, gan.penalties.r1=0) diverged at step" in stream.getvalue()
  )
