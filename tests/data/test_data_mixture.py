"""Points of the two mixtures: the protocol by hand, a run on them, its pictures."""

import io

import jax
import numpy as np
import pytest
from PIL import Image
from scipy import stats

from sgae.config import validate
from sgae.data import order, sources
from sgae.data.placement import PLACEMENTS
from sgae.data.resident import mean_image, to_model_range
from sgae.errors import UserError
from sgae.evaluation.sample import sample_run
from sgae.reporting.console import Console
from tests.systems import all_sections

S = 2**-0.5
# In the units of the papers, in the order of the labels.
RING = [(1, 0), (S, S), (0, 1), (-S, S), (-1, 0), (-S, -S), (0, -1), (S, -S)]
GRID = [(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)]
GOLDEN = [[-0.02056889, 0.05066694], [2.095158, -3.962497]]


@pytest.fixture
def load(make_config):
  return lambda name: sources.load(
    make_config(source="mixture", name=name), pytest.fail
  )


@pytest.mark.parametrize(
  ("name", "means", "sigma"), [("ring", RING, 0.01), ("grid", GRID, 0.05)]
)
def test_points_follow_the_protocol(load, make_config, name, means, sigma):
  dataset = load(name)
  scale = dataset.mixture.scale
  assert dataset.num_classes == len(means) == len(dataset.mixture.means_k2)
  np.testing.assert_allclose(dataset.mixture.means_k2 * scale, means, atol=1e-12)
  assert dataset.mixture.sigma * scale == pytest.approx(sigma)
  config = make_config(source="mixture", name=name)
  assert sources.train_shape(config) == dataset.train.images.shape
  for split, count in ((dataset.train, 100_000), (dataset.test, 10_000)):
    assert split.images.shape == (count, 1, 1, 2)
    assert split.images.dtype == np.float32
    assert split.labels.dtype == np.int32
    assert np.abs(split.images).max() < 1  # model range
    # all modes have the same weight, and each is a normal distribution
    counts = np.bincount(split.labels, minlength=len(means))
    assert stats.chisquare(counts).pvalue > 1e-3
    noise = split.images[:, 0, 0] * scale - np.asarray(means)[split.labels]
    for coordinate in noise.T:
      assert stats.kstest(coordinate / sigma, "norm").pvalue > 1e-3
    assert abs(np.corrcoef(noise.T)[0, 1]) < 5 / np.sqrt(count)
  assert not np.isin(dataset.test.images[:, 0, 0, 0], dataset.train.images).all()


def test_the_points_never_change(load):
  # Figures of different versions can be compared only if this holds.
  points = load("grid").train.images[:2, 0, 0] * 5
  np.testing.assert_allclose(points, GOLDEN, rtol=1e-6)


def test_floats_are_unchanged():
  points = np.random.default_rng(0).normal(size=(7, 1, 1, 2)).astype(np.float32)
  for convert in (to_model_range, jax.jit(to_model_range)):
    assert np.asarray(convert(points)).tobytes() == points.tobytes()
  np.testing.assert_allclose(
    mean_image(points), points.astype(np.float64).mean(axis=0), rtol=1e-6
  )
  assert mean_image(points).dtype == np.float32


def test_streamed_points_are_the_resident_ones(load):
  split = load("ring").train

  def indices_of_call(call):
    return order.batch_indices(0, "gan", call, 1, (3, 8), len(split.images))

  batches = []
  for placement in PLACEMENTS.values():
    source = split if placement.resident else ()
    examples = placement.examples(split, indices_of_call, 0, 2)
    gather = jax.jit(placement.gather)
    batches.append([gather(source, call_examples) for call_examples in examples])
  for resident, streamed in zip(*batches, strict=True):
    assert resident.keys() == streamed.keys()
    for name, array in resident.items():
      assert np.asarray(array).tobytes() == np.asarray(streamed[name]).tobytes()
  assert resident["image"].shape == (1, 3, 8, 1, 1, 2)


@pytest.mark.parametrize(
  ("changes", "words"),
  [({}, "data.name='mnist'"), ({"name": "ring", "image_size": 4}, "data.image_size=4")],
)
def test_an_unknown_mixture_is_refused_in_one_line(changes, words):
  config = all_sections()
  config.data.source = "mixture"
  config.data.update(changes)
  with pytest.raises(UserError) as refusal:
    validate(config)
  assert words in str(refusal.value)
  assert str(refusal.value).isprintable()


def test_a_run_on_points_draws_them_and_samples_in_the_papers_units(train_two_steps):
  workdir, _ = train_two_steps(("sae", "gan"), source="mixture", name="grid")
  names = {path.stem.rsplit("_", 1)[0] for path in (workdir / "images").iterdir()}
  assert names == {"sae_reconstructions", "gan_samples"}

  def sample(count, format):
    sample_run(workdir, {}, count, format, Console(io.StringIO()))

  sample(5, "npz")
  with np.load(workdir / "samples" / "samples.npz") as stored:
    points = stored["arr_0"]
  assert points.shape == (5, 2)
  assert points.dtype == np.float32
  with Image.open(workdir / "samples.png") as picture:
    pixels = np.asarray(picture)
  # in the picture, which shows [-1, 1]^2, each of them is dark where it should be
  corner = np.rint((points / 5 + 1) / 2 * 446).astype(int)
  assert (pixels[446 - corner[:, 1], corner[:, 0]] == 0).all()
  # the real mode at (4, 4) is pale: an untrained generator does not reach it
  assert 190 in pixels[43:48, 399:404]
  with pytest.raises(UserError, match="--format=npz"):
    sample(5, "png")
