"""Vectors from files: standardised, streamed, given back in their units; refusals."""

import io

import jax
import numpy as np
import pytest

import sgae
from configs import vectors as vectors_config
from sgae.config import validate
from sgae.data import order, sources, vectors
from sgae.data.dataset import Reading
from sgae.data.fingerprint import fingerprint
from sgae.data.placement import PLACEMENTS
from sgae.data.reading import describe_data
from sgae.data.resident import mean_image
from sgae.errors import UserError
from sgae.reporting.console import Console
from sgae.runs.export import export_run
from sgae.training import run
from tests.systems import all_sections

WIDTH = 6
# of different size in each dimension, far from 0
VALUES = np.random.default_rng(0).normal(size=(500, WIDTH)) * [1, 2, 3, 4, 5, 60] + 100


@pytest.fixture
def load(make_config, tmp_path):
  """Writes arrays to a .npy (one) or .npz file and loads it."""

  def load(array=None, fields=None, **arrays):
    path = tmp_path / ("acts.npz" if arrays else "acts.npy")
    if arrays:
      np.savez(path, **arrays)
    elif array is not None:
      np.save(path, array)
    config = make_config(source="vectors", path=str(path), **(fields or {}))
    return sources.load(config, pytest.fail)

  return load


def in_file(dataset):
  """Returns which rows of the file are for training, and which for testing."""
  rows = np.asarray(dataset.train.images.rows)
  return rows, np.setdiff1d(np.arange(len(VALUES)), rows)


def test_training_vectors_have_mean_zero_and_a_mean_squared_norm_of_their_width(load):
  dataset = load(VALUES)
  train, test = dataset.train.images[:], dataset.test.images
  assert train.shape == dataset.train.images.shape == (450, 1, 1, WIDTH)
  assert test.shape == (50, 1, 1, WIDTH)
  assert train.dtype == test.dtype == np.float32
  np.testing.assert_allclose(train.mean(axis=0), 0, atol=1e-6)
  assert np.square(train).sum(axis=-1).mean() == pytest.approx(WIDTH, rel=1e-5)
  assert not mean_image(dataset.train.images).any()
  rows, others = in_file(dataset)
  assert dataset.units is not None
  for images, numbers in ((train, rows), (test, others)):
    back = vectors.restored(images, dataset.units)
    np.testing.assert_allclose(back, VALUES[numbers], rtol=1e-5)
  # one number for all dimensions, so that directions stay as they are
  centred = VALUES[rows] - VALUES[rows].mean(axis=0)
  np.testing.assert_allclose(train[:, 0, 0] / centred, dataset.units.scale, rtol=1e-2)


def test_units_are_those_of_the_whole_file_whatever_the_block(load, monkeypatch):
  whole = load(VALUES).units
  monkeypatch.setattr(vectors, "_BLOCK", 100)
  for found, expected in zip(load(VALUES).units, whole, strict=True):
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_few_vectors_of_many_are_for_testing(monkeypatch):
  monkeypatch.setattr(vectors, "MOST_TEST", 25)
  dataset = vectors.from_array("a", "a", VALUES, Reading())
  assert (len(dataset.train.images), len(dataset.test.images)) == (475, 25)
  assert dataset.read.split.startswith("1 in 20, by a hash")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_streamed_vectors_are_the_resident_ones(load, dtype):
  split = load(VALUES.astype(dtype)).train
  # nothing is read before it is needed
  assert isinstance(split.images.base, np.memmap)

  def indices_of_call(call):
    return order.batch_indices(0, "sae", call, 1, (3, 8), len(split.images))

  batches = []
  for placement in PLACEMENTS.values():
    source = jax.tree.map(jax.numpy.asarray, split) if placement.resident else ()
    examples = placement.examples(split, indices_of_call, 0, 2)
    gather = jax.jit(placement.gather)
    batches.append([gather(source, call_examples) for call_examples in examples])
  for resident, streamed in zip(*batches, strict=True):
    assert resident["image"].shape == (1, 3, 8, 1, 1, WIDTH)
    for name, array in resident.items():
      assert np.asarray(array).tobytes() == np.asarray(streamed[name]).tobytes()


def test_an_archive_gives_the_array_that_is_named(load):
  expected = load(VALUES)
  other = np.arange(3)
  for name in (vectors.ARRAY, "layer_3"):
    dataset = load(None, {"array": name}, **{name: VALUES}, other=other)
    np.testing.assert_array_equal(dataset.test.images, expected.test.images)
    line = describe_data(dataset)
    assert "450 training and 50 test vectors of width 6; no labels" in line
    assert "left out: array 'other'" in line


def test_every_number_of_the_file_counts_for_the_fingerprint(load):
  changed = VALUES.copy()
  changed[np.asarray(in_file(load(VALUES))[0])[7], 3] += 0.01
  assert fingerprint(load(VALUES))["sha256"] != fingerprint(load(changed))["sha256"]


