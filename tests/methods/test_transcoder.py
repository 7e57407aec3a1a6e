"""A transcoder: vectors of the second side, made of those of the first."""

import io
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

import sgae
from configs import vectors as vectors_config
from sgae.config import validate
from sgae.data import sources
from sgae.data.vectors import restored
from sgae.errors import StoppedBySignal, UserError
from sgae.methods import METHODS
from sgae.methods.sparse_autoencoder import transcoder
from sgae.reporting.console import Console
from sgae.reporting.files import read_json, write_json
from sgae.runs.compare_directories import compare_runs
from sgae.runs.layouts import export_layout
from sgae.training import run
from tests.runs import copy_of, stopping_console
from tests.systems import all_sections, saved, small_config

COUNT, WIDTH = 2000, 12
random = np.random.default_rng(0)
# Two features of twelve are on at a time. A feature is read along one direction, and
# written along another by its excess over a threshold: no linear map does that.
CODES = random.uniform(0, 2, (COUNT, WIDTH))
CODES *= np.argsort(random.random((COUNT, WIDTH)), axis=1) < 2
READ, WRITTEN = (np.linalg.qr(random.normal(size=(WIDTH, WIDTH)))[0] for _ in range(2))
INPUTS = CODES @ READ * 3 + 7
TARGETS = np.maximum(CODES - 1, 0) @ WRITTEN * 40 - 5


@pytest.fixture(scope="module")
def config(tmp_path_factory):
  place = tmp_path_factory.mktemp("pairs")
  np.savez(place / "layer.npz", before=INPUTS, after=TARGETS)
  config = vectors_config.get_config("transcoder")
  config.data.update(path=str(place / "layer.npz"), array="before")
  config.data.second.update(path=str(place / "layer.npz"), array="after")
  config.data.cache_directory = str(place / "cache")
  config.code.update(num_latents=24, k=4)
  config.sae.update(auxiliary_k=4, batch_size=128, steps=1000)
  config.sae.update(log_every=250, evaluate_every=500, save_every=250)
  config.sae.optimizer.learning_rate = 1e-2
  return validate(config)


@pytest.fixture(scope="module")
def trained(config, tmp_path_factory):
  workdir = tmp_path_factory.mktemp("transcoder") / "run"
  run.train(config, workdir, Console(io.StringIO()))
  return workdir


def test_it_learns_what_no_linear_map_gives(trained):
  found = read_json(trained / "evaluation.json")["sae"]
  linear = found["controls"]["linear"]["fvu"]["value"]
  assert found["figures"]["fvu"]["value"] < 0.1 < 0.2 < linear
  assert found["figures"]["l0"]["value"] <= 4


def test_what_it_gives_has_the_units_of_the_targets(trained):
  found = sgae.load_run(trained)
  outputs = np.asarray(found.reconstruct(jnp.asarray(INPUTS)))
  variance = np.square(TARGETS - TARGETS.mean(axis=0)).sum()
  assert np.square(outputs - TARGETS).sum() < 0.1 * variance
  codes = found.encode(jnp.asarray(INPUTS))
  np.testing.assert_allclose(found.decode(codes), outputs, rtol=1e-4, atol=1e-4)


def test_a_stopped_one_goes_on_with_the_same_bits(config, trained, tmp_path):
  with pytest.raises(StoppedBySignal):
    run.train(config, tmp_path / "run", stopping_console(2))
  run.train(config, tmp_path / "run", Console(io.StringIO()))
  for whole, resumed in zip(
    saved(trained, "sae"), saved(tmp_path / "run", "sae"), strict=True
  ):
    for a, b in zip(jax.tree.leaves(whole), jax.tree.leaves(resumed), strict=True):
      np.testing.assert_array_equal(a, b)


