"""A new run begins with the weights of another one, once, and says what it copied."""

import io
import shutil

import jax
import numpy as np
import pytest

import sgae
from sgae.config import validate
from sgae.devices.mesh import local_mesh
from sgae.errors import UserError
from sgae.methods.warm_start import describe, with_weights
from sgae.reporting.console import Console
from sgae.training import start_from
from tests.runs import tiny_config, train
from tests.systems import make_phase, saved

SHAPE = (8, 8, 1)


def config_from(source, phases=("sae", "gan"), **fields):
  config = tiny_config(**fields)
  config.update(start_from=str(source), phases=phases)
  return config


def read(config, tmp_path, begun=(), shape=SHAPE):
  console, mesh = Console(io.StringIO()), local_mesh()
  return start_from.read(
    validate(config), tmp_path / "new", shape, mesh, begun, console
  )


def test_a_run_begins_with_the_weights_and_a_fresh_optimizer(whole_run, tmp_path):
  source = shutil.copytree(whole_run, tmp_path / "source")
  # rates of 0: the weights stay what they are at the start
  config = config_from(source, phases=("gan",), gan__steps=10, gan__batch_size=8)
  for player in ("generator", "discriminator"):
    config.gan[f"{player}_optimizer"].learning_rate = 0.0
  stream = io.StringIO()
  train(tmp_path / "new", config, Console(stream))
  said = stream.getvalue()
  assert f"gan: copied from step 20 of {source}: generator.params (" in said
  assert "discriminator.params (" in said
  assert "transferred" not in said
  before, after = (
    sgae.load_run(run).states["gan"] for run in (source, tmp_path / "new")
  )
  for one, other in (
    (before.generator.params, after.generator.params),
    (before.discriminator.params, after.discriminator.params),
  ):
    for leaf, kept in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
      np.testing.assert_array_equal(leaf, kept)
  assert int(after.step) == 10
  counts = [
    leaf for leaf in jax.tree.leaves(after.generator.optimizer) if not leaf.ndim
  ]
  assert 10 in counts  # updates, and not 30

  # it is a run of its own now
  shutil.rmtree(source)
  train(tmp_path / "new", config)
  config.gan.steps = 15
  train(tmp_path / "new", config)
  assert saved(tmp_path / "new", "gan")[0] == 15
  with pytest.raises(UserError, match=f"start_from: {source} -> "):
    train(tmp_path / "new", config_from("", phases=("gan",), gan__batch_size=8))


def test_each_phase_takes_those_of_its_method(whole_run, tmp_path):
  starts = read(config_from(whole_run), tmp_path)
  assert {name: start.step for name, start in starts.items()} == {"sae": 20, "gan": 20}
  phase = make_phase("sae", tiny_config(), np.zeros(SHAPE, np.float32))
  state = phase.init({})
  weights = starts["sae"].weights
  moved = with_weights(state, weights)
  np.testing.assert_array_equal(
    moved.player.params["decoder"]["atoms"],
    sgae.load_run(whole_run).params["sae"]["decoder"]["atoms"],
  )
  assert int(moved.step) == 0
  assert moved.player.optimizer is state.player.optimizer
  assert "player.params (" in describe(weights)
  # a phase that has begun starts from nothing else
  assert list(read(config_from(whole_run), tmp_path, begun=("sae",))) == ["gan"]
  assert read(config_from("/none"), tmp_path, begun=("sae", "gan")) == {}
  assert read(config_from(""), tmp_path) == {}


def test_what_does_not_fit_is_refused_in_one_line(whole_run, tmp_path):
  with pytest.raises(
    UserError, match=r"sae player.params/.*24.* there .*12"
  ) as refused:
    read(config_from(whole_run, code__num_latents=12), tmp_path)
  assert "\n" not in str(refused.value)
  with pytest.raises(UserError, match=r"\(8, 8, 1\) there, \(9, 8, 1\) here"):
    read(config_from(whole_run), tmp_path, shape=(9, 8, 1))
  with pytest.raises(UserError, match="holds no run"):
    read(config_from(tmp_path / "none"), tmp_path)
  with pytest.raises(UserError, match="is the run directory itself"):
    read(config_from(tmp_path / "new"), tmp_path)
  with pytest.raises(UserError, match=r"has trained \('sae', 'gan'\), of which"):
    read(config_from(whole_run, phases=("classifier",)), tmp_path)
  with pytest.raises(UserError, match="is for a single run"):
    validate(config_from(whole_run, population__seeds=2))


def test_another_experiment_is_refused_with_the_way_to_begin_a_new_run(whole_run):
  with pytest.raises(UserError, match=f"code.k: 4 -> 5.*config.start_from={whole_run}"):
    train(whole_run, tiny_config(code__k=5))