BAD = np.where(np.arange(500)[:, None] == 312, np.nan, VALUES)


@pytest.mark.parametrize(
  ("array", "fields", "words"),
  [
    (BAD, {}, "vector 312 has a number that is NaN"),
    (np.where(np.isnan(BAD), np.inf, VALUES), {}, "vector 312"),
    (np.where(np.isnan(BAD), 1e300, VALUES), {}, "vector 312"),
    (VALUES[:1], {}, "holds one example"),
    (VALUES[0], {}, "is float64 [6]"),
    (VALUES[:0], {}, "is float64 [0, 6]"),
    (VALUES.astype(int), {}, "is int64 [500, 6]"),
    (VALUES.astype(">f4"), {}, "byte order"),
    (VALUES.astype(object), {}, "acts.npy"),
    (np.asfortranarray(VALUES), {}, "column by column"),
    (VALUES, {"array": "x"}, "data.array='x' is not read"),
    (None, {}, "cannot be read"),
  ],
)
def test_what_cannot_be_trained_on_is_refused_in_one_line(load, array, fields, words):
  with pytest.raises(UserError) as refusal:
    load(array, fields)
  assert words in str(refusal.value)
  assert str(refusal.value).isprintable()


def test_damaged_files_are_refused_in_one_line(load, make_config, tmp_path):
  with pytest.raises(UserError, match=r"holds 'x', but no array 'activations'"):
    load(x=VALUES)
  path = tmp_path / "acts.npy"
  np.save(path, VALUES)
  whole = path.read_bytes()
  for damaged in (whole[:-8], whole[:40], b"", b"\x93NUMPY\x01\x00\xff\xff{"):
    path.write_bytes(damaged)
    with pytest.raises(UserError, match="acts.npy") as refusal:
      load()
    assert str(refusal.value).isprintable()


@pytest.mark.parametrize(
  ("changes", "words"),
  [
    ({"phases": ("sae", "gan")}, "names gan, which is for images"),
    ({"phases": ("vae",)}, "choose from sae"),
    ({"sae.output": "tanh"}, "sae.output='tanh'"),
    ({"sae.architecture": "convolutional"}, "sae.architecture='convolutional'"),
    ({"data.image_size": 8}, "data.image_size=8"),
    ({"data.path": ""}, "a .npy or .npz file"),
    ({"evaluation.keep_best": True}, "evaluation.keep_best=True"),
    ({"data.source": "digits", "data.path": "", "data.array": "x"}, "data.array='x'"),
  ],
)
def test_a_config_that_vectors_cannot_have_is_refused(changes, words):
  config = all_sections()
  config.update_from_flattened_dict(
    {"phases": ("sae",), "sae.output": "linear", "data.source": "vectors"}
    | {"data.path": "acts.npy", **changes}
  )
  with pytest.raises(UserError) as refusal:
    validate(config)
  assert words in str(refusal.value)
  assert str(refusal.value).isprintable()


def test_a_run_on_vectors_works_in_their_units(tmp_path):
  codes = np.random.default_rng(1).random((500, 4)) * (np.arange(4) < 3)
  values = codes @ np.random.default_rng(2).normal(size=(4, WIDTH)) * 9 + 50
  np.save(tmp_path / "acts.npy", values)
  config = vectors_config.get_config()
  config.data.update(path=str(tmp_path / "acts.npy"), placement="streamed")
  config.data.cache_directory = str(tmp_path / "cache")
  config.code.update(num_latents=16, k=4)
  config.sae.update(auxiliary_k=4, batch_size=64, steps=200)
  config.sae.update(log_every=50, evaluate_every=200, save_every=200)
  config.sae.optimizer.learning_rate = 1e-2
  said = io.StringIO()
  run.train(validate(config), tmp_path / "run", Console(said))
  assert " vectors/s" in said.getvalue() and "images/s" not in said.getvalue()
  assert not (tmp_path / "run" / "images").exists()
  found = sgae.load_run(tmp_path / "run")
  reconstructed = np.asarray(found.reconstruct(jax.numpy.asarray(values)))
  assert reconstructed.shape == values.shape
  variance = np.square(values - values.mean(axis=0)).sum()
  assert np.square(reconstructed - values).sum() < 0.1 * variance
  np.testing.assert_allclose(
    found.decode(found.encode(jax.numpy.asarray(values))), reconstructed, rtol=1e-5
  )
  export_run(tmp_path / "run", {}, Console(io.StringIO()))
  (tmp_path / "run" / "units.npz").write_bytes(b"")
  with pytest.raises(UserError, match=r"units\.npz is missing or damaged"):
    sgae.load_run(tmp_path / "run")