def test_partners_stay_together(config):
  dataset = sources.load(config.data, pytest.fail)
  second: Any = dataset.second
  assert dataset.paired and dataset.units is not None
  for mine, its in ((dataset.train, second.train), (dataset.test, second.test)):
    taken = restored(mine.images[:], dataset.units)
    given = restored(its.images[:], second.units)
    codes = (taken - 7) @ READ.T / 3
    excess = np.maximum(codes - 1, 0) @ WRITTEN * 40 - 5
    np.testing.assert_allclose(excess, given, atol=1e-3)


@pytest.mark.parametrize("microbatches", [1, 2])
def test_the_error_is_that_of_the_targets(microbatches):
  own = small_config(sae__transcoder=True, sae__output="linear")
  own.train.microbatches = microbatches
  program = METHODS["sae"].build(own, (1, 1, WIDTH))
  state = program.init(jax.random.key(0))
  images, targets = (
    jnp.asarray(each[:16, None, None], jnp.float32) for each in (INPUTS, TARGETS)
  )
  batch = {"image": images, "second_image": targets, "position": jnp.arange(16)}
  _, metrics = jax.jit(program.step)(state, batch)
  outputs = program.functions["reconstruct"](state, images)
  by_hand = np.mean(np.square(np.asarray(outputs) - targets))
  assert float(metrics["sae/mse"]) == pytest.approx(by_hand, rel=1e-5)
  # the training vectors have mean 0: what is unexplained is of the targets alone
  fvu = by_hand / np.mean(np.square(targets))
  assert float(metrics["sae/fvu"]) == pytest.approx(fvu, rel=1e-5)


def least_squares(dataset, count):
  """Returns the FVU of a map that is fitted to the first training pairs."""
  sides = dataset, dataset.second
  train = [np.asarray(side.train.images[:count])[:, 0, 0] for side in sides]
  test = [np.asarray(side.test.images)[:, 0, 0] for side in sides]
  ones = [np.c_[each, np.ones(len(each))] for each in (train[0], test[0])]
  fitted = np.linalg.lstsq(ones[0], train[1], rcond=None)[0]
  return np.square(ones[1] @ fitted - test[1]).sum() / np.square(test[1]).sum()


def test_the_linear_control_is_least_squares_where_there_are_many_pairs(config):
  dataset = sources.load(config.data, pytest.fail)
  found = transcoder.controls(dataset)["linear"]["fvu"].value
  assert found == pytest.approx(least_squares(dataset, len(INPUTS)), rel=1e-2)


def test_of_few_pairs_the_linear_control_is_no_worse_than_a_constant(
  config, monkeypatch
):
  dataset = sources.load(config.data, pytest.fail)
  monkeypatch.setattr(transcoder, "EXAMPLES", 20)
  assert least_squares(dataset, 20) > 1.1
  assert transcoder.controls(dataset)["linear"]["fvu"].value < 1.05


def test_runs_on_other_vectors_do_not_compare(config, trained, tmp_path):
  own = ConfigDict(config.to_dict())
  own.seed, own.data.array, own.data.second.array = 1, "after", "before"
  own.sae.update(steps=250, evaluate_every=250)
  run.train(validate(own), tmp_path / "other", Console(io.StringIO()))
  names = [str(trained), str(tmp_path / "other")]
  shown = {name: method.selects_by for name, method in METHODS.items()}
  with pytest.raises(UserError, match="before 1x1x12 with vectors .*, after"):
    compare_runs(names, 0, str(tmp_path), Console(io.StringIO()), shown, {})


@pytest.mark.parametrize(
  ("changes", "words"),
  [
    ({"data.paired": False}, "sae.transcoder=True learns vectors from vectors"),
    ({"data.second.source": ""}, "choose data.source from npz, folder"),
    ({"data.second.source": "inverted"}, "cannot stand beside"),
    ({"data.source": "digits", "data.path": ""}, "cannot stand beside"),
    ({"sae.transcoder": False}, "is read by a transcoder alone"),
    ({"sae.both_sides": True}, "sae.both_sides=True is for images"),
    (
      {"sae.transcoder": False, "sae.target_width": 3},
      "sae.target_width=3 is of what a transcoder makes",
    ),
    ({"data.second.path": ""}, "data.second.path='' names nothing"),
    ({"data.second.image_size": 8}, "data.second.image_size=8 has no meaning"),
    (
      {"sae.archetypes": 512, "sae.unit_norm_atoms": False},
      "makes atoms of what is encoded",
    ),
  ],
)
def test_a_config_that_is_none_is_refused(changes, words):
  config = all_sections()
  paths = {"data.path": "in.npy", "data.second.path": "out.npy"}
  config.update_from_flattened_dict(
    {"phases": ("sae",), "sae.output": "linear", "sae.transcoder": True}
    | {"data.source": "vectors", "data.second.source": "vectors", "data.paired": True}
    | paths
    | changes
  )
  with pytest.raises(UserError) as refusal:
    validate(config)
  assert words in str(refusal.value)
  assert str(refusal.value).isprintable()


@pytest.mark.parametrize(
  ("array", "words"),
  [
    (TARGETS[:-1], "needs a partner for each"),
    (np.c_[TARGETS, TARGETS], "of width 24: set sae.target_width=24, not 0"),
  ],
)
def test_files_that_are_no_pairs_are_refused(config, tmp_path, array, words):
  np.save(tmp_path / "targets.npy", array)
  own = ConfigDict(config.to_dict())
  own.data.second.update(path=str(tmp_path / "targets.npy"), array="activations")
  with pytest.raises(UserError, match=words):
    run.train(validate(own), tmp_path / "run", Console(io.StringIO()))


def test_what_it_makes_may_have_another_width(config, tmp_path):
  np.save(tmp_path / "targets.npy", TARGETS[:, :5])
  own = ConfigDict(config.to_dict())
  own.data.second.update(path=str(tmp_path / "targets.npy"), array="activations")
  own.sae.update(target_width=5, steps=500, matryoshka=(8, 24))
  run.train(validate(own), tmp_path / "run", Console(io.StringIO()))
  found = read_json(tmp_path / "run" / "evaluation.json")["sae"]
  assert found["figures"]["fvu"]["value"] < found["controls"]["linear"]["fvu"]["value"]
  loaded = sgae.load_run(tmp_path / "run")
  outputs = loaded.reconstruct(jnp.asarray(INPUTS))
  assert outputs.shape == (COUNT, 5)
  variance = np.square(TARGETS[:, :5] - TARGETS[:, :5].mean(axis=0)).sum()
  assert np.square(outputs - TARGETS[:, :5]).sum() < 0.3 * variance
  own.sae.tied_start = True
  with pytest.raises(UserError, match="sae.tied_start=True needs vectors of one width"):
    run.train(validate(own), tmp_path / "tied", Console(io.StringIO()))


def test_what_is_said_of_the_second_side_names_its_fields(config):
  own = ConfigDict(config.to_dict())
  own.data.second.array = "x"
  with pytest.raises(UserError, match=r"--config\.data\.second\.array="):
    sources.load(own.data, pytest.fail)


def test_saelens_has_a_place_for_it(trained, tmp_path):
  workdir = copy_of(trained, tmp_path / "run")
  stored = read_json(workdir / "config.json")
  stored["config"]["code"]["sparsity_map"] = "relu"  # which has the same weights
  write_json(workdir / "config.json", stored)
  export_layout(workdir, {}, Console(io.StringIO()), "saelens")
  loaded, found = sgae.load_saelens(workdir / "saelens"), sgae.load_run(workdir)
  rows = jnp.asarray(INPUTS[:50], jnp.float32)
  codes = found.encode(rows)
  np.testing.assert_allclose(loaded.encode(rows), codes, rtol=1e-4, atol=1e-4)
  outputs = found.decode(codes)
  np.testing.assert_allclose(loaded.decode(codes), outputs, rtol=1e-4, atol=1e-3)


def test_saelens_has_no_topk_transcoder(trained):
  with pytest.raises(UserError, match="no place for code.sparsity_map='topk'"):
    export_layout(trained, {}, Console(io.StringIO()), "saelens")
